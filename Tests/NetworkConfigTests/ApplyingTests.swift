import Identity
import Testing
import Wire

@testable import NetworkConfig

@Suite("Who may change what")
struct ApplyingTests {
    private func admission(of number: UInt8) -> ConfigCommand.Admission {
        Sample.invitation.admission(of: Sample.peer(number), name: "new", grantedMemory: 5, addresses: [])
    }

    private func open(expires: UInt64 = Sample.now + 60, role: Role = .worker) -> NetworkConfig {
        let entry = NetworkConfig.Invitation(key: Sample.invitation.key.peer, role: role, expires: expires)
        return Sample.config(invitations: [entry])
    }

    private func outcome(
        _ change: ConfigCommand.Change, by proposer: UInt8, on config: NetworkConfig, base: Revision? = nil,
        at time: UInt64 = Sample.now
    ) -> Result<NetworkConfig, ConfigRefusal> {
        do throws(ConfigRefusal) {
            return .success(
                try config.applying(
                    change, from: Sample.peer(proposer), base: base ?? config.revision, network: Sample.network,
                    wallClock: time))
        } catch {
            return .failure(error)
        }
    }

    private func refusal(
        _ change: ConfigCommand.Change, by proposer: UInt8, on config: NetworkConfig, base: Revision? = nil,
        at time: UInt64 = Sample.now
    ) -> ConfigRefusal? {
        if case .failure(let refusal) = outcome(change, by: proposer, on: config, base: base, at: time) {
            return refusal
        }
        return nil
    }

    private func grant(_ number: UInt8, memory: UInt64 = 7, name: String = "n") -> ConfigCommand.Change {
        .grant(peer: Sample.peer(number), memory: memory, name: name, addresses: [])
    }

    @Test("each role may do what it may, and nothing else")
    func whoMayDoWhat() {
        // Proposers 1 and 2 are admins, 3 a worker, 4 a plain member, 5 nobody; 1 votes.
        let config = open()
        let entry = NetworkConfig.Invitation(key: Sample.peer(50), role: .worker, expires: Sample.now + 1)
        let changes: [(String, ConfigCommand.Change, allowed: [UInt8])] = [
            ("invite", .invite(entry), [1, 2]),
            ("revoke", .revoke(Sample.invitation.key.peer), [1, 2]),
            ("set the model", .setModel(Sample.model()), [1, 2]),
            ("set the policy", .setPolicy(NetworkPolicy(maxVoters: 3, voterGrace: 10)), [1, 2]),
            ("plan anew", .assign(nil), [1, 2]),
            ("assign", .assign([Sample.share(3, 0...2)]), [1, 2]),
            ("remove 3", .remove(Sample.peer(3)), [1, 2, 3]),
            ("remove 4", .remove(Sample.peer(4)), [1, 2, 4]),
            ("remove the other admin", .remove(Sample.peer(2)), [1, 2]),
            ("remove the voter", .remove(Sample.peer(1)), []),
            ("remove a stranger", .remove(Sample.peer(9)), []),
            ("make 3 backup", .setRole(Sample.peer(3), .backup), [1, 2]),
            ("make 4 admin", .setRole(Sample.peer(4), .admin), [1, 2]),
            ("make 2 worker", .setRole(Sample.peer(2), .worker), [1, 2]),
            ("make a stranger admin", .setRole(Sample.peer(5), .admin), []),
            ("tell 3's grant", grant(3), [1, 2, 3]),
            ("tell 4's grant", grant(4), [1, 2, 4]),
            ("tell a stranger's grant", grant(5), []),
        ]
        for (what, change, allowed) in changes {
            for proposer in 1...5 as ClosedRange<UInt8> {
                let isAllowed = refusal(change, by: proposer, on: config) == nil
                #expect(isAllowed == allowed.contains(proposer), "\(proposer) wants to \(what)")
            }
        }
    }

    @Test("an invitation admits one peer, with the role that it names, and is then gone")
    func admit() throws {
        let after = try outcome(.admit(admission(of: 7)), by: 7, on: open(role: .backup)).get()
        #expect(after.member(Sample.peer(7))?.role == .backup)
        #expect(after.member(Sample.peer(7))?.grantedMemory == 5)
        #expect(after.member(Sample.peer(7))?.joined == Revision(2))
        #expect(after.invitations.isEmpty)
        #expect(refusal(.admit(admission(of: 8)), by: 8, on: after) == .unknownInvitation)
    }

    @Test("an admission counts only from the peer itself, with a proof, in time")
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

    @Test("whoever is in keeps its role and leaves the invitation to others")
    func invitedMember() throws {
        let after = try outcome(.admit(admission(of: 2)), by: 2, on: open(role: .member)).get()
        #expect(after.member(Sample.peer(2))?.role == .admin)
        #expect(after.invitations.count == 1)
    }

