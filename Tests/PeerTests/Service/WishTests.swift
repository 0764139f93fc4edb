import Identity
import MeshCore
import NetworkConfig
import Testing
import Wire

@testable import Peer

@Suite("What a person wants changed")
struct WishTests {
    private let anna = Sample.id("aa11")
    private let ben = Sample.id("bb22")

    private func refusal(_ wish: () throws(ServiceFailure) -> Wish) -> String? {
        do {
            _ = try wish()
            return nil
        } catch {
            return error.description
        }
    }

    @Test("a grant to another peer names that peer and the memory")
    func grant() throws {
        let wish = try Sample.status(offered: 2 << 30).wish(grant: 2 << 30, to: "ben", by: anna)
        #expect(wish.change == .grant(peer: ben, memory: 2 << 30, name: "ben", addresses: []))
        #expect(wish.subject == "ben")
    }

    @Test("no more is granted than the owner offers, where that is known")
    func grantOverOffer() {
        let offered = Sample.status(offered: 1 << 30)
        #expect(
            refusal { () throws(ServiceFailure) in try offered.wish(grant: 1 << 30 + 1, to: "ben", by: anna) }?
                .contains("the owner of ben lends at most 1.0 GiB") == true)
        let unknown = Sample.status()
        #expect(refusal { () throws(ServiceFailure) in try unknown.wish(grant: .max, to: "ben", by: anna) } == nil)
    }

    @Test("what this peer itself lends is its owner's to say, where it is started")
    func ownGrant() {
        let status = Sample.status()
        #expect(
            refusal { () throws(ServiceFailure) in try status.wish(grant: 1, to: "anna", by: anna) }?
                .hasSuffix("tiktrue up --share-memory SIZE") == true)
    }

    @Test("a role by its name, also this peer's own")
    func role() throws {
        #expect(try Sample.status().wish(role: "backup", of: "anna").change == .setRole(anna, .backup))
        #expect(
            refusal { () throws(ServiceFailure) in try Sample.status().wish(role: "king", of: "ben") }
                == "there is no role king; choose one of admin, worker, backup, member")
    }

    @Test("another peer is removed, this one is told how to leave")
    func removal() throws {
        #expect(try Sample.status().wish(removing: "ben", by: anna).change == .remove(ben))
        #expect(
            refusal { () throws(ServiceFailure) in try Sample.status().wish(removing: "anna", by: anna) }
                == "that is this peer itself; it leaves with: tiktrue network leave home")
    }

    @Test("what of the policy is not named stays as it is")
    func policy() throws {
        var config = Sample.config()
        config.policy = NetworkPolicy(maxVoters: 5, voterGrace: 60, cacheFormat: .q8_0)
        let status = Sample.status(config)
        #expect(
            try status.wish(maxVoters: 3, voterGrace: nil, cacheFormat: nil).change
                == .setPolicy(NetworkPolicy(maxVoters: 3, voterGrace: 60, cacheFormat: .q8_0)))
        #expect(
            try status.wish(maxVoters: nil, voterGrace: 90, cacheFormat: "f16").change
                == .setPolicy(NetworkPolicy(maxVoters: 5, voterGrace: 90)))
        #expect(
            refusal { () throws(ServiceFailure) in
                try status.wish(maxVoters: nil, voterGrace: nil, cacheFormat: "f32")
            } == "there is no cache format f32; choose one of f16, q8_0")
    }

    @Test(
        "a policy that no network may have is refused here already",
        arguments: [(0, 1), (8, 1), (1, 0), (1, 604_801)])
    func policyRefused(voters: Int, grace: Int) {
        let sentence = refusal { () throws(ServiceFailure) in
            try Sample.status().wish(maxVoters: voters, voterGrace: grace, cacheFormat: nil)
        }
        #expect(sentence == "a network has 1 to 7 voters, and a grace of 1 to 604800 seconds")
    }
}
