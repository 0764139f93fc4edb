import Identity
import Wire

// Blocks travel: each peer fetches the pieces of just its own blocks, from any member that has them, in parts, in order, and goes
// on where it stopped.

/// A download under way or wanted.
struct Fetch: Sendable {
    let piece: Piece
    let network: NetworkID
    /// Nil while nobody is being asked.
    var source: (peer: PeerID, link: LinkID)?
    /// Sources that failed since the last success.
    var failed: [PeerID] = []
    var isOpen = false
    /// Everything below is on disk.
    var written: UInt64 = 0
    /// Everything below has arrived; parts are written in order.
    var received: UInt64 = 0
    /// Everything below was asked for.
    var requested: UInt64 = 0
    /// When waiting ends: for an answer, or for the next try.
    var deadline: Instant
    /// Nobody could give it; it is asked for again at the deadline.
    var waiting: Bool
}

extension MeshCore {
    func heldBlocks(of model: ModelManifest) -> [Int] {
        model.blocks.indices.filter { index in model.blocks[index].pieces.allSatisfy { heldPieces[$0.digest] != nil } }
    }

    /// Pieces that this peer should have on disk for a network: the metadata first, then its first copies, then its second ones.
    func wantedPieces(of state: NetworkState) -> [Piece] { MeshCore.wantedPieces(of: state, by: peer) }

    private static func wantedPieces(of state: NetworkState, by peer: PeerID) -> [Piece] {
        let config = state.config
        guard config.isMember(peer) else { return [] }
        let mine = config.blocks(of: peer)
        var pieces = [config.model.metadata]
        for range in mine.first + mine.copies {
            for block in range.closedRange {
                for piece in config.model.blocks[block].pieces
                where !pieces.contains(where: { $0.digest == piece.digest }) {
                    pieces.append(piece)
                }
            }
        }
        return pieces
    }

    /// How much of what this peer should hold of a network's model is on disk, in bytes.
    public func fetchProgress(of network: NetworkID) -> (held: UInt64, wanted: UInt64) {
        guard let state = networks[network] else { return (0, 0) }
        return MeshCore.fetchProgress(of: state, by: peer, held: heldPieces, fetches: fetches)
    }

    static func fetchProgress(
        of state: NetworkState, by peer: PeerID, held: SortedMap<Digest, Bool>, fetches: SortedMap<Digest, Fetch>
    ) -> (held: UInt64, wanted: UInt64) {
        var progress: (held: UInt64, wanted: UInt64) = (0, 0)
        for piece in wantedPieces(of: state, by: peer) {
            progress.wanted += piece.size
            progress.held += held.contains(piece.digest) ? piece.size : (fetches[piece.digest]?.written ?? 0)
        }
        return progress
    }

    mutating func passPieceTime(at now: Instant) {
        for fetch in fetches.values where now >= fetch.deadline && (fetch.waiting || fetch.source != nil) {
            piecesStale = true
        }
        guard piecesStale else { return }
        piecesStale = false
        for (digest, fetch) in fetches.pairs where now >= fetch.deadline {
            if fetch.waiting {
                fetches.update(digest) {
                    $0.waiting = false
                    // Nobody could give it a while ago; perhaps somebody can now. But whoever gave wrong bytes comes last.
                    if $0.isOpen { $0.failed = [] }
                }
                if !fetch.isOpen { effects.append(.openPart(fetch.piece)) }
            } else if let source = fetch.source {
                abandon(digest, source: source.peer, reason: "no answer in time", at: now)
            }
        }
        startFetches(at: now)
    }

    /// Something has changed about who has what.
    mutating func retryPieces(at now: Instant) {
        piecesStale = true
        for digest in fetches.keys {
            fetches.update(digest) { fetch in
                // One that could not be written waits for its time.
                guard fetch.waiting, fetch.isOpen else { return }
                fetch.waiting = false
                fetch.failed = []
            }
        }
    }

