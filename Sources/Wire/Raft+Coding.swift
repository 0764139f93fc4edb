import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// The coding of what Raft stores and sends. Storage keeps entries' bodies, voter sets and snapshots by themselves.

extension VoterSet: ProtobufCodable {
    static var what: String { "voter set" }

    public func encoded() -> [UInt8] { Coding.bytes(self) }
    public init(encoded bytes: [UInt8]) throws(WireError) { self = try Coding.value(bytes) }

    var message: PBVoterSetMessage {
        var message = PBVoterSetMessage()
        message.voters = voters.map { Data($0.bytes) }
        message.outgoing = outgoing.map { Data($0.bytes) }
        message.learners = learners.map { Data($0.bytes) }
        return message
    }

    init(message: PBVoterSetMessage) throws(WireError) {
        let learners = try Field.ascending(message.learners, "learners", limit: Limits.learners)
        self.init(
            voters: try Field.ascending(message.voters, "voters", limit: Limits.voters),
            outgoing: try Field.ascending(message.outgoing, "outgoing", limit: Limits.voters), learners: learners)
        guard self.learners.count == learners.count else {
            throw .outOfRange(field: "learners", value: "a voter among them")
        }
    }
}

extension LogEntry.Body: ProtobufCodable {
    static var what: String { "log entry" }

    public func encoded() -> [UInt8] { Coding.bytes(self) }
    public init(encoded bytes: [UInt8]) throws(WireError) { self = try Coding.value(bytes) }

    var message: PBLogBodyMessage {
        var message = PBLogBodyMessage()
        switch self {
        case .empty: message.empty = true
        case .command(let bytes): message.command = Data(bytes)
        case .voters(let set): message.voters = set.message
        }
        return message
    }

    init(message: PBLogBodyMessage) throws(WireError) {
        switch message.body {
        case .empty(true): self = .empty
        case .command(let bytes):
            guard bytes.count <= Limits.entryBytes else {
                throw .tooLarge(what: "a log entry", bytes: bytes.count, limit: Limits.entryBytes)
            }
            self = .command(Array(bytes))
        case .voters(let set): self = .voters(try VoterSet(message: set))
        case .empty(false), nil: throw .malformed("log entry: it holds nothing that this version knows")
        }
    }
}

extension LogEntry {
    var message: PBLogEntryMessage {
        var message = PBLogEntryMessage()
        message.term = term.value
        message.index = index.value
        message.body = body.message
        return message
    }

    init(message: PBLogEntryMessage) throws(WireError) {
        guard message.index > 0, message.term > 0 else {
            throw .outOfRange(field: "index", value: "\(message.index) of term \(message.term)")
        }
        self.init(
            term: try Field.term(message.term), index: try Field.index(message.index),
            body: try Body(message: message.body))
    }
}

extension RaftSnapshot: ProtobufCodable {
    static var what: String { "snapshot" }

    public func encoded() -> [UInt8] { Coding.bytes(self) }
    public init(encoded bytes: [UInt8]) throws(WireError) { self = try Coding.value(bytes) }

    var message: PBRaftSnapshotMessage {
        var message = PBRaftSnapshotMessage()
        message.index = index.value
        message.term = term.value
        message.voters = voters.message
        message.state = Data(state)
        return message
    }

    init(message: PBRaftSnapshotMessage) throws(WireError) {
        guard message.state.count <= Limits.snapshotBytes else {
            throw .tooLarge(what: "a snapshot", bytes: message.state.count, limit: Limits.snapshotBytes)
        }
        self.init(
            index: try Field.index(message.index), term: try Field.term(message.term),
            voters: try VoterSet(message: message.voters), state: Array(message.state))
    }
}

