import Identity
import Membership
import Wire

/// A minute of loss, doubles, delays, partitions, stalls, crashes and a member that lies; then calm, in which all must
/// come to know what is so. What a belief may never do is checked with everything that is heard.
package final class Storm {
    package struct Broken: Hashable, Sendable {
        /// One of those of docs/simulation.md.
        package let invariant: String
        package let what: String
    }

    private struct Stand {
        var life: UInt64
        var incarnation: Incarnation
        var liveness: Liveness
        var record: RecordVersion
    }

    private static let count = 6
    private static let liar = 5
    private static let honest = 0...4
    private let world: World
    private let stranger: SigningKey
    private var broken: Broken?
    /// What a member believed of another when it was last looked at, by `observer * count + other`.
    private var stands: [Stand?] = Array(repeating: nil, count: Storm.count * Storm.count)
    /// Records that were published once, for replays.
    private var published: [Signed] = []

    package init(seed: UInt64) {
        world = World(Storm.count, seed: seed, linked: seed % 2 == 0)
        guard let key = SigningKey(seed: [UInt8](repeating: 99, count: 32)) else {
            preconditionFailure("a seed of 32 bytes was refused")
        }
        stranger = key
        world.onHearing = { [unowned self] hearer, message in check(hearer, after: message) }
    }

    /// Nil where everything held.
    package func run() -> Broken? {
        world.advance(.seconds(5))
        world.faults.loss = Double(world.draw(0...30)) / 100
        world.faults.duplicates = Double(world.draw(0...50)) / 100
        world.faults.delayMost = .milliseconds(Int64(world.draw(1...100)))
        for _ in 0..<24 where broken == nil {
            strike()
            world.advance(.milliseconds(Int64(world.draw(200...4_000)))) { self.broken != nil }
        }
        return broken ?? calm()
    }

    private func strike() {
        let (one, other) = (world.draw(Storm.honest), world.draw(Storm.honest))
        switch world.draw(0...10) {
        case 0: world.cuts = { ($0 <= one) != ($1 <= one) }
        case 1: world.cuts = { $0 == one && $1 == other }
        case 2: world.cuts = { _, _ in false }
        case 3: world.stall(one, for: .seconds(Int64(world.draw(1...9))))
        case 4, 5: if world.members[one].isUp { world.crash(one) } else { world.restart(one) }
        case 6, 7:
            guard world.members[one].isUp else { return }
            world.publish(one)
            if let record = world.members[one].gossip.store.signed(of: world.peer(one)) { published.append(record) }
        default: for _ in 0..<4 { lie(about: one, to: other) }
        }
    }

    /// Something that the liar says about somebody else.
    private func lie(about victim: Int, to hearer: Int) {
        var rumours: [Rumour] = []
        var records: [Signed] = []
        switch world.draw(0...4) {
        case 0, 1:
            let believed = world.members[hearer].gossip.incarnation(of: world.peer(victim))
            let incarnation = Incarnation(
                epoch: believed.epoch + UInt64(world.draw(0...2)), count: believed.count + UInt64(world.draw(0...3)))
            rumours = [
                Rumour(
                    about: world.peer(victim), incarnation: incarnation,
                    liveness: Liveness.allCases[world.draw(0...2)], by: world.peer(Storm.liar))
            ]
        case 2:
            // In another's name, with a signature that is none.
            let genuine = world.record(victim, sequence: world.members[victim].sequence + 1, name: "forged")
            records = [
                Signed(payload: genuine.payload, signer: genuine.signer, signature: .init(repeating: 1, count: 64))
            ]
        case 3:
            let own = PeerRecord(
                network: World.network, version: RecordVersion(epoch: 1, sequence: 1), name: "stranger", addresses: [],
                grantedMemory: 1, held: [], loaded: [], applied: .none)
            records = [own.signed(by: stranger)]
        default: records = published.isEmpty ? [] : [published[world.draw(0...published.count - 1)]]
        }
        let message = GossipMessage(
            kind: .news, incarnation: world.members[Storm.liar].gossip.incarnation, rumours: rumours, records: records)
        world.inject(message, from: Storm.liar, to: hearer)
    }

    // MARK: What must hold

    private func fail(_ invariant: String, _ what: String) {
        if broken == nil { broken = Broken(invariant: invariant, what: what) }
    }

    private func check(_ hearer: Int, after message: GossipMessage) {
        guard broken == nil else { return }
        let gossip = world.members[hearer].gossip
        for rumour in message.rumours where rumour.about != gossip.own {
            // Only what is said of a life that the member has spoken of itself must be believed.
            guard let record = gossip.record(of: rumour.about), record.version.epoch >= rumour.incarnation.epoch else {
                continue
            }
            let believed = (gossip.incarnation(of: rumour.about), gossip.liveness(of: rumour.about))
            if believed < (rumour.incarnation, rumour.liveness) { fail("view", "\(hearer) heard worse, and kept less") }
        }
        if gossip.records.count > Storm.count { fail("bounds", "\(hearer) keeps records of strangers") }
        for other in 0..<Storm.count { check(other, as: hearer, gossip) }
    }

    private func check(_ other: Int, as hearer: Int, _ gossip: Gossip) {
        let peer = world.peer(other)
        let life = world.members[other].epoch
        let stand = Stand(
            life: world.members[hearer].epoch, incarnation: gossip.incarnation(of: peer),
            liveness: gossip.liveness(of: peer), record: gossip.record(of: peer)?.version ?? .none)
        if gossip.isProven(peer), stand.incarnation.epoch > life {
            fail("view", "\(hearer) believes in life \(stand.incarnation.epoch) of \(other), which lives \(life)")
        }
        let place = hearer * Storm.count + other
        defer { stands[place] = stand }
        if stand.record != stands[place]?.record, let record = gossip.store.signed(of: peer),
            !record.isValid(domain: .record)
        {
            fail("authority", "\(hearer) believes a record of \(other) that \(other) has not signed")
        }
        guard let before = stands[place], before.life == stand.life else { return }
        if stand.record < before.record { fail("monotone", "\(hearer) goes back to an older record of \(other)") }
        // What was believed of a life that never began may be taken back.
        guard before.incarnation.epoch <= life else { return }
        if (stand.incarnation, stand.liveness) < (before.incarnation, before.liveness) {
            fail("monotone", "\(hearer) goes back to \(stand.incarnation) of \(other)")
        }
    }

    /// One may stay off for ever; all others are to know that, and everything else.
    private func calm() -> Broken? {
        world.faults = World.Faults()
        world.cuts = { _, _ in false }
        let off = world.draw(Storm.honest)
        if world.members[off].isUp { world.crash(off) }
        for number in 0..<Storm.count where number != off && !world.members[number].isUp { world.restart(number) }
        for _ in 0..<60 where broken == nil {
            world.advance(.seconds(1))
            if world.isConverged { return broken }
        }
        fail("convergence", "a minute later not everybody knows what is so")
        return broken
    }
}
