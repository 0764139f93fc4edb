import Wire

/// What is going to happen, by time; of two things at one time the one that was planned first comes first. A binary heap.
struct EventQueue<Event> {
    private struct Item {
        let time: Int64
        let order: UInt64
        let event: Event
        func isBefore(_ other: Item) -> Bool { time < other.time || (time == other.time && order < other.order) }
    }

    private var heap: [Item] = []
    private var planned: UInt64 = 0

    var count: Int { heap.count }
    /// When the next thing happens.
    var nextTime: Instant? { heap.first.map { Instant(nanoseconds: $0.time) } }

    mutating func plan(_ event: Event, at time: Instant) {
        planned += 1
        let item = Item(time: time.nanoseconds, order: planned, event: event)
        heap.append(item)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard item.isBefore(heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = item
    }

    mutating func takeNext() -> (time: Instant, event: Event)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            var parent = 0
            while true {
                var child = 2 * parent + 1
                guard child < heap.count else { break }
                if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
                guard heap[child].isBefore(last) else { break }
                heap[parent] = heap[child]
                parent = child
            }
            heap[parent] = last
        }
        return (Instant(nanoseconds: first.time), first.event)
    }
}