extension RaftMessage {
    func frame(network: NetworkID, generation: UInt64) -> PBRaftFrame {
        var frame = PBRaftFrame()
        frame.network = Data(network.bytes)
        frame.generation = generation
        frame.term = term.value
        switch kind {
        case .preVote(let lastIndex, let lastTerm):
            frame.preVote = RaftMessage.vote(lastIndex, lastTerm)
        case .preVoteReply(let granted): frame.preVoteReply = granted
        case .vote(let lastIndex, let lastTerm, let isTransfer):
            frame.vote = RaftMessage.vote(lastIndex, lastTerm, isTransfer: isTransfer)
        case .voteReply(let granted): frame.voteReply = granted
        case .append(let previousIndex, let previousTerm, let commit, let entries, let token):
            var inner = PBRaftAppendMessage()
            inner.previousIndex = previousIndex.value
            inner.previousTerm = previousTerm.value
            inner.commit = commit.value
            inner.entries = entries.map(\.message)
            inner.token = token
            frame.append = inner
        case .appended(let match, let token):
            var inner = PBRaftAppendedMessage()
            inner.match = match.value
            inner.token = token
            frame.appended = inner
        case .appendRefused(let previousIndex, let lastIndex, let conflictTerm, let conflictFirst, let token):
            var inner = PBRaftAppendRefusedMessage()
            inner.previousIndex = previousIndex.value
            inner.lastIndex = lastIndex.value
            inner.conflictTerm = conflictTerm.value
            inner.conflictFirst = conflictFirst.value
            inner.token = token
            frame.appendRefused = inner
        case .snapshot(let snapshot, let token):
            var inner = PBRaftInstallMessage()
            inner.snapshot = snapshot.message
            inner.token = token
            frame.install = inner
        case .timeoutNow: frame.timeoutNow = true
        }
        return frame
    }

    private static func vote(_ index: LogIndex, _ term: Term, isTransfer: Bool = false) -> PBRaftVoteMessage {
        var inner = PBRaftVoteMessage()
        inner.lastIndex = index.value
        inner.lastTerm = term.value
        inner.isTransfer = isTransfer
        return inner
    }

    init(frame: PBRaftFrame) throws(WireError) {
        let kind: Kind
        switch frame.kind {
        case .preVote(let vote):
            kind = .preVote(lastIndex: try Field.index(vote.lastIndex), lastTerm: try Field.term(vote.lastTerm))
        case .preVoteReply(let granted): kind = .preVoteReply(granted: granted)
        case .vote(let vote):
            kind = .vote(
                lastIndex: try Field.index(vote.lastIndex), lastTerm: try Field.term(vote.lastTerm),
                isTransfer: vote.isTransfer)
        case .voteReply(let granted): kind = .voteReply(granted: granted)
        case .append(let append): kind = try Kind(append: append, term: frame.term)
        case .appended(let appended):
            kind = .appended(match: try Field.index(appended.match), token: appended.token)
        case .appendRefused(let refused):
            kind = .appendRefused(
                previousIndex: try Field.index(refused.previousIndex), lastIndex: try Field.index(refused.lastIndex),
                conflictTerm: try Field.term(refused.conflictTerm),
                conflictFirst: try Field.index(refused.conflictFirst), token: refused.token)
        case .install(let install):
            kind = .snapshot(try RaftSnapshot(message: install.snapshot), token: install.token)
        case .timeoutNow(true): kind = .timeoutNow
        case .timeoutNow(false), nil: throw .malformed("Raft message: it is of no kind that this version knows")
        }
        self.init(term: try Field.term(frame.term), kind: kind)
    }
}

extension RaftMessage.Kind {
    /// Entries follow each other and `previousIndex`; their terms never fall, and none is later than the leader's.
    fileprivate init(append: PBRaftAppendMessage, term: UInt64) throws(WireError) {
        try Field.count(append.entries.count, "entries", limit: Limits.raftEntries)
        var last = (index: try Field.index(append.previousIndex), term: try Field.term(append.previousTerm))
        var entries: [LogEntry] = []
        for entry in append.entries {
            let entry = try LogEntry(message: entry)
            guard entry.index == last.index.next, entry.term >= last.term, entry.term.value <= term else {
                throw .outOfRange(field: "entries", value: "entry \(entry.index) of term \(entry.term)")
            }
            last = (entry.index, entry.term)
            entries.append(entry)
        }
        self = .append(
            previousIndex: try Field.index(append.previousIndex), previousTerm: try Field.term(append.previousTerm),
            commit: try Field.index(append.commit), entries: entries, token: append.token)
    }
}
