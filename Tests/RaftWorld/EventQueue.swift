import Wire

/// Happenings in the order of their time, and among equals in the order in which they were added.
struct EventQueue<Event> {
    private struct Item {
        let time: Instant
        let order: Int
        let event: Event
        func isBefore(_ other: Item) -> Bool { (time, order) < (other.time, other.order) }
    }
    private var heap: [Item] = []
    private var added = 0

    var nextTime: Instant? { heap.first?.time }

    mutating func add(_ event: Event, at time: Instant) {
        added += 1
        heap.append(Item(time: time, order: added, event: event))
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func take() -> Event? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first.event }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].isBefore(heap[least]) { least = child }
            }
            if least == parent { return first.event }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