    private mutating func startFetches(at now: Instant) {
        // Those that nobody can give just now hold no place: others may be had meanwhile.
        var active = fetches.values.count { !$0.waiting }
        for network in networks.keys {
            guard let state = networks[network] else { continue }
            for piece in wantedPieces(of: state) where heldPieces[piece.digest] == nil {
                if fetches[piece.digest] == nil {
                    guard active < MeshLimits.activeFetches else { continue }
                    active += 1
                    fetches[piece.digest] = Fetch(piece: piece, network: network, deadline: now, waiting: false)
                    effects.append(.openPart(piece))
                }
                if let fetch = fetches[piece.digest], fetch.source == nil, fetch.isOpen, !fetch.waiting {
                    ask(for: piece.digest, at: now)
                }
            }
        }
        let wanted = networks.values.flatMap { wantedPieces(of: $0).map(\.digest) }
        fetches.removeAll { digest, _ in !wanted.contains(digest) }
    }

    private mutating func ask(for digest: Digest, at now: Instant) {
        guard let fetch = fetches[digest] else { return }
        guard let link = bestSource(for: fetch) else {
            let due = now.advanced(by: settings.pieceRetry)
            fetches.update(digest) {
                $0.waiting = true
                $0.deadline = due
            }
            return
        }
        fetches.update(digest) {
            $0.source = (link.info.peer, link.info.id)
            // What has arrived is being written, whoever it came from.
            $0.requested = $0.received
        }
        requestParts(of: digest, at: now)
    }

    /// A linked member whose record says that it has the piece, the least busy first; where no record says so, any member.
    private func bestSource(for fetch: Fetch) -> Link? {
        guard let state = networks[fetch.network] else { return nil }
        let model = state.config.model
        let blocks = model.blocks.indices.filter { model.blocks[$0].pieces.contains(fetch.piece) }
        var best: (link: Link, rank: Int)?
        for link in links.values
        where link.info.purpose == .member && state.config.isMember(link.info.peer)
            && !fetch.failed.contains(link.info.peer)
        {
            let held = state.gossip.record(of: link.info.peer)?.held ?? []
            let has = blocks.contains { block in held.contains { $0.contains(block) } }
            let busy = fetches.values.count { $0.source?.peer == link.info.peer }
            let rank = (has ? 0 : 1000) + busy
            if best == nil || rank < best!.rank { best = (link, rank) }
        }
        return best?.link
    }

    private mutating func requestParts(of digest: Digest, at now: Instant) {
        guard var fetch = fetches[digest], let source = fetch.source else { return }
        let ahead = UInt64(Limits.piecePartBytes * MeshLimits.partsInFlight)
        while fetch.requested < fetch.piece.size, fetch.requested - fetch.written < ahead {
            let length = Int(min(UInt64(Limits.piecePartBytes), fetch.piece.size - fetch.requested))
            effects.append(
                .send(
                    .pieceRequest(PieceRequest(digest: digest, offset: fetch.requested, length: length)),
                    on: source.link))
            fetch.requested += UInt64(length)
        }
        fetch.deadline = now.advanced(by: settings.pieceDeadline)
        fetches[digest] = fetch
    }

    mutating func receivePieceData(_ data: PieceData, on link: Link, at now: Instant) {
        guard let fetch = fetches[data.digest], let source = fetch.source, source.link == link.info.id else { return }
        guard data.refusal.isEmpty else {
            abandon(data.digest, source: source.peer, reason: data.refusal, at: now)
            return
        }
        guard data.total == fetch.piece.size, data.offset == fetch.received, data.payload.count > 0,
            UInt64(data.payload.count) <= fetch.requested - fetch.received
        else {
            abandon(data.digest, source: source.peer, reason: "it answered something that was not asked for", at: now)
            return
        }
        fetches.update(data.digest) { $0.received += UInt64(data.payload.count) }
        effects.append(.writePart(data.digest, offset: data.offset, bytes: data.payload))
    }

    mutating func partOpened(_ digest: Digest, offset: UInt64, at now: Instant) {
        piecesStale = true
        fetches.update(digest) { fetch in
            // Opened twice, where it was given up and wanted again meanwhile: what runs goes on.
            guard fetch.source == nil else { return }
            fetch.isOpen = true
            fetch.written = min(offset, fetch.piece.size)
            fetch.received = fetch.written
            fetch.requested = fetch.written
        }
    }

