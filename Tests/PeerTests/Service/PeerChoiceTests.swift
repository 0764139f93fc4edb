import Identity
import MeshCore
import NetworkConfig
import Testing
import Wire

@testable import Peer

@Suite("Which peer a person means")
struct PeerChoiceTests {
    private static let anna = Sample.peer("aa11", name: "anna")
    private static let ben = Sample.peer("aa12", name: "ben")
    private let members = [anna, ben, Sample.peer("bb00", name: "aa12")]

    private func chosen(_ word: String) throws(ServiceFailure) -> PeerID {
        try PeerChoice.chosen(word, among: members, in: "the network home").peer
    }

    private func sentence(_ word: String) -> String? {
        do {
            _ = try chosen(word)
            return nil
        } catch {
            return error.description
        }
    }

    @Test("its whole id, also where another peer took that for its name")
    func wholeID() throws {
        let id = Self.anna.peer.description
        let impostor = Sample.peer("cc00", name: id)
        let found = try PeerChoice.chosen(id, among: [impostor, Self.anna], in: "the network home")
        #expect(found == Self.anna)
    }

    @Test("its name")
    func name() throws { #expect(try chosen("ben") == Self.ben.peer) }

    @Test("four digits that its id begins with, in either case")
    func prefix() throws {
        #expect(try chosen("aa11") == Self.anna.peer)
        #expect(try chosen("AA110") == Self.anna.peer)
    }

    @Test("three digits are too few, and are told as an unknown name")
    func tooShort() {
        #expect(sentence("bb0") == "there is no peer bb0 in the network home; see: tiktrue peer list")
    }

    @Test("what is one peer's name and the beginning of another's id is refused, and both are named")
    func nameLikeAnID() throws {
        let sentence = try #require(self.sentence("aa12"))
        #expect(sentence.contains("ben aa120000"))
        #expect(sentence.contains("aa12 bb000000"))
        #expect(sentence.contains("more digits of its id"))
    }

    @Test("two peers of one name are told apart by as many digits as that takes")
    func twins() {
        let twins = [Sample.peer("aa110000aa", name: "pi"), Sample.peer("aa110000bb", name: "pi")]
        let failure = #expect(throws: ServiceFailure.self) {
            _ = try PeerChoice.chosen("pi", among: twins, in: "the network home")
        }
        #expect(failure?.description.contains("pi aa110000aa00, pi aa110000bb00") == true)
    }

    @Test("a peer that stands in two networks is one peer")
    func twoNetworks() throws {
        let found = try PeerChoice.chosen("anna", among: [Self.anna, Self.anna], in: "any network of this peer")
        #expect(found == Self.anna)
    }

    @Test("a name is taken as it is written, an empty word is nobody")
    func unknown() {
        #expect(sentence("Ben")?.hasPrefix("there is no peer Ben") == true)
        #expect(sentence("")?.hasPrefix("there is no peer") == true)
    }
}

@Suite("Which invitation a person means")
struct InvitationChoiceTests {
    private let first = Invitation(network: Sample.network, secret: [UInt8](repeating: 1, count: 16), endpoints: [])
    private let second = Invitation(network: Sample.network, secret: [UInt8](repeating: 2, count: 16), endpoints: [])

    private func status(open: [Invitation]) -> NetworkStatus {
        var status = Sample.config()
        status.invitations = open.map { NetworkConfig.Invitation(key: $0.key.peer, role: .worker, expires: 100) }
        return Sample.status(status)
    }

    @Test("its text, or the beginning of its id")
    func textOrID() throws {
        let status = status(open: [first, second])
        #expect(try status.invitation(second.text).key == second.key.peer)
        #expect(try status.invitation(String(first.key.peer.description.prefix(6))).key == first.key.peer)
    }

    @Test("one that was used or mistyped is refused with a sentence")
    func unknown() {
        let status = status(open: [second])
        for word in [first.text, String(second.text.dropLast()), "", String(second.key.peer.description.prefix(3))] {
            let failure = #expect(throws: ServiceFailure.self) { _ = try status.invitation(word) }
            #expect(failure?.description.contains("no such open invitation") == true)
        }
    }

    @Test("one of another network is refused as that")
    func otherNetwork() {
        let other = Invitation(network: Sample.otherNetwork, secret: [UInt8](repeating: 1, count: 16), endpoints: [])
        let failure = #expect(throws: ServiceFailure.self) { _ = try status(open: [first]).invitation(other.text) }
        #expect(failure?.description == "this invitation is for another network than home")
    }
}
