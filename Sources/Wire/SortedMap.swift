/// A small map that is always walked in the order of its keys.
///
/// Swift's own `Dictionary` is salted anew in each process: a core that walked one would act in another order each time, and no
/// failure could be replayed. The maps here hold members, links and sessions, so that a sorted array is also the faster choice.
///
/// Its methods can be inlined elsewhere: unspecialised, each look into a map would ask the runtime for the types of its tuples.
public struct SortedMap<Key: Comparable & Sendable, Value: Sendable>: Sendable {
    @usableFromInline var sortedKeys: [Key] = []
    @usableFromInline var valuesInOrder: [Value] = []

    @inlinable public init() {}

    @inlinable public var keys: [Key] { sortedKeys }
    @inlinable public var values: [Value] { valuesInOrder }
    @inlinable public var count: Int { sortedKeys.count }
    @inlinable public var isEmpty: Bool { sortedKeys.isEmpty }

    @inlinable public subscript(key: Key) -> Value? {
        get {
            guard let place = place(of: key) else { return nil }
            return valuesInOrder[place]
        }
        set {
            let place = lowerBound(key)
            let exists = place < sortedKeys.count && sortedKeys[place] == key
            if let newValue {
                if exists {
                    valuesInOrder[place] = newValue
                } else {
                    sortedKeys.insert(key, at: place)
                    valuesInOrder.insert(newValue, at: place)
                }
            } else if exists {
                sortedKeys.remove(at: place)
                valuesInOrder.remove(at: place)
            }
        }
    }

    @inlinable public func contains(_ key: Key) -> Bool { place(of: key) != nil }

    /// Changes a value in place. Nothing happens where there is none.
    @inlinable public mutating func update(_ key: Key, _ change: (inout Value) -> Void) {
        guard let place = place(of: key) else { return }
        change(&valuesInOrder[place])
    }

    @inlinable public mutating func removeAll(where shouldRemove: (Key, Value) -> Bool) {
        // Most often there is nothing to remove.
        guard let first = sortedKeys.indices.first(where: { shouldRemove(sortedKeys[$0], valuesInOrder[$0]) }) else {
            return
        }
        var keptKeys = Array(sortedKeys[..<first])
        var keptValues = Array(valuesInOrder[..<first])
        for place in sortedKeys.indices.dropFirst(first + 1)
        where !shouldRemove(sortedKeys[place], valuesInOrder[place]) {
            keptKeys.append(sortedKeys[place])
            keptValues.append(valuesInOrder[place])
        }
        sortedKeys = keptKeys
        valuesInOrder = keptValues
    }

    /// Key and value, ascending by key.
    @inlinable public var pairs: Zip2Sequence<[Key], [Value]> { zip(sortedKeys, valuesInOrder) }

    @inlinable func place(of key: Key) -> Int? {
        let place = lowerBound(key)
        return place < sortedKeys.count && sortedKeys[place] == key ? place : nil
    }

    @inlinable func lowerBound(_ key: Key) -> Int {
        var low = 0
        var high = sortedKeys.count
        while low < high {
            let middle = (low + high) / 2
            if sortedKeys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