    @Test("an invitation that was taken back admits nobody")
    func revoked() throws {
        let after = try outcome(.revoke(Sample.invitation.key.peer), by: 2, on: open()).get()
        #expect(refusal(.admit(admission(of: 7)), by: 7, on: after) == .unknownInvitation)
        #expect(refusal(.revoke(Sample.invitation.key.peer), by: 2, on: after) == .unknownInvitation)
    }

    @Test("whoever was removed stays out, whoever left may come back")
    func removedForEver() throws {
        let removed = try outcome(.remove(Sample.peer(3)), by: 1, on: open()).get()
        #expect(removed.removed == [Sample.peer(3)])
        #expect(refusal(.admit(admission(of: 3)), by: 3, on: removed) == .removedForEver(Sample.peer(3)))
        let left = try outcome(.remove(Sample.peer(3)), by: 3, on: open()).get()
        #expect(left.removed.isEmpty)
        #expect(try outcome(.admit(admission(of: 3)), by: 3, on: left).get().isMember(Sample.peer(3)))
    }

    @Test("the last admin neither goes nor becomes something else while others are there")
    func lastAdmin() throws {
        var config = Sample.config(members: [Sample.member(1, .admin), Sample.member(3, .worker)])
        config.voters = Sample.peers([3])
        #expect(refusal(.remove(Sample.peer(1)), by: 1, on: config) == .lastAdmin)
        for role in Role.allCases where role != .admin {
            #expect(refusal(.setRole(Sample.peer(1), role), by: 1, on: config) == .lastAdmin)
        }
        #expect(refusal(.setRole(Sample.peer(1), .admin), by: 1, on: config) == nil)
        let two = try outcome(.setRole(Sample.peer(3), .admin), by: 1, on: config).get()
        #expect(refusal(.remove(Sample.peer(1)), by: 1, on: two) == nil)
        #expect(refusal(.setRole(Sample.peer(1), .worker), by: 1, on: two) == nil)

        let alone = Sample.config(members: [Sample.member(1, .admin)])
        #expect(refusal(.setRole(Sample.peer(1), .worker), by: 1, on: alone) == .lastAdmin)
        let gone = try outcome(.remove(Sample.peer(1)), by: 1, on: alone).get()
        #expect(gone.members.isEmpty && gone.voters.isEmpty)
    }

    @Test("a voter goes only when another has its seat")
    func votesStill() {
        var config = Sample.config()
        config.voters = Sample.peers([2, 3])
        #expect(refusal(.remove(Sample.peer(3)), by: 3, on: config) == .votesStill(Sample.peer(3)))
        #expect(refusal(.remove(Sample.peer(3)), by: 1, on: config) == .votesStill(Sample.peer(3)))
        #expect(refusal(.remove(Sample.peer(1)), by: 1, on: config) == nil)
    }

    @Test("an admin sets another's memory, and only that; a member tells all of its own")
    func grants() throws {
        let byAdmin = try outcome(grant(3, memory: 99, name: "renamed"), by: 1, on: Sample.config()).get()
        #expect(byAdmin.member(Sample.peer(3))?.grantedMemory == 99)
        #expect(byAdmin.member(Sample.peer(3))?.name == "p3")
        #expect(byAdmin.member(Sample.peer(3))?.changed == Revision(2))
        let own = try outcome(grant(3, memory: 10, name: "renamed"), by: 3, on: Sample.config()).get()
        #expect(own.member(Sample.peer(3))?.name == "renamed")
        // A new name is no change that an admin would have to look at.
        #expect(own.member(Sample.peer(3))?.changed == .first)
    }

    @Test("what was changed since the proposer looked is not changed again, and the sentence says to what")
    func conflicts() throws {
        var config = Sample.config()
        config.revision = Revision(12)
        config.model = Sample.model("other")
        config.modelChanged = Revision(12)
        config.policyChanged = Revision(11)
        config.assignmentChanged = Revision(10)
        config.members[2].changed = Revision(9)
        let changes: [(ConfigCommand.Change, changed: UInt64, says: String)] = [
            (.setModel(Sample.model()), 12, "the model was changed to other in revision 12 meanwhile"),
            (
                .setPolicy(.standard), 11,
                "the policy was changed to at most 7 voters, 300 s of grace and a cache in f16 in revision 11"
            ),
            (.assign([]), 10, "the assignment of blocks was changed in revision 10"),
            (.setRole(Sample.peer(3), .backup), 9, "p3 was made worker with 0 MiB of memory in revision 9"),
            (grant(3), 9, "p3 was made worker"),
        ]
        for (change, changed, sentence) in changes {
            #expect(refusal(change, by: 1, on: config, base: Revision(changed)) == nil)
            guard case .changedMeanwhile = refusal(change, by: 1, on: config, base: Revision(changed - 1)) else {
                Issue.record("\(change) overrides what its proposer did not see")
                continue
            }
            let said = refusal(change, by: 1, on: config, base: .first)?.description ?? ""
            #expect(said.contains(sentence) && said.hasSuffix("look at it and try again"), "\(said)")
        }
        // These mean the same whatever was changed.
        let entry = NetworkConfig.Invitation(key: Sample.peer(50), role: .worker, expires: Sample.now + 1)
        #expect(refusal(.assign(nil), by: 1, on: config, base: .first) == nil)
        #expect(refusal(.invite(entry), by: 1, on: config, base: .first) == nil)
        #expect(refusal(.remove(Sample.peer(3)), by: 1, on: config, base: .first) == nil)
        #expect(refusal(grant(3), by: 3, on: config, base: .first) == nil)
    }

