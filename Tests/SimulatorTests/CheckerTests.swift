import Identity
import MeshCore
import NetworkConfig
import Testing
import Wire

@testable import Simulator

/// Each checker is shown a world in order, and one in which just its invariant is broken.
@Suite struct CheckerTests {
    private let group = GroupID(network: NetworkID(digest: Digest.of([1])), generation: 0)
    private func peer(_ number: UInt8) -> PeerID { key(number).peer }
    private func key(_ number: UInt8) -> SigningKey { SigningKey(seed: Digest.of([number]).bytes)! }

    private func entry(_ index: UInt64, term: UInt64) -> LogEntry {
        LogEntry(term: Term(term), index: LogIndex(index), body: .command([UInt8(term), UInt8(index)]))
    }

    private func state(_ entries: [LogEntry], term: UInt64 = 1, vote: PeerID? = nil) -> RaftState {
        var state = RaftState.empty
        state.hard = HardState(term: Term(term), vote: vote)
        state.entries = entries
        return state
    }

    @Test("election: two leaders of one term are found, and leaders of two terms are none of its business")
    func election() {
        var election = Election()
        #expect(election.leads(peer(1), Term(1), in: group) == nil)
        #expect(election.leads(peer(1), Term(1), in: group) == nil)
        #expect(election.leads(peer(2), Term(2), in: group) == nil)
        #expect(election.leads(peer(2), Term(1), in: GroupID(network: group.network, generation: 1)) == nil)
        #expect(election.leads(peer(2), Term(1), in: group) != nil)
    }

    @Test("log: another entry at an index that is committed is found; beyond the commit nothing is compared")
    func committedLog() {
        var log = CommittedLog()
        let one = state([entry(1, term: 1), entry(2, term: 1)])
        let other = state([entry(1, term: 1), entry(2, term: 2)])
        #expect(log.saw(one, commit: LogIndex(1), of: peer(1), in: group) == nil)
        #expect(log.saw(other, commit: LogIndex(2), of: peer(2), in: group) == nil)
        #expect(log.saw(one, commit: LogIndex(1), of: peer(1), in: group) == nil)
        #expect(log.saw(one, commit: LogIndex(2), of: peer(1), in: group) != nil)
    }

    @Test("log: a peer that starts anew is compared from the beginning")
    func comparedAgain() {
        var log = CommittedLog()
        #expect(log.saw(state([entry(1, term: 1)]), commit: LogIndex(1), of: peer(1), in: group) == nil)
        log.restarted(peer(1))
        #expect(log.saw(state([entry(1, term: 2)]), commit: LogIndex(1), of: peer(1), in: group) != nil)
    }

    @Test("durable: a vote that is not on disk, or the second one of a term, is found")
    func votes() {
        var durable = Durable()
        let voted = state([], term: 3, vote: peer(2))
        #expect(durable.grants(peer(2), Term(3), by: peer(1), disk: voted, in: group) == nil)
        #expect(durable.grants(peer(2), Term(3), by: peer(1), disk: voted, in: group) == nil)
        #expect(durable.grants(peer(3), Term(4), by: peer(1), disk: voted, in: group) != nil)
        // Forgotten in a loss of power, and given away again.
        let forgot = state([], term: 3, vote: peer(4))
        #expect(durable.grants(peer(4), Term(3), by: peer(1), disk: forgot, in: group) != nil)
        #expect(durable.grants(peer(4), Term(9), by: peer(5), disk: nil, in: group) != nil)
    }

    @Test("durable: what is acknowledged reaches no further than the disk")
    func acknowledgements() {
        let disk = state([entry(1, term: 1), entry(2, term: 1)])
        #expect(Durable().acknowledges(LogIndex(2), by: peer(1), disk: disk) == nil)
        #expect(Durable().acknowledges(LogIndex(3), by: peer(1), disk: disk) != nil)
        #expect(Durable().acknowledges(LogIndex(1), by: peer(1), disk: nil) != nil)
    }

    @Test("durable: whoever leads has that term on disk")
    func leading() {
        var durable = Durable()
        #expect(durable.leads(peer(1), Term(2), disk: state([], term: 2, vote: peer(1)), in: group) == nil)
        #expect(durable.leads(peer(1), Term(3), disk: state([], term: 2, vote: peer(1)), in: group) != nil)
    }

