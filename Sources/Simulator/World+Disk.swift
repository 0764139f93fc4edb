import Chain
import Identity
import MeshCore
import Wire

// What the hosts' disks do.

extension World {
    /// Small state is written one after the other. A write that fails ends the process.
    func write(_ write: Disk.Write, ticket: StorageTicket?, on host: Host) {
        checks?.writes(write, on: host, in: self)
        host.disk.write(write)
        let takes = (host.writeDelay ?? times.persist).nanoseconds + draw(below: times.persistSpread.nanoseconds)
        host.diskFree = max(host.diskFree, now).advanced(by: Interval(nanoseconds: takes))
        later(host, host.diskFree.since(now)) { [self] in
            if host.nextSyncFails || host.diskIsFull {
                host.nextSyncFails = false
                coverage.reached("write failed")
                // Nobody knows what of it is on disk.
                return end(host, .killed)
            }
            host.disk.syncOne()
            if let ticket { later(host, times.persistAnswer) { [self] in feed(host, .persisted(ticket)) } }
        }
    }

    func open(_ piece: Piece, on host: Host) {
        later(host, times.disk) { [self] in
            if host.disk.pieces[piece.digest] != nil { return feed(host, .pieceStored(piece.digest)) }
            if host.diskIsFull {
                host.opensFailed += 1
                return feed(host, .partFailed(piece.digest, reason: "the disk is full"))
            }
            host.openParts[piece.digest] = piece
            feed(host, .partOpened(piece.digest, offset: UInt64(host.disk.partials[piece.digest]?.count ?? 0)))
        }
    }

    func write(_ digest: Digest, offset: UInt64, bytes: [UInt8], on host: Host) {
        later(host, times.disk) { [self] in
            guard let piece = host.openParts[digest] else { return }
            let have = host.disk.partials[digest]?.count ?? 0
            func fail(_ reason: String) {
                host.openParts[digest] = nil
                feed(host, .partFailed(digest, reason: reason))
            }
            guard !host.diskIsFull else { return fail("the disk is full") }
            guard offset == UInt64(have), have + bytes.count <= Int(piece.size) else {
                return fail("the part belongs elsewhere")
            }
            host.partBytesWritten += bytes.count
            host.disk.partials[digest, default: []].append(contentsOf: bytes)
            guard have + bytes.count == Int(piece.size) else {
                return feed(host, .partWritten(digest, next: UInt64(have + bytes.count)))
            }
            let whole = host.disk.partials[digest] ?? []
            host.disk.partials[digest] = nil
            guard Digest.of(whole) == digest else { return fail("the bytes have another digest") }
            host.openParts[digest] = nil
            host.disk.pieces[digest] = whole
            feed(host, .pieceStored(digest))
        }
    }

    func read(_ request: PieceRequest, for link: LinkID, on host: Host) {
        later(host, times.disk) { [self] in
            host.partsRead += 1
            guard let whole = host.disk.pieces[request.digest], request.offset < UInt64(whole.count) else {
                return feed(host, .partRead(link, request, total: 0, bytes: nil))
            }
            let start = Int(request.offset)
            var bytes = Array(whole[start..<min(whole.count, start + request.length)])
            if host.lies, !bytes.isEmpty { bytes[0] ^= 1 }
            feed(host, .partRead(link, request, total: UInt64(whole.count), bytes: bytes))
        }
    }
}