    mutating func partWritten(_ digest: Digest, next: UInt64, at now: Instant) {
        guard let fetch = fetches[digest], fetch.written <= next, next <= fetch.received else { return }
        fetches.update(digest) { $0.written = next }
        requestParts(of: digest, at: now)
    }

    mutating func partFailed(_ digest: Digest, reason: String, at now: Instant) {
        piecesStale = true
        guard let fetch = fetches[digest] else { return }
        effects.append(.log(.pieceFailed(digest, reason: reason)))
        let due = now.advanced(by: settings.pieceWriteRetry)
        fetches.update(digest) {
            if let source = fetch.source { $0.failed.append(source.peer) }
            $0.source = nil
            $0.isOpen = false
            $0.written = 0
            $0.received = 0
            $0.requested = 0
            $0.waiting = true
            $0.deadline = due
        }
    }

    /// A piece is on disk and verified: fetched, or cut from a file here.
    mutating func stored(_ digest: Digest, at now: Instant) {
        piecesStale = true
        if let source = fetches[digest]?.source { effects.append(.log(.pieceFetched(digest, from: source.peer))) }
        fetches[digest] = nil
        heldPieces[digest] = true
        for network in networks.keys {
            networks.update(network) {
                $0.residencyStale = true
                $0.recordStale = true
            }
        }
    }

    /// It was damaged, or nobody needed it any more.
    mutating func removed(_ digest: Digest, at now: Instant) {
        piecesStale = true
        heldPieces[digest] = nil
        for network in networks.keys {
            failLostStages(in: network, at: now)
            // Its blocks are wanted again when it is back; without this nobody would notice that they went.
            networks.update(network) {
                $0.residencyStale = true
                $0.recordStale = true
            }
        }
    }

    private mutating func abandon(_ digest: Digest, source: PeerID, reason: String, at now: Instant) {
        piecesStale = true
        effects.append(.log(.pieceRefused(digest, by: source, reason: reason)))
        fetches.update(digest) {
            $0.failed.append(source)
            $0.source = nil
        }
    }

    mutating func fetchLinkClosed(_ id: LinkID, at now: Instant) {
        piecesStale = true
        for (digest, fetch) in fetches.pairs where fetch.source?.link == id {
            fetches.update(digest) { $0.source = nil }
        }
    }

    /// A link to the same peer has taken another one's place: what was asked for over the old one is asked for again.
    mutating func linkReplaced(_ old: LinkID, by new: LinkID) {
        piecesStale = true
        for (digest, fetch) in fetches.pairs where fetch.source?.link == old {
            fetches.update(digest) { $0.source = nil }
        }
    }

    // MARK: Serving

    mutating func receivePieceRequest(_ request: PieceRequest, on link: Link) {
        let id = link.info.id
        func refusal(_ reason: String) -> Effect {
            .send(
                .pieceData(
                    PieceData(digest: request.digest, offset: 0, total: 0, refusal: reason, payload: .empty)), on: id)
        }
        let shared = sharedNetworks(with: link.info.peer).compactMap { networks[$0] }
        guard shared.contains(where: { $0.config.model.pieces.contains { $0.digest == request.digest } }) else {
            effects.append(refusal("that piece belongs to no network that we share"))
            return
        }
        guard heldPieces[request.digest] != nil else {
            effects.append(refusal("that piece is not here"))
            return
        }
        let underWay = readsUnderWay[id] ?? 0
        guard underWay < MeshLimits.readsPerLink else {
            effects.append(refusal("too many parts were asked for at once"))
            return
        }
        readsUnderWay[id] = underWay + 1
        effects.append(.readPart(id, request))
    }

    mutating func partRead(_ link: LinkID, _ request: PieceRequest, total: UInt64, bytes: [UInt8]?) {
        guard links[link] != nil else { return }
        readsUnderWay.update(link) { $0 -= 1 }
        let data = PieceData(
            digest: request.digest, offset: bytes == nil ? 0 : request.offset, total: bytes == nil ? 0 : total,
            refusal: bytes == nil ? "that piece could not be read" : "", payload: Payload(bytes ?? []))
        effects.append(.send(.pieceData(data), on: link))
    }
}
