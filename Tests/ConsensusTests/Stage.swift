import Consensus
import Identity
import RaftWorld
import Wire

let (a, b, c, d, e, f, g) = (
    World.id(0), World.id(1), World.id(2), World.id(3), World.id(4), World.id(5), World.id(6)
)

/// A few Rafts that do nothing unless told to, and a transcript of all they do. Messages wait until they are delivered
/// or lost; writes complete at once, unless a disk is held.
final class Stage {
    struct Letter {
        let from: PeerID
        let to: PeerID
        let message: RaftMessage
    }
    struct Actor {
        var raft: Raft
        var disk: RaftState
        var writes: [(token: WriteToken, write: RaftWrite)] = []
        var isDiskHeld = false
    }

    private(set) var lines: [String] = []
    private(set) var letters: [Letter] = []
    private var actors = SortedMap<PeerID, Actor>()
    private(set) var now = Instant.zero
    /// What was granted and refused.
    private(set) var answers: [ReadAnswer] = []
    private(set) var applied = SortedMap<PeerID, [LogEntry]>()
    let settings: RaftSettings

    init(settings: RaftSettings = .standard) { self.settings = settings }

    // MARK: The cast

    func enter(_ peer: PeerID, _ state: RaftState) {
        let seed = UInt64(peer.bytes[31])
        actors[peer] = Actor(
            raft: Raft(own: peer, state: state, settings: settings, seed: seed, now: now), disk: state)
        settle(peer)
    }

    func enter(_ peers: [PeerID], terms: [UInt64] = [], term: UInt64 = 1, learners: [PeerID] = []) {
        for peer in peers + learners { enter(peer, .with(voters: peers, learners: learners, terms: terms, term: term)) }
    }

    subscript(peer: PeerID) -> Raft { actors[peer]!.raft }
    func disk(of peer: PeerID) -> RaftState { actors[peer]!.disk }
    func entries(of peer: PeerID) -> [LogEntry] { self[peer].entries(after: .zero) }

    func restart(_ peer: PeerID) {
        say("\(peer.name) restarts")
        letters.removeAll { $0.to == peer }
        enter(peer, actors[peer]!.disk)
    }

    func leave(_ peer: PeerID) {
        say("\(peer.name) is gone")
        actors[peer] = nil
        letters.removeAll { $0.to == peer || $0.from == peer }
    }

    // MARK: Directions

    func say(_ text: String) { lines.append("# " + text) }

    func wait(_ milliseconds: Int64) { now = now.advanced(by: .milliseconds(milliseconds)) }

    /// Time passes until this peer wakes by itself.
    func wake(_ peer: PeerID) {
        now = max(now, self[peer].nextWake)
        tell(peer) { $0.passTime(at: self.now) }
    }

    @discardableResult
    func tell<Result>(_ peer: PeerID, _ order: (inout Raft) -> Result) -> Result? {
        var result: Result?
        actors.update(peer) { result = order(&$0.raft) }
        settle(peer)
        return result
    }

    func propose(_ peer: PeerID, _ text: String = "x") {
        tell(peer) { raft in _ = raft.propose(Array(text.utf8), at: now) }
    }

    /// A message as if from someone who is not on stage, or as none would send it.
    func inject(_ message: RaftMessage, from: PeerID, to: PeerID) {
        lines.append(Stage.line(Letter(from: from, to: to, message: message)))
        tell(to) { $0.received(message, from: from, at: now) }
    }

    /// Delivers what waits and what follows from it, in order, until nothing is left.
    func deliver(where isChosen: (Letter) -> Bool = { _ in true }) {
        while let place = letters.firstIndex(where: isChosen) {
            let letter = letters.remove(at: place)
            guard actors[letter.to] != nil else { continue }
            tell(letter.to) { $0.received(letter.message, from: letter.from, at: now) }
        }
    }

    func deliver(from: PeerID? = nil, to: PeerID? = nil) {
        deliver { ($0.from == from ?? $0.from) && ($0.to == to ?? $0.to) }
    }

