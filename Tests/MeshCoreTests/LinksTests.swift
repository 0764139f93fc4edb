import Identity
import Testing
import Wire

@testable import MeshCore

@Suite struct LinksTests {
    private func link(_ number: UInt64, to peer: PeerID, _ purpose: LinkInfo.Purpose = .member) -> Link {
        Link(
            info: LinkInfo(
                id: LinkID(number), peer: peer, purpose: purpose, isOutbound: true, remote: nil, dial: nil),
            openedAt: .zero)
    }

    @Test("The link to a member is the oldest one that is open, and a newcomer's is none")
    func oldestMemberLink() {
        let (one, other) = (SigningKey.random().peer, SigningKey.random().peer)
        var links = Links()
        for number: UInt64 in [4, 9] { links[LinkID(number)] = link(number, to: one) }
        links[LinkID(5)] = link(5, to: other, .admission)
        #expect(links.member(one)?.info.id == LinkID(4) && links.members(one).count == 2)
        #expect(links.member(other) == nil && !links.reaches(other) && links.count == 3)
        links[LinkID(4)] = nil
        #expect(links.member(one)?.info.id == LinkID(9))
        links[LinkID(9)] = nil
        #expect(!links.reaches(one) && links.keys == [LinkID(5)])
    }
}
