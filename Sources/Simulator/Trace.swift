import Wire

/// What happens, in a word and two numbers.
struct Mark: Sendable {
    let name: String
    /// Tells kinds apart in the trace's hash.
    let code: UInt64
    var first: UInt64 = 0
    var second: UInt64 = 0
}

/// Everything that happened in a world: as a hash, and on demand in words.
///
/// The hash is over times, machines, kinds and salient numbers, in order, so that two runs which differ anywhere differ here.
struct Trace {
    struct Entry {
        enum Direction: UInt8 {
            case takes
            case does
        }
        let time: Instant
        let host: Int
        /// The machine at the other end of what was sent or received.
        let other: Int?
        let direction: Direction
        let mark: Mark
    }

    /// Entries kept for each machine, for the diagram of a failure.
    static let kept = 80

    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var count = 0
    private var rings: [Ring] = []
    /// Hands out each entry as a line. Costs far more than anything else: only where somebody reads it.
    var printer: ((String) -> Void)?
    /// Keeps the latest entries of each machine.
    var keeps = false

    mutating func fold(_ value: UInt64) {
        hash = (hash ^ value) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 32
    }

    mutating func note(
        _ direction: Entry.Direction, _ mark: Mark, by host: Int, with other: Int? = nil, at now: Instant
    ) {
        count += 1
        fold(UInt64(bitPattern: now.nanoseconds))
        fold(UInt64(host) << 16 | mark.code << 1 | UInt64(direction.rawValue))
        fold(mark.first)
        fold(mark.second)
        guard keeps || printer != nil else { return }
        let entry = Entry(time: now, host: host, other: other, direction: direction, mark: mark)
        if keeps {
            while rings.count <= host { rings.append(Ring()) }
            rings[host].append(entry)
        }
        if let printer { printer(Diagram.line(entry)) }
    }

    /// The latest entries of these machines together, oldest first.
    func latest(of hosts: [Int], count: Int) -> [Entry] {
        let entries = hosts.filter { $0 < rings.count }.flatMap { rings[$0].entries }
        let ordered = entries.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
        return ordered.suffix(count).map(\.element)
    }

    private struct Ring {
        private var slots: [Entry] = []
        private var next = 0

        mutating func append(_ entry: Entry) {
            if slots.count < Trace.kept {
                slots.append(entry)
            } else {
                slots[next] = entry
            }
            next = (next + 1) % Trace.kept
        }

        var entries: [Entry] {
            slots.count < Trace.kept ? slots : Array(slots[next...] + slots[..<next])
        }
    }
}
