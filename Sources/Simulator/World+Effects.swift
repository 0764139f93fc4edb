import Identity
import MeshCore
import NetworkConfig
import Wire

// What cores want done.

extension World {
    func perform(_ effect: Effect, on host: Host) {
        if let mark = Mark(effect) {
            trace.note(.does, mark, by: host.index, with: recipient(of: effect, from: host), at: now)
        }
        switch effect {
        case .multicast(let datagram): multicast(datagram, from: host)
        case .gossip(let network, let message, let peer, let endpoint):
            gossip(network, message, to: peer, at: endpoint, from: host)
        case .dial(let endpoint, let expecting, let purpose, let tag):
            dial(endpoint, expecting: expecting, purpose: purpose, tag: tag, from: host)
        case .send(let frame, let link):
            record(frame)
            if let checks, let own = host.links[link] {
                checks.sent(frame, from: host, to: own.pipe.ends[1 - own.end].host, in: self)
            }
            if tracesBytes { trace.fold(frame.encoded().header.digits) }
            send(frame, on: link, from: host)
        case .closeLink(let link, let reason): close(link, of: host, reason: reason)
        case .probeLink(let link): probe(link, of: host)
        case .persistLedger(let ticket, let network, let ledger):
            write(.ledger(network, ledger), ticket: ticket, on: host)
        case .persistRaft(let ticket, let network, let generation, let change):
            write(.raft(network, generation: generation, change), ticket: ticket, on: host)
        case .forgetNetwork(let network):
            write(.forget(network), ticket: nil, on: host)
            host.memory[network] = nil
        case .raiseEpoch(let ticket, let epoch): write(.epoch(epoch), ticket: ticket, on: host)
        case .openPart(let piece): open(piece, on: host)
        case .writePart(let digest, let offset, let bytes): write(digest, offset: offset, bytes: bytes.bytes, on: host)
        case .readPart(let link, let request): read(request, for: link, on: host)
        case .reside(let network, let manifest, let pinned, let wanted):
            reside(network, manifest, pinned: pinned, wanted: wanted, on: host)
        case .compute(let work): compute(work, on: host)
        case .truncateCache(let key, let position): host.caches[key]?.contents.truncate(to: position.value)
        case .resetCache(let key, let network, let blocks):
            if host.caches[key] == nil { incarnations += 1 }
            host.caches[key] = Host.Cache(
                network: network, contents: FakeCache(blocks: blocks, grain: cacheGrain),
                incarnation: host.caches[key]?.incarnation ?? incarnations)
        case .dropCache(let key): host.caches[key] = nil
        case .respond(let id, let response): note(response, to: id, by: host)
        case .log(let event): note(event, by: host)
        }
    }

    private func recipient(of effect: Effect, from host: Host) -> Int? {
        guard trace.keeps || trace.printer != nil else { return nil }
        switch effect {
        case .send(_, let link):
            guard let (pipe, end) = host.links[link].map({ ($0.pipe, $0.end) }) else { return nil }
            return pipe.ends[1 - end].host.index
        case .gossip(_, _, _, let endpoint), .dial(let endpoint, _, _, _): return hostAt[endpoint]
        default: return nil
        }
    }
}