    @Test("monotone: nothing goes back but for what a restart forgets")
    func monotone() {
        var monotone = Monotone()
        func standing(_ revision: UInt64, term: UInt64, commit: UInt64) -> Monotone.Standing {
            Monotone.Standing(
                version: ConfigVersion(generation: 0, revision: Revision(revision)), generation: 0, term: Term(term),
                commit: LogIndex(commit), applied: LogIndex(commit))
        }
        #expect(monotone.saw(standing(3, term: 2, commit: 5), of: 1, in: group.network) == nil)
        #expect(monotone.saw(standing(4, term: 2, commit: 5), of: 1, in: group.network) == nil)
        #expect(monotone.saw(standing(1, term: 1, commit: 1), of: 2, in: group.network) == nil)
        var broken = monotone
        #expect(broken.saw(standing(3, term: 2, commit: 5), of: 1, in: group.network) != nil)
        broken = monotone
        #expect(broken.saw(standing(4, term: 1, commit: 5), of: 1, in: group.network) != nil)
        broken = monotone
        #expect(broken.saw(standing(4, term: 2, commit: 4), of: 1, in: group.network) != nil)
        broken = monotone
        broken.gaveUpVotes(1, group.network)
        #expect(broken.saw(standing(4, term: 2, commit: 1), of: 1, in: group.network) == nil)
        broken.gaveUpVotes(1, group.network)
        #expect(broken.saw(standing(4, term: 1, commit: 1), of: 1, in: group.network) != nil)
        monotone.restarted(
            1, group.network, version: ConfigVersion(generation: 0, revision: Revision(4)), term: Term(2))
        #expect(monotone.saw(standing(4, term: 2, commit: 1), of: 1, in: group.network) == nil)
        #expect(monotone.saw(standing(3, term: 2, commit: 1), of: 1, in: group.network) != nil)
    }

    @Test("certificate: two different revisions of one version are found")
    func certificate() {
        var certificates = Certificates()
        let version = ConfigVersion(generation: 0, revision: Revision(2))
        #expect(certificates.certified(version, as: Digest.of([1]), in: group.network) == nil)
        #expect(certificates.certified(version, as: Digest.of([1]), in: group.network) == nil)
        #expect(certificates.certified(version, as: Digest.of([2]), in: group.network) != nil)
    }

    @Test("certificate: a ledger whose proof does not hold is found")
    func falseLedger() throws {
        let founder = NetworkConfig.Member(
            peer: peer(1), name: "one", role: .admin, grantedMemory: 1, addresses: [])
        let config = NetworkConfig(
            founding: "home", by: founder, model: FakeModel().manifest, salt: Array(repeating: 1, count: 16))
        let ledger = try ConfigLedger(founding: config)
        var certificates = Certificates()
        #expect(certificates.wrote(ledger.certified, of: ledger.network).wrong == nil)
        var payload = ledger.certified.config
        payload[payload.count - 1] ^= 1
        let false_ = CertifiedConfig(chain: ledger.certified.chain, config: payload)
        #expect(certificates.wrote(false_, of: ledger.network).wrong != nil)
    }

    @Test("certificate: too few signatures, one that counts twice, and one that nobody made are found")
    func falseCertificates() throws {
        let members = (1...3).map { number in
            NetworkConfig.Member(
                peer: peer(UInt8(number)), name: "m", role: .admin, grantedMemory: 1, addresses: [])
        }
        var config = NetworkConfig(
            founding: "home", by: members[0], model: FakeModel().manifest, salt: Array(repeating: 1, count: 16))
        let ledger = try ConfigLedger(founding: config)
        /// The revision after a chain, as so many have signed it.
        func next(_ chain: [CertifiedHeader], _ signers: [(name: UInt8, hand: UInt8)]) -> CertifiedConfig {
            config.revision = config.revision.next
            config.members = members
            config.voters = members.map(\.peer).sorted()
            let header = RevisionHeader(
                network: ledger.network, generation: 0, revision: config.revision, previous: Digest.of([]),
                config: Digest.of(config.encoded()), voters: config.voters, admins: config.admins
            ).encoded()
            let vouches = signers.map {
                Vouch(voter: peer($0.name), signature: key($0.hand).sign(header, domain: .revision))
            }
            return CertifiedConfig(
                chain: chain + [CertifiedHeader(bytes: header, vouches: vouches)], config: config.encoded())
        }
        let second = next(ledger.certified.chain, [(1, 1)])
        for signers in [[(1, 1)], [(1, 1), (1, 1)], [(1, 1), (2, 3)], [(1, 1), (9, 9)]] as [[(UInt8, UInt8)]] {
            let wrong = Certificates.lack(in: next(second.chain, signers), of: ledger.network)
            #expect(wrong?.contains("certified by 1 of 3") == true)
        }
        #expect(Certificates.lack(in: second, of: ledger.network) == nil)
        #expect(Certificates.lack(in: next(second.chain, [(1, 1), (3, 3)]), of: ledger.network) == nil)
        #expect(Certificates.lack(in: second, of: group.network) != nil)
    }

