import Identity
import MeshCore
import NetworkConfig
import Testing
import Wire

@testable import Peer

@Suite("A network's document")
struct NetworkStatusDocumentTests {
    @Test("names the revision, who certified it, and who votes")
    func certificate() {
        let document = NetworkDocument(Sample.status(), wallClock: 0)
        let voters = [Sample.id("aa11").description, Sample.id("bb22").description]
        #expect(document.revision == 12)
        #expect(document.generation == 0)
        #expect(document.certifiedBy == voters)
        #expect(document.voters == voters)
        #expect(document.peers.map(\.votes) == [true, true, false])
    }

    @Test("says of each peer which revision it goes by, and 0 where that is not known")
    func applied() {
        let old = ConfigVersion(generation: 0, revision: Revision(11))
        let status = Sample.status(applied: [Sample.config().version, old, .none])
        #expect(NetworkDocument(status, wallClock: 0).peers.map(\.applied) == [12, 11, 0])
    }

    @Test("counts recoveries apart from what tells two of them apart")
    func recoveries() {
        let document = NetworkDocument(Sample.status(Sample.config(generation: 2 << 32 | 77)), wallClock: 0)
        #expect(document.recoveries == 2)
        #expect(document.generation == 2 << 32 | 77)
    }

    @Test(
        "tells a suspect from one that cannot be reached",
        arguments: [
            (.alive, .alive), (.suspect, .suspect), (.unreachable, .unreachable),
        ] as [(NetworkStatus.Peer.State, PeerDocument.State)])
    func states(state: NetworkStatus.Peer.State, shown: PeerDocument.State) {
        #expect(NetworkDocument(Sample.status(state: state), wallClock: 0).peers.map(\.state) == [shown, shown, shown])
    }

    @Test("leaves out invitations that have expired")
    func invitations() {
        var config = Sample.config()
        config.invitations = [
            NetworkConfig.Invitation(key: Sample.id("11"), role: .worker, expires: 100),
            NetworkConfig.Invitation(key: Sample.id("22"), role: .admin, expires: 101),
        ]
        let document = NetworkDocument(Sample.status(config), wallClock: 100)
        #expect(document.invitations.map(\.id) == [Sample.id("22").description])
        #expect(document.invitations.map(\.role) == ["admin"])
    }

    @Test("keeps apart what a peer lends by the config and what its owner offers")
    func memory() {
        let peer = NetworkDocument(Sample.status(offered: 2 << 30), wallClock: 0).peers[1]
        #expect(peer.sharedMemory == 1 << 30)
        #expect(peer.offeredMemory == 2 << 30)
    }
}
