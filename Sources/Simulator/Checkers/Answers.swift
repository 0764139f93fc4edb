import MeshCore
import Wire

/// Every request is answered once, and what was told of changes is linear: a change that was asked for after another was answered comes
/// after it.
struct Answers {
    struct Asked {
        let host: Int
        let life: Int
        let at: Instant
        let isChat: Bool
        let isChange: Bool
    }
    private struct Change {
        let asked: Instant
        let answered: Instant
        let revision: Revision
        let generation: UInt64
    }

    /// Those that wait for their last answer, by the order in which they were made.
    private(set) var open = SortedMap<RequestID, Int>()
    private var asked: [RequestID: Asked] = [:]
    private var changes: [Change] = []

    mutating func asked(_ id: RequestID, _ what: Asked) {
        asked[id] = what
        open[id] = what.host
    }

    func request(_ id: RequestID) -> Asked? { asked[id] }

    /// The last answer has come. `revision` is what a change became.
    mutating func answered(_ id: RequestID, revision: Revision?, generation: UInt64, at now: Instant) -> String? {
        guard let what = asked[id] else { return "request \(id.value) is answered, and nobody made it" }
        guard open[id] != nil else { return "request \(id.value) is answered twice" }
        open[id] = nil
        guard let revision else { return nil }
        defer {
            changes.append(Change(asked: what.at, answered: now, revision: revision, generation: generation))
        }
        for before in changes where before.answered < what.at && before.generation == generation {
            if before.revision >= revision {
                return
                    "a change was told as revision \(revision), and one that was answered before it was asked for as "
                    + "revision \(before.revision)"
            }
        }
        if changes.contains(where: { $0.generation == generation && $0.revision == revision }) {
            return "two changes were told as revision \(revision)"
        }
        return nil
    }

    /// The process is gone: nobody can answer its requests any more.
    mutating func ended(_ host: Int) { open.removeAll { _, asker in asker == host } }

    /// Taken back by whoever asked.
    mutating func cancelled(_ id: RequestID) { open[id] = nil }
}
