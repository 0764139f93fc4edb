import Wire

extension RaftMessage {
    /// Whether its numbers can be worked with: terms and indexes within bounds, entries consecutive, terms that never
    /// decrease along a log nor exceed the message's own.
    func isSensible(_ settings: RaftSettings) -> Bool {
        guard term.value <= Limits.counter, term > .zero else { return false }
        switch kind {
        case .preVote(let lastIndex, let lastTerm), .vote(let lastIndex, let lastTerm, _):
            return lastIndex.isSensible && lastTerm <= term
        case .preVoteReply, .voteReply, .timeoutNow: return true
        case .append(let previousIndex, let previousTerm, let commit, let entries, _):
            guard previousIndex.isSensible, commit.isSensible, previousTerm <= term else { return false }
            guard previousIndex > .zero || previousTerm == .zero else { return false }
            var last = (index: previousIndex, term: previousTerm)
            for entry in entries {
                guard entry.index == last.index.next, entry.term >= last.term, entry.term <= term else { return false }
                if case .voters(let set) = entry.body, !set.isWithin(settings) { return false }
                last = (entry.index, entry.term)
            }
            return last.index.isSensible
        case .appended(let match, _): return match.isSensible
        case .appendRefused(let previous, let last, let conflictTerm, let conflictFirst, _):
            return previous.isSensible && last.isSensible && conflictFirst.isSensible && conflictTerm <= term
        case .snapshot(let snapshot, _):
            return snapshot.index.isSensible && snapshot.index > .zero && snapshot.term <= term
                && snapshot.voters.isWithin(settings)
        }
    }
}

extension LogIndex {
    var isSensible: Bool { value <= Limits.counter }
}
