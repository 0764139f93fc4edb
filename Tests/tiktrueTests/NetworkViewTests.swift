import Peer
import Testing

@testable import tiktrue

@Suite("What people read of a network")
struct NetworkViewTests {
    private func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }

    @Test("the revision with the names of those who certified it")
    func certified() {
        let shown = Views.network(Sample.home())
        #expect(shown.contains("\n  revision 12, certified by anna, ben, cleo\n"))
        #expect(shown.contains("\n  your role is admin, config can change, led by anna\n"))
    }

    @Test("the first revision is certified by nobody")
    func first() {
        var home = Sample.home()
        home.revision = 1
        home.certifiedBy = []
        #expect(Views.network(home).contains("\n  revision 1, as the network was founded\n"))
    }

    @Test("a certifier that is no member any more is shown by the beginning of its id")
    func formerCertifier() {
        var home = Sample.home()
        home.certifiedBy = [Sample.id("anna"), String(repeating: "9", count: 64)]
        #expect(Views.network(home).contains("certified by anna, 99999999\n"))
    }

    @Test("that a network was recovered", arguments: [(1, "once"), (3, "3 times")])
    func recovered(times: UInt64, shown: String) {
        var home = Sample.home()
        home.recoveries = times
        #expect(Views.network(home).contains("revision 12 (recovered \(shown)), certified by"))
    }

    @Test("who votes and who leads")
    func votes() {
        let shown = lines(Views.network(Sample.home()))
        func row(_ name: String) -> [Substring] {
            shown.first { $0.contains(" \(name) ") }?.split(separator: " ") ?? []
        }
        #expect(row("anna").contains("lead"))
        #expect(row("ben").contains("yes"))
        #expect(!row("attic").contains("yes") && !row("attic").contains("lead"))
    }

    @Test("who has not applied the revision yet, and what it goes by")
    func behind() {
        var home = Sample.home()
        home.peers[1].applied = 11
        home.peers[3].applied = 0
        #expect(lines(Views.network(home)).last == "  not at revision 12 yet: ben (11), attic")
    }

    @Test("after a recovery a higher revision of the generation before is not enough")
    func behindByGeneration() {
        var home = Sample.home()
        home.generation = 1 << 32
        for place in home.peers.indices { home.peers[place].appliedGeneration = 1 << 32 }
        home.peers[2].appliedGeneration = 0
        home.peers[2].applied = 14
        #expect(lines(Views.network(home)).last == "  not at revision 12 yet: cleo (14)")
    }

    @Test("nothing of that where all have applied it, or one is ahead")
    func nobodyBehind() {
        var home = Sample.home()
        home.peers[1].applied = 13
        #expect(!Views.network(home).contains("not at revision"))
    }

    @Test("that the config is frozen, because of whom, and that chats go on")
    func frozen() {
        var home = Sample.home()
        home.quorum = false
        home.leader = nil
        home.peers[1].state = .unreachable
        home.peers[2].state = .suspect
        let shown = Views.network(home)
        #expect(
            shown.contains(
                "\n  the config is frozen, since a majority of the voters cannot be reached (ben, cleo are away); chats go on\n"
            ))
        #expect(!shown.contains("config can change"))
    }

    @Test("a member that does not vote does not freeze anything")
    func frozenByVotersOnly() {
        var home = Sample.home()
        home.quorum = false
        home.peers[1].state = .unreachable
        home.peers[3].state = .unreachable
        #expect(Views.frozen(home).contains("(ben is away)"))
    }

    @Test("voters that are all there and have no leader yet are not called away")
    func frozenWithoutLeader() {
        var home = Sample.home()
        home.quorum = false
        #expect(
            Views.frozen(home) == "the config is frozen until the voters have agreed on a leader; chats go on")
    }

    @Test("in detail, where voters are away, an admin is told of the way out, and nobody else")
    func wayOut() {
        var home = Sample.home()
        home.quorum = false
        let way = "tiktrue network recover home"
        #expect(!Views.networkInDetail(home).contains(way))
        home.peers[1].state = .unreachable
        #expect(Views.networkInDetail(home).contains(way))
        home.role = "worker"
        #expect(!Views.networkInDetail(home).contains(way))
    }

    @Test("in detail also the policy and open invitations")
    func detail() {
        var home = Sample.home()
        home.policy = .init(maxVoters: 3, voterGrace: 60, cacheFormat: "q8_0")
        home.invitations = [.init(id: Sample.id("anna"), role: "worker", expires: 0)]
        let shown = Views.networkInDetail(home)
        #expect(shown.contains("\n  at most 3 voters; one that is away for 60 s gives its seat to another\n"))
        #expect(shown.contains("\n  conversations keep keys and values in q8_0\n"))
        #expect(shown.contains("open invitations: \(Sample.id("anna").prefix(8)) (worker, until "))
        #expect(!Views.network(home).contains("at most 3 voters"))
    }

    @Test("names cannot move the cursor")
    func controlCharacters() {
        var home = Sample.home()
        home.quorum = false
        home.peers[1].name = "be\u{1b}[2Jn\r"
        home.peers[1].state = .unreachable
        home.peers[1].applied = 3
        for text in [Views.networkInDetail(home), Visible.text(Views.recovery(home))] {
            #expect(!text.contains("\u{1b}") && !text.contains("\r"))
        }
    }

    @Test("no line of the table is wider than a terminal of 100")
    func width() {
        var home = Sample.home()
        for place in home.peers.indices {
            home.peers[place].name = String(repeating: "long", count: 10)
            home.peers[place].address = "192.168.100.200:40000"
            home.peers[place].state = .unreachable
            home.peers[place].blocks = [BlockSpan(first: 10, last: 19), BlockSpan(first: 30, last: 39)]
            home.peers[place].copies = [BlockSpan(first: 20, last: 29), BlockSpan(first: 40, last: 49)]
        }
        let table = Views.peers(home.peers, leader: nil, indentation: 2)
        #expect(lines(table).map(\.count).max() ?? 0 <= 100)
    }

    @Test("before a recovery: what is lost and who is away, in two sentences")
    func recovery() {
        var home = Sample.home()
        home.peers[1].state = .unreachable
        let shown = lines(Views.recovery(home))
        #expect(shown.count == 2)
        #expect(shown[0].contains("goes on from revision 12") && shown[0].hasSuffix("is lost."))
        #expect(shown[1].contains("(ben)") && shown[1].hasSuffix("is better switched on."))
    }
}

