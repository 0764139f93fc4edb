import Identity
import Testing
import Wire

@testable import NetworkConfig

@Suite struct ApplyingTests {
    private let invitation = Invitation(network: Sample.network, secret: Array(repeating: 5, count: 16), endpoints: [])

    private func admission(of number: UInt8) -> ConfigCommand.Admission {
        invitation.admission(of: Sample.peer(number), name: "new", grantedMemory: 5, addresses: [])
    }

    private func open(expires: UInt64 = Sample.now + 60, role: Role = .worker) -> NetworkConfig {
        Sample.config(invitations: [NetworkConfig.Invitation(key: invitation.key.peer, role: role, expires: expires)])
    }

    private func outcome(
        _ change: ConfigCommand.Change, by proposer: UInt8, on config: NetworkConfig, at time: UInt64 = Sample.now
    ) -> Result<NetworkConfig, ConfigRefusal> {
        do throws(ConfigRefusal) {
            return .success(
                try config.applying(change, from: Sample.peer(proposer), network: Sample.network, wallClock: time))
        } catch {
            return .failure(error)
        }
    }

    private func refusal(
        _ change: ConfigCommand.Change, by proposer: UInt8, on config: NetworkConfig, at time: UInt64 = Sample.now
    ) -> ConfigRefusal? {
        if case .failure(let refusal) = outcome(change, by: proposer, on: config, at: time) { return refusal }
        return nil
    }

    /// Who may do what: proposers 1 and 2 are admins, 3 a worker, 4 a plain member, 5 nobody.
    @Test("Each role may do what it may, and nothing else")
    func whoMayDoWhat() {
        let config = Sample.config()
        let entry = NetworkConfig.Invitation(key: Sample.peer(50), role: .worker, expires: Sample.now + 1)
        let changes: [(String, ConfigCommand.Change, allowed: [UInt8])] = [
            ("invite", .invite(entry), [1, 2]),
            ("set the model", .setModel(Sample.model), [1, 2]),
            ("plan anew", .assign, [1, 2]),
            ("remove 3", .remove(Sample.peer(3)), [1, 2, 3]),
            ("remove 4", .remove(Sample.peer(4)), [1, 2, 4]),
            ("remove the other admin", .remove(Sample.peer(2)), [1, 2]),
            ("remove the founder", .remove(Sample.peer(1)), []),
            ("remove a stranger", .remove(Sample.peer(9)), []),
            ("tell 3's grant", .grant(peer: Sample.peer(3), memory: 7, name: "n", addresses: []), [3]),
            ("tell 4's grant", .grant(peer: Sample.peer(4), memory: 7, name: "n", addresses: []), [4]),
            ("tell a stranger's grant", .grant(peer: Sample.peer(5), memory: 7, name: "n", addresses: []), []),
        ]
        for (what, change, allowed) in changes {
            for proposer in 1...5 as ClosedRange<UInt8> {
                let isAllowed = refusal(change, by: proposer, on: config) == nil
                #expect(isAllowed == allowed.contains(proposer), "\(proposer) wants to \(what)")
            }
        }
    }

    @Test("An invitation admits one peer, with the role that it names, and is then gone")
    func admit() throws {
        let after = try outcome(.admit(admission(of: 7)), by: 7, on: open(role: .backup)).get()
        #expect(after.member(Sample.peer(7))?.role == .backup)
        #expect(after.member(Sample.peer(7))?.grantedMemory == 5)
        #expect(after.invitations.isEmpty)
        #expect(refusal(.admit(admission(of: 8)), by: 8, on: after) == .unknownInvitation)
    }

    @Test("An admission counts only from the peer itself, with a proof, in time")
    func admissionRefused() {
        #expect(refusal(.admit(admission(of: 7)), by: 3, on: open()) == .notSelf(Sample.peer(7)))
        #expect(refusal(.admit(admission(of: 7)), by: 7, on: Sample.config()) == .unknownInvitation)
        #expect(refusal(.admit(admission(of: 7)), by: 7, on: open(expires: Sample.now)) == .expiredInvitation)
        let genuine = admission(of: 7)
        let false_ = ConfigCommand.Admission(
            peer: genuine.peer, name: "", grantedMemory: 1, addresses: [], invitation: genuine.invitation,
            proof: Array(repeating: 0, count: 64))
        #expect(refusal(.admit(false_), by: 7, on: open()) == .falseProof)
    }