    @Test(
        "records: one that goes back, or that its owner has not signed, is found; a restart forgets, and so does who leaves"
    )
    func records() {
        var records = Records()
        let at = Records.Key(host: 1, network: group.network, owner: peer(2))
        func signed(by hand: UInt8) -> Signed {
            let own = Signed([1, 2, 3], domain: .record, by: key(hand))
            return Signed(payload: own.payload, signer: peer(2), signature: own.signature)
        }
        func version(_ sequence: UInt64) -> RecordVersion { RecordVersion(epoch: 1, sequence: sequence) }
        func holds(_ sequence: UInt64, by hand: UInt8 = 2, life: Int = 1, since: UInt64 = 1) -> String? {
            records.holds(
                signed(by: hand), version(sequence), during: Records.Span(life: life, since: Revision(since)), at: at
            )?.invariant
        }
        #expect(holds(5) == nil)
        #expect(holds(5) == nil)
        #expect(holds(4) == "monotone")
        #expect(holds(4, life: 3) == nil)
        #expect(holds(6, by: 3, life: 3) == "authority")
        // It has left and come back meanwhile.
        #expect(holds(1, life: 3, since: 9) == nil)
    }

    @Test("records: a peer that tells of itself twice under one version, or under an older one, is found")
    func ownRecords() {
        var records = Records()
        func signs(_ sequence: UInt64, _ words: [UInt8], epoch: UInt64 = 1) -> String? {
            let version = RecordVersion(epoch: epoch, sequence: sequence)
            return records.signs(Signed(words, domain: .record, by: key(2)), version, in: group.network)
        }
        #expect(signs(5, [1]) == nil)
        #expect(signs(5, [1]) == nil)
        #expect(signs(5, [2]) != nil)
        #expect(signs(1, [3]) != nil)
        #expect(signs(1, [3], epoch: 2) == nil)
        records.forgot(peer(2))
        #expect(signs(1, [4]) == nil)
    }

    @Test("answer: a second answer, one that nobody asked for, and an order that was never is found")
    func answers() {
        var answers = Answers()
        func ask(_ id: UInt64, at seconds: Int64) {
            answers.asked(
                RequestID(id),
                Answers.Asked(
                    host: 0, life: 1, at: Instant(nanoseconds: seconds * 1_000_000_000), isChat: false, isChange: true))
        }
        func answer(_ id: UInt64, _ revision: UInt64?, at seconds: Int64) -> String? {
            answers.answered(
                RequestID(id), revision: revision.map { Revision($0) }, generation: 0,
                at: Instant(nanoseconds: seconds * 1_000_000_000))
        }
        ask(1, at: 1)
        #expect(answer(1, 5, at: 2) == nil)
        #expect(answer(1, 5, at: 2) != nil)
        #expect(answer(9, nil, at: 2) != nil)
        // Asked for before the other was answered: it may stand before it.
        ask(2, at: 1)
        #expect(answer(2, 4, at: 3) == nil)
        ask(3, at: 3)
        #expect(answer(3, 3, at: 4) != nil)
        ask(4, at: 1)
        #expect(answer(4, 5, at: 5) != nil, "one revision is no two changes")
        #expect(answers.open.isEmpty)
    }

    @Test("tokens: another token, one too many, and an end that comes too early are found")
    func tokens() {
        var tokens = Tokens()
        tokens.asked(RequestID(1), expecting: [7, 8])
        #expect(tokens.told(7, to: RequestID(1)) == nil)
        #expect(tokens.told(9, to: RequestID(1)) != nil)
        tokens.asked(RequestID(2), expecting: [7])
        #expect(tokens.told(7, to: RequestID(2)) == nil)
        #expect(tokens.told(7, to: RequestID(2)) != nil)
        tokens.asked(RequestID(3), expecting: [7, 8])
        #expect(tokens.told(7, to: RequestID(3)) == nil)
        #expect(tokens.finished(RequestID(3), .length) != nil)
        tokens.asked(RequestID(4), expecting: [7, 8])
        #expect(tokens.finished(RequestID(4), .cancelled) == nil)
    }

    @Test("view: who is well is not dead, and who is off is not alive, once there was time to know")
    func view() {
        var view = View(bound: .seconds(5))
        func look(_ second: Int64) {
            let now = Instant(nanoseconds: second * 1_000_000_000)
            view.saw(host: 0, isWell: true, isOff: false, at: now)
            view.saw(host: 1, isWell: true, isOff: false, at: now)
            view.saw(host: 2, isWell: false, isOff: true, at: now)
        }
        func believes(_ liveness: Liveness, of subject: Int, at second: Int64) -> String? {
            view.believes(0, liveness, of: subject, at: Instant(nanoseconds: second * 1_000_000_000))
        }
        look(0)
        #expect(believes(.dead, of: 1, at: 4) == nil)
        #expect(believes(.alive, of: 2, at: 4) == nil)
        #expect(believes(.dead, of: 1, at: 6) != nil)
        #expect(believes(.alive, of: 2, at: 6) != nil)
        #expect(believes(.alive, of: 1, at: 6) == nil)
        #expect(believes(.dead, of: 2, at: 6) == nil)
        view.disturbed()
        look(6)
        #expect(believes(.dead, of: 1, at: 10) == nil)
    }

