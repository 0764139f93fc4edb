/// A small map that is always walked in the order of its keys.
///
/// Swift's own `Dictionary` is salted anew in each process: a core that walked one would act in another order each time, and no
/// failure could be replayed. The maps here hold members, links and sessions, so that a sorted array is also the faster choice.
public struct SortedMap<Key: Comparable & Sendable, Value: Sendable>: Sendable {
    public private(set) var keys: [Key] = []
    public private(set) var values: [Value] = []

    public init() {}

    public var count: Int { keys.count }
    public var isEmpty: Bool { keys.isEmpty }

    public subscript(key: Key) -> Value? {
        get {
            let place = lowerBound(key)
            return place < keys.count && keys[place] == key ? values[place] : nil
        }
        set {
            let place = lowerBound(key)
            let exists = place < keys.count && keys[place] == key
            switch (newValue, exists) {
            case (let value?, true): values[place] = value
            case (let value?, false):
                keys.insert(key, at: place)
                values.insert(value, at: place)
            case (nil, true):
                keys.remove(at: place)
                values.remove(at: place)
            case (nil, false): break
            }
        }
    }

    /// Changes a value in place. Nothing happens where there is none.
    public mutating func update(_ key: Key, _ change: (inout Value) -> Void) {
        let place = lowerBound(key)
        guard place < keys.count, keys[place] == key else { return }
        change(&values[place])
    }

    public mutating func removeAll(where shouldRemove: (Key, Value) -> Bool) {
        var keptKeys: [Key] = []
        var keptValues: [Value] = []
        for (key, value) in zip(keys, values) where !shouldRemove(key, value) {
            keptKeys.append(key)
            keptValues.append(value)
        }
        keys = keptKeys
        values = keptValues
    }

    /// Key and value, ascending by key.
    public var pairs: Zip2Sequence<[Key], [Value]> { zip(keys, values) }

    private func lowerBound(_ key: Key) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