    @Test("Whoever was removed stays out, whoever left may come back")
    func removedForEver() throws {
        let removed = try outcome(.remove(Sample.peer(3)), by: 1, on: open()).get()
        #expect(removed.removed == [Sample.peer(3)])
        #expect(refusal(.admit(admission(of: 3)), by: 3, on: removed) == .removedForEver(Sample.peer(3)))
        let left = try outcome(.remove(Sample.peer(3)), by: 3, on: open()).get()
        #expect(left.removed.isEmpty)
        #expect(try outcome(.admit(admission(of: 3)), by: 3, on: left).get().isMember(Sample.peer(3)))
    }

    @Test("What a peer held goes with it")
    func assignmentGoes() throws {
        var config = Sample.config()
        config.assignment = [
            NetworkConfig.Assignment(peer: Sample.peer(3), blocks: BlockRange(0...1), copy: false),
            NetworkConfig.Assignment(peer: Sample.peer(2), blocks: BlockRange(2...2), copy: false),
        ]
        let after = try outcome(.remove(Sample.peer(3)), by: 3, on: config).get()
        #expect(after.assignment.map(\.peer) == [Sample.peer(2)])
    }

    @Test("The founder leaves last")
    func founderLeavesLast() throws {
        #expect(refusal(.remove(Sample.peer(1)), by: 1, on: Sample.config()) == .founderLeavesLast)
        let alone = Sample.config(members: [Sample.member(1, .admin)])
        #expect(try outcome(.remove(Sample.peer(1)), by: 1, on: alone).get().members.isEmpty)
    }

    @Test("The founder stays admin though it follows an invitation that names a lesser role")
    func founderStaysAdmin() throws {
        let after = try outcome(.admit(admission(of: 1)), by: 1, on: open(role: .member)).get()
        #expect(after.member(Sample.peer(1))?.role == .admin)
    }

    @Test("Every table of the config has its limit")
    func limits() {
        let many = (0..<Limits.invitations).map { number in
            NetworkConfig.Invitation(
                key: PeerID(Digest.of([UInt8(number & 255), UInt8(number >> 8)]).bytes)!, role: .worker,
                expires: Sample.now + 9)
        }
        let entry = NetworkConfig.Invitation(key: Sample.peer(50), role: .worker, expires: Sample.now + 1)
        #expect(
            refusal(.invite(entry), by: 1, on: Sample.config(invitations: many))
                == .tooMany(what: "open invitations", limit: Limits.invitations))
        // Those that have expired make room.
        #expect(refusal(.invite(entry), by: 1, on: Sample.config(invitations: many), at: Sample.now + 9) != nil)
        let later = NetworkConfig.Invitation(key: Sample.peer(50), role: .worker, expires: Sample.now + 99)
        #expect(refusal(.invite(later), by: 1, on: Sample.config(invitations: many), at: Sample.now + 9) == nil)

        var crowded = open()
        crowded.members = (0..<Limits.members).map { number in
            NetworkConfig.Member(
                peer: PeerID(Digest.of([3, UInt8(number & 255), UInt8(number >> 8)]).bytes)!, name: "", role: .worker,
                grantedMemory: 1, addresses: [])
        }
        #expect(
            refusal(.admit(admission(of: 7)), by: 7, on: crowded) == .tooMany(what: "members", limit: Limits.members))

        var full = Sample.config()
        full.removed = Array(repeating: Sample.peer(9), count: Limits.removed)
        #expect(
            refusal(.remove(Sample.peer(3)), by: 1, on: full) == .tooMany(what: "removed peers", limit: Limits.removed))
        #expect(refusal(.remove(Sample.peer(3)), by: 3, on: full) == nil)
    }

    @Test("Every refusal is one sentence that says why")
    func sentences() {
        let all: [ConfigRefusal] = [
            .notAdmin(Sample.peer(1)), .notMember(Sample.peer(1)), .notSelf(Sample.peer(1)), .unknownInvitation,
            .expiredInvitation, .falseProof, .removedForEver(Sample.peer(1)), .founderLeavesLast,
            .tooMany(what: "members", limit: 3), .wrongNetwork,
            .wrongSigner(expected: Sample.peer(1), found: Sample.peer(2)), .falseSignature, .brokenChain("x"),
            .stale(held: .first, offered: .first), .malformed("x"),
        ]
        for refusal in all {
            #expect(refusal.description.count > 10)
            #expect(!refusal.description.hasSuffix(".") && !refusal.description.contains("\n"))
        }
    }
}
