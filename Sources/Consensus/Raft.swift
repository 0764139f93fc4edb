import Identity
import Wire

/// One peer's part in agreeing on a log: Raft (Ongaro and Ousterhout 2014), with what the field has found to be
/// necessary since.
///
/// It promises that no two peers ever apply different entries at the same index, as long as disks keep what they have
/// reported as written; and that entries are committed as long as a majority of the voters reach each other. It assumes
/// nothing of the network: messages may be lost, doubled, delayed and reordered. It does not defend against voters that
/// lie, though nothing that one sends makes it trap or grow without bound.
///
/// Where it goes beyond the paper, or away from it:
/// - PreVote (thesis §9.6), and voters that heard a leader lately refuse to vote: whoever returns disturbs nobody. A
///   leader that has not heard from a majority for an election timeout steps down. A leader of an older term is told
///   the newer one, so that it steps down rather than keep from voting those who still hear it.
/// - Votes, refusals and acknowledgements leave only when what they rest on is on disk; a candidate's own vote and a
///   leader's own entries count only then. Several writes may be under way at once (`WriteLedger`).
/// - Heartbeats go to each follower by itself, and only after a time in which it was sent nothing else; they are rare
///   where it has everything (`RaftTimes`).
/// - An acknowledgement tells how far the log is on disk, not which message it answers: one per completed write is
///   enough.
/// - Entries are applied when they are committed and on this peer's own disk.
/// - Voters change by joint consensus, in two steps that the application takes; learners change in one.
/// - Reads by ReadIndex: a leader's tokens grow with each message and are never used twice, and a read counts only
///   echoes of tokens that were sent after it was asked.
/// - A refused append names the conflicting term and where it begins; both sides skip whole terms.
///
/// Inputs are methods that take the time; after each of them `takeReady` tells what is to be done, and `nextWake` when
/// `passTime` is due.
public struct Raft: Sendable {
    /// What `nextWake` says when there is nothing to wait for.
    public static let never = Instant(nanoseconds: .max)

    let own: PeerID
    let settings: RaftSettings
    var random: SeededGenerator

    var hard: HardState
    var log: RaftLog
    var history: VoterHistory
    var ledger: WriteLedger
    /// The log's snapshot goes into the next write.
    var isSnapshotDirty = false
    /// Accepted from a leader; the application gets it when it is on disk.
    var restoring: RaftSnapshot?

    public internal(set) var role = RaftRole.follower
    /// Of this term; nil where nobody is known to lead.
    public internal(set) var leader: PeerID?
    /// The active set: the last one in the log, committed or not (Raft §6).
    public internal(set) var voters: VoterSet
    /// Everything up to here is decided.
    public internal(set) var commit: LogIndex
    /// Everything up to here was handed to the application.
    public internal(set) var applied: LogIndex

    /// Promises nothing: see `silence`.
    public internal(set) var isSilent: Bool
    /// Where the longest log ended of those that were told when a silence ended.
    var floor: LogEnd?

    // All but leaders.
    var electionDue: Instant
    /// When a leader of this term was heard last, and not lost since.
    var heardLeader: Instant?
    /// Voters that answered this candidacy.
    var granted: [PeerID] = []
    var refused: [PeerID] = []

    /// Those whose link was lost, until it is back or something is heard of them.
    var unreachable: [PeerID] = []

    // Followers. The log is the leader's up to `agreed`.
    var agreed = LogIndex.zero
    var leaderToken: UInt64 = 0
    var owesAnswer = false

    // Leaders.
    /// All but this peer, ascending.
    var progress: [Progress] = []
    /// Of the last message with a token; never goes back.
    var token: UInt64 = 0
    /// When somebody is to be told or asked again: the earliest of all followers' `Progress.due`.
    var heartbeatDue = Raft.never
    var wantsReplication = false
    var wantsRound = false
    var uncommittedBytes = 0
    /// The first entry of this leader's term.
    var termStart = LogIndex.zero
    var reads: [PendingRead] = []
    var transfer: Transfer?

    // Waiting for `takeReady`.
    var outbox: [(to: PeerID, message: RaftMessage)] = []
    /// Leave when the hard state is on disk. All are of the present term.
    var held: [(to: PeerID, message: RaftMessage)] = []
    var answers: [ReadAnswer] = []
    var told: Ready.Change
    /// The time of the last input.
    var clock: Instant