    @Test("bounds: a table that is larger than it may be is found")
    func bounds() {
        #expect(Bounds.exceeded([("links", 3, 3), ("dials", 0, 1)]) == nil)
        #expect(Bounds.exceeded([("links", 3, 3), ("dials", 2, 1)]) != nil)
    }
}

@Suite struct AuthorityTests {
    private func key(_ number: UInt8) -> SigningKey { SigningKey(seed: Digest.of([number]).bytes)! }
    private let base = ConfigVersion(generation: 0, revision: Revision(4))

    private func config() -> NetworkConfig {
        let founder = NetworkConfig.Member(
            peer: key(1).peer, name: "one", role: .admin, grantedMemory: 900, addresses: [])
        var config = NetworkConfig(
            founding: "home", by: founder, model: FakeModel().manifest, salt: Array(repeating: 1, count: 16))
        config.members.append(
            NetworkConfig.Member(peer: key(2).peer, name: "two", role: .worker, grantedMemory: 1, addresses: []))
        config.invitations = [NetworkConfig.Invitation(key: key(9).peer, role: .worker, expires: 99)]
        return config
    }

    private func command(_ signer: UInt8, _ change: ConfigCommand.Change) -> KnownCommand {
        KnownCommand(signer: key(signer).peer, base: base, change: change)
    }

    private func expectOnlyWith(
        _ command: KnownCommand, not others: [KnownCommand] = [], _ change: (inout NetworkConfig) -> Void
    ) {
        let before = config()
        var after = before
        change(&after)
        #expect(Authority().judge(before, after, commands: [command]) == nil)
        #expect(Authority().judge(before, after, commands: others) != nil)
    }

    @Test("authority: roles and policy change by an admin's word, and by nobody else's")
    func adminsChange() {
        expectOnlyWith(
            command(1, .setRole(key(2).peer, .admin)), not: [command(2, .setRole(key(2).peer, .admin))]
        ) { $0.members[1].role = .admin }
        let policy = NetworkPolicy(maxVoters: 3, voterGrace: 9)
        expectOnlyWith(command(1, .setPolicy(policy)), not: [command(2, .setPolicy(policy))]) { $0.policy = policy }
        let invitation = NetworkConfig.Invitation(key: key(8).peer, role: .worker, expires: 5)
        expectOnlyWith(command(1, .invite(invitation)), not: [command(2, .invite(invitation))]) {
            $0.invitations.append(invitation)
        }
    }

    @Test("authority: a member leaves by its own word or an admin's")
    func leaving() {
        for signer in 1...2 as ClosedRange<UInt8> {
            expectOnlyWith(command(signer, .remove(key(2).peer)), not: [command(3, .remove(key(2).peer))]) {
                $0.members.removeLast()
            }
        }
    }

    @Test("authority: whoever enters was invited, and the invitation is used up by it")
    func entering() {
        let newcomer = NetworkConfig.Member(
            peer: key(3).peer, name: "three", role: .worker, grantedMemory: 1, addresses: [])
        let admission = ConfigCommand.Admission(
            peer: key(3).peer, name: "three", grantedMemory: 1, addresses: [], invitation: key(9).peer, proof: [])
        expectOnlyWith(command(3, .admit(admission)), not: [command(2, .admit(admission))]) {
            $0.members.append(newcomer)
            $0.invitations = []
        }
        let before = config()
        var after = before
        after.members.append(newcomer)
        #expect(Authority().judge(before, after, commands: [command(3, .admit(admission))]) != nil)
    }

    @Test("answer: of two who change the same thing at once one is refused, and nothing is done twice")
    func conflicts() {
        var before = config()
        before.revision = Revision(6)
        before.policyChanged = Revision(5)
        var after = before
        after.revision = Revision(7)
        after.policyChanged = Revision(7)
        #expect(Conflicts.judge(before, after, commands: []) != nil)
        after.policy = NetworkPolicy(maxVoters: 3, voterGrace: 9)
        #expect(Conflicts.judge(before, after, commands: [command(1, .setPolicy(after.policy))]) != nil)
        before.policyChanged = Revision(4)
        #expect(Conflicts.judge(before, after, commands: [command(1, .setPolicy(after.policy))]) == nil)
    }
}