    @Test("an assignment names members that hold blocks, and blocks of the model")
    func assignments() throws {
        let good = [Sample.share(3, 0...2), Sample.share(2, 1...1)]
        #expect(try outcome(.assign(good), by: 1, on: Sample.config()).get().assignment == good)
        for bad in [Sample.share(4, 0...0), Sample.share(9, 0...0), Sample.share(3, 0...3)] {
            #expect(refusal(.assign(good + [bad]), by: 1, on: Sample.config()) == .unsoundAssignment)
        }
    }

    @Test("what a peer held goes with it, and all of it with the model")
    func assignmentGoes() throws {
        var config = Sample.config()
        config.assignment = [Sample.share(3, 0...1), Sample.share(2, 2...2)]
        let after = try outcome(.remove(Sample.peer(3)), by: 3, on: config).get()
        #expect(after.assignment.map(\.peer) == [Sample.peer(2)])
        #expect(try outcome(.setModel(Sample.model("x")), by: 1, on: config).get().assignment.isEmpty)
    }

    @Test("every table of the config has its limit")
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
        let later = NetworkConfig.Invitation(key: Sample.peer(50), role: .worker, expires: Sample.now + 99)
        #expect(refusal(.invite(later), by: 1, on: Sample.config(invitations: many), at: Sample.now + 9) == nil)

        func crowd(_ count: Int, _ role: Role) -> [NetworkConfig.Member] {
            (0..<count).map { number in
                NetworkConfig.Member(
                    peer: PeerID(Digest.of([3, UInt8(number & 255), UInt8(number >> 8)]).bytes)!, name: "", role: role,
                    grantedMemory: 1, addresses: [])
            }
        }
        var crowded = open()
        crowded.members = crowd(Limits.members, .worker)
        #expect(
            refusal(.admit(admission(of: 7)), by: 7, on: crowded) == .tooMany(what: "members", limit: Limits.members))

        var topHeavy = open(role: .admin)
        topHeavy.members += crowd(Limits.admins - 2, .admin)
        let tooMany = ConfigRefusal.tooMany(what: "admins", limit: Limits.admins)
        #expect(refusal(.admit(admission(of: 7)), by: 7, on: topHeavy) == tooMany)
        #expect(refusal(.setRole(Sample.peer(3), .admin), by: 1, on: topHeavy) == tooMany)
        #expect(refusal(.setRole(Sample.peer(2), .admin), by: 1, on: topHeavy) == nil)

        var full = Sample.config()
        full.removed = Array(repeating: Sample.peer(9), count: Limits.removed)
        #expect(
            refusal(.remove(Sample.peer(3)), by: 1, on: full) == .tooMany(what: "removed peers", limit: Limits.removed))
        #expect(refusal(.remove(Sample.peer(3)), by: 3, on: full) == nil)
    }

    @Test("every refusal is one sentence that says why, and fits an answer")
    func sentences() {
        let (peer, digest) = (Sample.peer(1), Digest.of([1]))
        let version = ConfigVersion(generation: 2 << 32, revision: Revision(7))
        let all: [ConfigRefusal] = [
            .notAdmin(peer), .notMember(peer), .notSelf(peer), .unknownInvitation, .expiredInvitation, .falseProof,
            .removedForEver(peer), .lastAdmin, .votesStill(peer), .tooMany(what: "members", limit: 3),
            .unsoundAssignment, .changedMeanwhile("x"), .signedTooLongAgo, .signedAhead(base: version), .wrongNetwork,
            .falseSignature, .uncertified(version, vouches: 1, majority: 2), .countedTwice(peer), .brokenChain("x"),
            .stale(held: version, offered: version), .conflicting(version, held: digest, offered: digest),
            .outranked(version), .malformed("x"),
        ]
        for refusal in all {
            #expect(refusal.description.count > 10 && refusal.description.utf8.count <= Limits.reasonBytes)
            #expect(!refusal.description.hasSuffix(".") && !refusal.description.contains("\n"))
        }
    }
}