    /// Only those that wait now.
    func deliverOnce(where isChosen: (Letter) -> Bool = { _ in true }) {
        let chosen = letters.filter(isChosen)
        letters.removeAll(where: isChosen)
        for letter in chosen where actors[letter.to] != nil {
            tell(letter.to) { $0.received(letter.message, from: letter.from, at: now) }
        }
    }

    func lose(where isChosen: (Letter) -> Bool = { _ in true }) {
        for letter in letters where isChosen(letter) { lines.append("lost: " + Stage.line(letter)) }
        letters.removeAll(where: isChosen)
    }

    /// Takes what waits off the stage, to be brought back later.
    func take(where isChosen: (Letter) -> Bool) -> [Letter] {
        let taken = letters.filter(isChosen)
        letters.removeAll(where: isChosen)
        return taken
    }

    func holdDisk(_ peer: PeerID) { actors.update(peer) { $0.isDiskHeld = true } }

    /// The oldest write that is under way, or nothing.
    func completeWrite(_ peer: PeerID) {
        guard let write = actors[peer]?.writes.first else { return }
        lines.append("    \(peer.name)'s disk has \(Stage.text(write.write))")
        actors.update(peer) { actor in
            actor.writes.removeFirst()
            actor.disk.apply(write.write)
            actor.raft.stored(write.token, at: now)
        }
        settle(peer)
    }

    func releaseDisk(_ peer: PeerID) {
        while actors[peer]?.writes.isEmpty == false { completeWrite(peer) }
        actors.update(peer) { $0.isDiskHeld = false }
    }

    /// It is elected, and what it sends as a leader waits.
    func elect(_ peer: PeerID, until role: RaftRole) {
        wake(peer)
        deliver { letter in
            if case .append = letter.message.kind { false } else { self[peer].role != role }
        }
    }

    /// The peer times out, is elected by those who can hear it, and all is delivered; told at length or in a line.
    func elect(_ peer: PeerID, atLength: Bool = false) {
        let before = lines
        for _ in 0..<10 where self[peer].role != .leader {
            wake(peer)
            deliver()
        }
        guard !atLength else { return }
        lines = before
        let raft = self[peer]
        say("\(peer.name) leads term \(raft.term), and all have what it has: \(raft.lastIndex)@\(raft.lastTerm).")
    }

    // MARK: What they do

    private func settle(_ peer: PeerID) {
        while true {
            var next: Ready?
            actors.update(peer) { next = $0.raft.takeReady() }
            guard let ready = next else { return }
            show(ready, peer)
        }
    }

    private func show(_ ready: Ready, _ peer: PeerID) {
        if let change = ready.roleChange {
            let follows = change.leader.map { $0 == peer ? "" : " of \($0.name)" } ?? ""
            lines.append("    \(peer.name) is \(change.role.text)\(follows) in term \(change.term)")
        }
        for (recipient, message) in ready.messages {
            let letter = Letter(from: peer, to: recipient, message: message)
            lines.append(Stage.line(letter))
            letters.append(letter)
        }
        if let snapshot = ready.restored { lines.append("    \(peer.name) restores the state at \(snapshot.index)") }
        if !ready.committed.isEmpty {
            lines.append("    \(peer.name) applies \(ready.committed.map(\.text).joined(separator: " "))")
            applied[peer] = (applied[peer] ?? []) + ready.committed
        }
        for read in ready.reads {
            lines.append("    \(peer.name) \(read.granted.map { "grants a read at \($0)" } ?? "refuses a read")")
            answers.append(read)
        }
        guard let (token, write) = ready.write else { return }
        actors.update(peer) { $0.writes.append((token, write)) }
        if actors[peer]!.isDiskHeld {
            lines.append("    \(peer.name) begins to write \(Stage.text(write))")
        } else {
            lines.append("    \(peer.name) writes \(Stage.text(write))")
            actors.update(peer) { actor in
                actor.writes.removeFirst()
                actor.disk.apply(write)
                actor.raft.stored(token, at: now)
            }
        }
    }
}
