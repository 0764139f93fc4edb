import Chain
import Identity
import MeshCore
import Testing
import Wire

// What the hosts' disks and processors do.

extension World {
    // MARK: Pieces

    func open(_ piece: Piece, on host: Host) {
        later(host, times.disk) { [self] in
            if host.pieces[piece.digest] != nil { return feed(host, .pieceStored(piece.digest)) }
            if host.diskIsFull {
                host.opensFailed += 1
                return feed(host, .partFailed(piece.digest, reason: "the disk is full"))
            }
            host.openParts[piece.digest] = piece
            feed(host, .partOpened(piece.digest, offset: UInt64(host.partials[piece.digest]?.count ?? 0)))
        }
    }

    func write(_ digest: Digest, offset: UInt64, bytes: [UInt8], on host: Host) {
        later(host, times.disk) { [self] in
            guard let piece = host.openParts[digest] else { return }
            let have = host.partials[digest]?.count ?? 0
            guard offset == UInt64(have), have + bytes.count <= Int(piece.size) else {
                host.openParts[digest] = nil
                return feed(host, .partFailed(digest, reason: "the part belongs elsewhere"))
            }
            host.partBytesWritten += bytes.count
            host.partials[digest, default: []].append(contentsOf: bytes)
            guard have + bytes.count == Int(piece.size) else {
                return feed(host, .partWritten(digest, next: UInt64(have + bytes.count)))
            }
            let whole = host.partials[digest] ?? []
            host.partials[digest] = nil
            host.openParts[digest] = nil
            guard Digest.of(whole) == digest else {
                return feed(host, .partFailed(digest, reason: "the bytes have another digest"))
            }
            host.pieces[digest] = whole
            feed(host, .pieceStored(digest))
        }
    }

    func read(_ request: PieceRequest, for link: LinkID, on host: Host) {
        later(host, times.disk) { [self] in
            host.partsRead += 1
            guard let whole = host.pieces[request.digest], request.offset < UInt64(whole.count) else {
                return feed(host, .partRead(link, request, total: 0, bytes: nil))
            }
            let start = Int(request.offset)
            var bytes = Array(whole[start..<min(whole.count, start + request.length)])
            if host.lies { bytes[0] ^= 1 }
            feed(host, .partRead(link, request, total: UInt64(whole.count), bytes: bytes))
        }
    }

    /// A file of the model is on this host.
    func give(_ model: FakeModel, to index: Int) {
        for (digest, bytes) in model.pieces { hosts[index].pieces[digest] = bytes }
        guard hosts[index].isOn else { return }
        for digest in model.pieces.keys.sorted() { feed(hosts[index], .pieceStored(digest)) }
    }

    // MARK: Memory

    /// One order after the other, and computations among them in turn.
    func reside(
        _ network: NetworkID, _ manifest: ModelManifest, pinned: [BlockRange], wanted: [BlockRange], on host: Host
    ) {
        let (loaded, refused) = fit(network, manifest, pinned + wanted, on: host)
        let before = host.memory[network]?.loaded ?? []
        let fresh = loaded.count { !before.contains($0) }
        host.memory[network] = Host.Memory(loaded: loaded, sizes: manifest.blocks.map(\.memory))
        host.loaderFree = max(host.loaderFree, now).advanced(
            by: Interval(nanoseconds: times.loadBlock.nanoseconds * Int64(fresh) + 1000))
        later(host, host.loaderFree.since(now)) { [self] in
            feed(host, .residencyChanged(network, loaded: loaded, refused: refused, reason: "the grant is used up"))
        }
    }

    private func fit(
        _ network: NetworkID, _ manifest: ModelManifest, _ ranges: [BlockRange], on host: Host
    ) -> (loaded: [Int], refused: [Int]) {
        var used: UInt64 = 0
        for (other, memory) in host.memory where other != network {
            used += memory.loaded.reduce(0) { $0 + memory.sizes[$1] }
        }
        var loaded: [Int] = []
        var refused: [Int] = []
        for block in ranges.flatMap(\.closedRange) where !loaded.contains(block) && !refused.contains(block) {
            let size = manifest.blocks[block].memory
            let isHere = manifest.blocks[block].pieces.allSatisfy { host.pieces[$0.digest] != nil }
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
        guard var cache = host.caches[work.key] else {
            return violated("host \(host.index) computes without a cache: \(work.key)")
        }
        if cache.contents.blocks != work.blocks {
            violated("host \(host.index) computes \(work.blocks) on a cache of \(cache.contents.blocks)")
        }
        if cache.contents.count != work.first.value {
            violated(
                "host \(host.index): the cache holds \(cache.contents.count) positions, the work begins at \(work.first)"
            )
        }
        let loaded = host.memory[work.network]?.loaded ?? []
        if !work.blocks.closedRange.allSatisfy(loaded.contains) {
            violated("host \(host.index) computes blocks \(work.blocks) and has \(loaded) in memory")
        }
        host.positionsComputed += work.count
        let outputs =
            switch work.input {
            case .tokens(let tokens): tokens.map { cache.contents.apply(UInt64($0)) }
            case .hidden(let payload, _): FakeModel.values(payload).map { cache.contents.apply($0) }
            }
        host.caches[work.key] = cache
        let result: StageResult =
            switch work.output {
            case .hidden: .hidden(FakeModel.payload(outputs))
            case .nothing: .cached
            case .token(let settings, let position):
                .token(FakeModel.sample(outputs.last ?? 0, settings, at: position.value))
            }
        host.computeFree = max(host.computeFree, host.loaderFree, now).advanced(
            by: Interval(nanoseconds: times.position.nanoseconds * Int64(work.count)))
        let incarnation = cache.incarnation
        later(host, host.computeFree.since(now)) { [self] in
            guard host.caches[work.key]?.incarnation == incarnation else { return }
            feed(host, .computed(work.ticket, work.key, result))
        }
    }
}