@Suite("What people read of events")
struct EventViewTests {
    @Test("one line each, in the order in which they are given, and no line more than that")
    func lines() {
        let events = [
            EventDocument(id: 1, at: 0, text: "ben is suspect"),
            EventDocument(id: 2, at: 1, text: "ben\nis \u{1b}dead"),
        ]
        let shown = Views.events(events).split(separator: "\n")
        #expect(shown.count == 2)
        #expect(shown[0].hasSuffix("  ben is suspect"))
        #expect(shown[1].hasSuffix("  benis dead"))
    }
}

@Suite("What people read of a peer")
struct PeerViewTests {
    private func shown(_ change: (inout PeerMembershipsDocument.Membership) -> Void) -> String {
        let peer = Sample.home().peers[1]
        var entry = PeerMembershipsDocument.Membership(
            network: "home", id: Sample.id("home"), revision: 12, generation: 0, leads: false, peer: peer)
        change(&entry)
        return Views.memberships(PeerMembershipsDocument(id: peer.id, name: peer.name, networks: [entry]))
    }

    @Test("what it lends and what its owner offers")
    func lends() {
        let text = shown {
            $0.peer.sharedMemory = 1 << 30
            $0.peer.offeredMemory = 4 << 30
        }
        #expect(text.contains("lends     1.0 GiB of 4.0 GiB that its owner offers\n"))
    }

    @Test("that it leads, or votes")
    func votes() {
        #expect(shown { _ in }.contains("worker, votes\n"))
        #expect(shown { $0.leads = true }.contains("worker, leads the voters\n"))
    }

    @Test("the revision that it goes by, where it is behind also the newest")
    func revision() {
        #expect(shown { _ in }.contains("revision  12\n"))
        #expect(shown { $0.peer.applied = 9 }.contains("revision  9; the network is at 12\n"))
        #expect(shown { $0.peer.applied = 0 }.contains("revision  not told yet; the network is at 12\n"))
    }
}