    /// `state` is what was read from disk; the application begins with its snapshot. The seed decides when elections
    /// are sought, and has to differ from peer to peer. A silent one promises nothing until `speak`.
    public init(
        own: PeerID, state: RaftState, settings: RaftSettings = .standard, isSilent: Bool = false, seed: UInt64,
        now: Instant
    ) {
        self.own = own
        self.isSilent = isSilent
        self.settings = settings
        random = SeededGenerator(seed: seed)
        hard = state.hard
        log = RaftLog(snapshot: state.snapshot, entries: state.entries)
        history = VoterHistory(log: log)
        voters = history.last
        ledger = WriteLedger(durable: log.lastIndex)
        commit = log.snapshot.index
        applied = log.snapshot.index
        electionDue = Raft.never
        told = Ready.Change(role: .follower, term: state.hard.term, leader: nil)
        clock = now
        refreshVoters()
        if voters.isOnlyVoter(own), !isSilent {
            electionDue = now
            passTime(at: now)
        } else {
            drawElection()
        }
    }

    // MARK: Inputs

    /// A message from whoever holds the other end of the link. What makes no sense is ignored.
    public mutating func received(_ message: RaftMessage, from sender: PeerID, at now: Instant) {
        guard sender != own, message.isSensible(settings) else { return }
        clock = now
        if !unreachable.isEmpty { unreachable.removeAll { $0 == sender } }
        guard !isSilent else { return }
        switch message.kind {
        case .preVote(let lastIndex, let lastTerm):
            preVoteAsked(message.term, lastIndex: lastIndex, lastTerm: lastTerm, by: sender)
        case .preVoteReply(let isGranted):
            preVoteAnswered(message.term, isGranted: isGranted, by: sender)
        case .vote(let lastIndex, let lastTerm, let isTransfer):
            voteAsked(message.term, lastIndex: lastIndex, lastTerm: lastTerm, isTransfer: isTransfer, by: sender)
        case .voteReply(let isGranted):
            voteAnswered(message.term, isGranted: isGranted, by: sender)
        case .append(let previousIndex, let previousTerm, let commit, let entries, let token):
            guard accept(leader: sender, of: message.term, token: token) else { return }
            append(entries, after: previousIndex, previousTerm, leaderCommit: commit, token: token)
        case .snapshot(let snapshot, let token):
            guard accept(leader: sender, of: message.term, token: token) else { return }
            install(snapshot, token: token)
        case .appended(let match, let token):
            guard isAnswer(message.term, from: sender, token: token) else { return }
            followerAgreed(sender, to: match)
        case .appendRefused(let previous, let last, let conflictTerm, let conflictFirst, let token):
            guard isAnswer(message.term, from: sender, token: token) else { return }
            let hint = lastAgreed(
                previous: previous, lastIndex: last, conflictTerm: conflictTerm, conflictFirst: conflictFirst)
            followerRefused(sender, previous: previous, hint: hint, token: token)
        case .timeoutNow:
            guard message.term == hard.term, leader == sender, role == .follower, canCampaign else { return }
            campaign(isTransfer: true)
        }
    }

    public mutating func passTime(at now: Instant) {
        clock = now
        if role == .leader { return leaderTime() }
        guard electionDue <= now else { return }
        guard isElector else {
            leader = nil
            heardLeader = nil
            electionDue = Raft.never
            return
        }
        if canCampaign { preCampaign() } else { drawElection() }
    }

    /// The link to this peer is gone.
    public mutating func lost(_ peer: PeerID, at now: Instant) {
        clock = now
        if isKnown(peer), !unreachable.contains(peer) { unreachable.append(peer) }
        if role == .leader {
            update(peer) {
                $0.becomeProbe()
                $0.isReachable = false
            }
            if transfer?.target == peer { transfer = nil }
        } else if leader == peer {
            leader = nil
            heardLeader = nil
            guard isElector else { return electionDue = Raft.never }
            drawElection(from: settings.times.lossTimeout, to: settings.times.lossTimeout.times(4))
        }
    }

    /// The link to this peer is back. A leader asks at once how far it is.
    public mutating func regained(_ peer: PeerID, at now: Instant) {
        clock = now
        unreachable.removeAll { $0 == peer }
        guard role == .leader else { return }
        update(peer) {
            $0.becomeProbe()
            $0.isReachable = true
        }
        wantsReplication = true
    }

    /// When `passTime` is due.
    public var nextWake: Instant {
        guard role == .leader else { return electionDue }
        return min(heartbeatDue, transfer?.deadline ?? Raft.never)
    }
}

extension Interval {
    func times(_ factor: Int64) -> Interval { Interval(nanoseconds: nanoseconds * factor) }
}

extension VoterSet {
    func isOnlyVoter(_ peer: PeerID) -> Bool { voters == [peer] && outgoing.isEmpty }
}
