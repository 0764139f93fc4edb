import Identity
import Wire

/// Members in the order in which they are probed: shuffled, each once in a round, so that none waits longer than two
/// rounds; a new one comes in at a random place.
struct ProbeRound: Sendable {
    private(set) var peers: [PeerID] = []
    private var next = 0

    var count: Int { peers.count }
    var isEmpty: Bool { peers.isEmpty }

    mutating func insert(_ peer: PeerID, using random: inout SeededGenerator) {
        peers.insert(peer, at: Int.random(in: min(next, peers.count)...peers.count, using: &random))
    }

    mutating func remove(_ peer: PeerID) {
        guard let place = peers.firstIndex(of: peer) else { return }
        peers.remove(at: place)
        if place < next { next -= 1 }
    }

    mutating func take(using random: inout SeededGenerator) -> PeerID? {
        if next >= peers.count {
            guard !peers.isEmpty else { return nil }
            peers.shuffle(using: &random)
            next = 0
        }
        next += 1
        return peers[next - 1]
    }

    /// Up to so many different members, drawn at random among those that will do. It looks at a few of them only, so
    /// that its cost does not grow with their number.
    func draw(_ count: Int, using random: inout SeededGenerator, where willDo: (PeerID) -> Bool) -> [PeerID] {
        guard count > 0, !peers.isEmpty else { return [] }
        var drawn: [PeerID] = []
        if peers.count <= count * 2 {
            for peer in peers.shuffled(using: &random) where drawn.count < count && willDo(peer) { drawn.append(peer) }
            return drawn
        }
        for _ in 0..<(count * 4) where drawn.count < count {
            let peer = peers[Int.random(in: peers.indices, using: &random)]
            if !drawn.contains(peer), willDo(peer) { drawn.append(peer) }
        }
        return drawn
    }
}
