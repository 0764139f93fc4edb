import Chain
import Identity
import MeshCore
import Wire

// What the hosts' memory and processors do.

extension World {
    // MARK: Memory

    /// One order after the other, and computations among them in turn. What is read from disk is checked: a piece that has lost a bit
    /// is deleted, and fetched again.
    func reside(
        _ network: NetworkID, _ manifest: ModelManifest, pinned: [BlockRange], wanted: [BlockRange], on host: Host
    ) {
        let rotten = rottenPieces(of: manifest, pinned + wanted, on: host)
        for digest in rotten {
            host.disk.pieces[digest] = nil
            coverage.reached("rotten piece found")
        }
        let (loaded, refused) = fit(network, manifest, pinned + wanted, on: host)
        let before = host.memory[network]?.loaded ?? []
        let fresh = loaded.count { !before.contains($0) }
        host.memory[network] = Host.Memory(
            loaded: loaded, asked: pinned + wanted, sizes: manifest.blocks.map(\.memory))
        host.loaderFree = max(host.loaderFree, now).advanced(
            by: Interval(nanoseconds: times.loadBlock.nanoseconds * Int64(fresh) * host.slowness + 1000))
        later(host, host.loaderFree.since(now)) { [self] in
            for digest in rotten { feed(host, .pieceRemoved(digest)) }
            feed(host, .residencyChanged(network, loaded: loaded, refused: refused, reason: "the grant is used up"))
        }
    }

    private func rottenPieces(of manifest: ModelManifest, _ ranges: [BlockRange], on host: Host) -> [Digest] {
        guard !host.rotten.isEmpty else { return [] }
        let loaded = host.memory.values.flatMap(\.loaded)
        var found: [Digest] = []
        for block in ranges.flatMap(\.closedRange) where !loaded.contains(block) {
            for piece in manifest.blocks[block].pieces where host.rotten.contains(piece.digest) {
                guard let bytes = host.disk.pieces[piece.digest], Digest.of(bytes) != piece.digest else { continue }
                found.append(piece.digest)
            }
        }
        for digest in found { host.rotten.remove(digest) }
        return found
    }

    private func fit(
        _ network: NetworkID, _ manifest: ModelManifest, _ ranges: [BlockRange], on host: Host
    ) -> (loaded: [Int], refused: [Int]) {
        let before = host.memory[network]?.loaded ?? []
        var used: UInt64 = 0
        for (other, memory) in host.memory.pairs where other != network {
            used += memory.loaded.reduce(0) { $0 + memory.sizes[$1] }
        }
        var loaded: [Int] = []
        var refused: [Int] = []
        for block in ranges.flatMap(\.closedRange) where !loaded.contains(block) && !refused.contains(block) {
            let size = manifest.blocks[block].memory
            // What is in memory already stays, whatever became of the file.
            let isHere =
                before.contains(block)
                || manifest.blocks[block].pieces.allSatisfy { host.disk.pieces[$0.digest] != nil }
            if isHere, used + size <= host.settings.sharedMemory {
                used += size
                loaded.append(block)
            } else {
                refused.append(block)
            }
        }
        return (loaded.sorted(), refused.sorted())
    }

    // MARK: Compute

    func compute(_ work: StageWork, on host: Host) {
        func broken(_ what: String) { violated("compute", "machine \(host.index) \(what)", [host.index]) }
        guard let incarnation = host.caches[work.key]?.incarnation, let blocks = host.caches[work.key]?.contents.blocks,
            let count = host.caches[work.key]?.contents.count
        else { return broken("computes without a cache: \(work.key)") }
        if blocks != work.blocks { broken("computes \(work.blocks) on a cache of \(blocks)") }
        if count < work.first.value, host.caches[work.key]?.contents.fellShort == true {
            return later(host, times.position) { [self] in
                guard host.caches[work.key]?.incarnation == incarnation else { return }
                feed(host, .computed(work.ticket, work.key, .missing(from: Position(count))))
            }
        }
        if count != work.first.value {
            broken("computes from \(work.first) on, and the cache holds \(count) positions")
        }
        let memory = host.memory[work.network] ?? Host.Memory()
        if let missing = work.blocks.closedRange.first(where: { !memory.loaded.contains($0) }) {
            if !memory.asked.contains(where: { $0.contains(missing) }) {
                broken("computes block \(missing), which it wished not to have in memory")
            }
            // It was asked for and did not fit beside others: the core will hear so.
            return later(host, times.position) { [self] in
                feed(host, .computed(work.ticket, work.key, .failed("block \(missing) is not in memory")))
            }
        }
        host.positionsComputed += work.count
        var outputs: [UInt64] = []
        let inputs: [UInt64] =
            switch work.input {
            case .tokens(let tokens): tokens.map { UInt64(truncatingIfNeeded: $0) }
            case .hidden(let payload, _): FakeModel.values(payload)
            }
        for (input, token) in zip(inputs, work.input.tokens) {
            if let output = host.caches[work.key]?.contents.apply(input, token: token, format: work.cacheFormat) {
                outputs.append(output)
            }
        }
        let heard = host.caches[work.key]?.contents.heard ?? 0
        let result: StageResult =
            switch work.output {
            case .hidden: .hidden(FakeModel.payload(outputs))
            case .nothing, .states: .cached
            case .token(let settings, let position, let answerStart):
                .token(
                    TokenChoice(
                        token: FakeModel.sample(
                            outputs.last ?? 0, settings, at: position.value, answerStart: answerStart.value,
                            heard: heard)))
            case .embedding: .embedding(FakeModel.payload([FakeModel.mix(outputs.last ?? 0, heard)]))
            }
        host.computeFree = max(host.computeFree, host.loaderFree, now).advanced(
            by: Interval(nanoseconds: times.position.nanoseconds * Int64(work.count) * host.slowness))
        later(host, host.computeFree.since(now)) { [self] in
            guard host.caches[work.key]?.incarnation == incarnation else { return }
            feed(host, .computed(work.ticket, work.key, result))
        }
    }
}
