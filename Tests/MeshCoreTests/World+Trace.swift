import Chain
import Identity
import NetworkConfig
import Wire

@testable import MeshCore

extension MeshCore {
    /// What this core keeps because others spoke to it, with the most that each may reach in a small world.
    var tableSizes: [(String, Int, Int)] {
        [
            ("links", links.count, 64), ("seen peers", seen.count, MeshLimits.seenPeers),
            ("addresses of one seen peer", seen.values.map(\.addresses.count).max() ?? 0, MeshLimits.seenAddresses),
            ("members told by one seen peer", seen.values.flatMap(\.networks).map(\.members.count).max() ?? 0, 64),
            ("dials", dials.count, 64), ("contacts", contacts.count, Limits.members),
            ("proposals", proposals.count, MeshLimits.proposals),
            ("queued changes", networks.values.map(\.queue.count).max() ?? 0, MeshLimits.proposals),
            ("decided proposals", decided.count, MeshLimits.rememberedProposals),
            ("records", networks.values.map(\.records.records.count).max() ?? 0, Limits.members),
            ("downloads", fetches.count, 64), ("reads", readsUnderWay.values.max() ?? 0, MeshLimits.readsPerLink),
            ("drivers", drivers.count, MeshLimits.drivers), ("conversations", conversations.count, MeshLimits.drivers),
            ("stages", stages.stages.count, 256), ("needs", needs.count, 256), ("joins", joins.count, 64),
            ("entering", entering.count, 64),
            ("foundings", founding.count, 64),
        ]
    }
}

extension World {
    /// Folds effects into the trace. Two runs of one seed must give the same.
    func note(_ effects: [Effect], of host: Host) {
        guard let before = trace else { return }
        var bytes = before + [UInt8(host.index)] + Array("\(now.nanoseconds)".utf8)
        for effect in effects {
            switch effect {
            case .send(let frame, let link): bytes += frame.encoded().header + Array("\(link)".utf8)
            case .multicast(let datagram): bytes += datagram
            case .persistRevision(let ticket, _, let revision, let signed):
                bytes += Array("\(ticket) \(revision)".utf8) + signed.encoded()
            case .writePart(let digest, let offset, let part):
                bytes += Array("\(digest) \(offset)".utf8) + Digest.of(part.bytes).bytes
            case .reside(let network, let model, let pinned, let wanted):
                bytes += Array("\(network) \(model.name) \(pinned) \(wanted)".utf8)
            default: bytes += Array("\(effect)".utf8)
            }
        }
        trace = Digest.of(bytes).bytes
    }
}
