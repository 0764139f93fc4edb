import Foundation
import Identity
import Testing
import Wire

@testable import Storage

@Suite("The store of pieces")
struct PieceStoreTests {
    let scratch: ScratchDirectory
    let store: PieceStore
    private let content = (0..<3000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    private var piece: Piece { Piece(digest: Digest.of(content), size: UInt64(content.count)) }

    init() throws {
        scratch = try ScratchDirectory()
        store = try PieceStore(directory: scratch.file("pieces"))
    }

    private func storeContent() throws {
        let partial = try store.partial(piece)
        try partial.append(content, at: 0)
        try partial.complete()
    }

    @Test("a piece that came whole is here under its digest")
    func stores() throws {
        try storeContent()
        #expect(store.has(piece.digest))
        #expect(store.size(of: piece.digest) == 3000)
        #expect(try scratch.bytes(of: "pieces/\(piece.digest)") == content)
        #expect(try store.heldDigests() == [piece.digest])
    }

    @Test("a piece is read in parts")
    func reads() throws {
        try storeContent()
        #expect(try store.read(piece.digest, offset: 2990, length: 10) == Array(content[2990...]))
        #expect(try store.read(piece.digest, offset: 3000, length: 0) == [])
    }

    @Test(
        "reading beyond the end is refused",
        arguments: [(2991, 10), (3001, 0), (.max, 1), (0, .max), (0, -1)] as [(UInt64, Int)])
    func readsBeyondEnd(offset: UInt64, length: Int) throws {
        try storeContent()
        #expect(throws: StorageError.pieceReadBeyondEnd(piece.digest, offset: offset, length: length, size: 3000)) {
            try store.read(piece.digest, offset: offset, length: length)
        }
    }

    @Test("reading a piece that is not here is refused")
    func readsMissing() {
        #expect(throws: StorageError.pieceMissing(piece.digest)) { try store.read(piece.digest, offset: 0, length: 1) }
    }

    @Test("a download goes on where it stopped, also after a restart")
    func resumes() throws {
        try store.partial(piece).append(Array(content[..<1000]), at: 0)
        let later = try PieceStore(directory: store.directory).partial(piece)
        #expect(later.offset == 1000)
        #expect(try later.append(Array(content[1000...]), at: 1000) == 3000)
        #expect(later.isFull)
        try later.complete()
        #expect(store.has(piece.digest))
    }

    @Test("a piece that is still coming is not here yet")
    func partialIsNotHeld() throws {
        try store.partial(piece).append(content, at: 0)
        #expect(!store.has(piece.digest))
        #expect(try store.heldDigests() == [])
        #expect(try store.partialDigests() == [piece.digest])
    }

    @Test("bytes for another place are refused and change nothing", arguments: [0, 999, 1001, UInt64.max])
    func wrongOffset(offset: UInt64) throws {
        let partial = try store.partial(piece)
        try partial.append(Array(content[..<1000]), at: 0)
        #expect(throws: StorageError.pieceOffsetWrong(piece.digest, expected: 1000, given: offset)) {
            try partial.append([1], at: offset)
        }
        #expect(partial.offset == 1000)
    }

    @Test("more bytes than the piece has are refused and change nothing")
    func tooManyBytes() throws {
        let partial = try store.partial(piece)
        #expect(throws: StorageError.pieceTooLarge(piece.digest, size: 3001, limit: 3000)) {
            try partial.append(content + [0], at: 0)
        }
        #expect(partial.offset == 0)
    }

    @Test(
        "a piece over the limit of all pieces is refused before a byte is written",
        arguments: [0, Limits.pieceBytes + 1])
    func absurdSize(size: UInt64) throws {
        #expect(throws: StorageError.pieceTooLarge(piece.digest, size: size, limit: Limits.pieceBytes)) {
            try store.partial(Piece(digest: piece.digest, size: size))
        }
    }

    @Test("wrong bytes are deleted, and never get the name")
    func mismatch() throws {
        var wrong = content
        wrong[1500] ^= 1
        let partial = try store.partial(piece)
        try partial.append(wrong, at: 0)
        #expect(throws: StorageError.pieceMismatch(expected: piece.digest, found: Digest.of(wrong))) {
            try partial.complete()
        }
        #expect(!store.has(piece.digest))
        #expect(partial.offset == 0)
    }

    @Test("a leftover that is longer than the piece is deleted when it is completed")
    func leftoverTooLong() throws {
        try scratch.write(content + [0], to: "pieces/\(piece.digest).partial")
        let partial = try store.partial(piece)
        #expect(throws: StorageError.self) { try partial.complete() }
        #expect(partial.offset == 0)
    }

    @Test("a piece is not complete before its last byte")
    func incomplete() throws {
        let partial = try store.partial(piece)
        try partial.append(Array(content[..<2999]), at: 0)
        #expect(throws: StorageError.pieceIncomplete(piece.digest, have: 2999, size: 3000)) { try partial.complete() }
        #expect(partial.offset == 2999)
    }

    @Test("a piece larger than one hashing step is verified whole")
    func largePiece() throws {
        let large = [UInt8](repeating: 9, count: (1 << 20) + 17)
        let partial = try store.partial(Piece(digest: Digest.of(large), size: UInt64(large.count)))
        try partial.append(large, at: 0)
        try partial.complete()
        #expect(store.has(Digest.of(large)))
    }

    @Test("what else lies in the directory is passed over")
    func junk() throws {
        try storeContent()
        let hex = String(repeating: "ab", count: 32)
        for name in [
            "readme", ".hidden", String(repeating: "a", count: 63), String(repeating: "g", count: 64), hex.uppercased(),
            "\(hex).tmp",
        ] {
            try scratch.write("x", to: "pieces/" + name)
        }
        try FileManager.default.createDirectory(
            atPath: store.path(for: Digest.of([1])), withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(
            atPath: store.path(for: Digest.of([2])), withDestinationPath: store.path(for: piece.digest))
        #expect(try store.heldDigests() == [piece.digest])
        #expect(!store.has(Digest.of([1])))
        #expect(!store.has(Digest.of([2])))
    }

    @Test("a piece that is removed is gone, with what was still coming of it")
    func removes() throws {
        try storeContent()
        try store.partial(piece).append([content[0]], at: 0)
        try store.remove(piece.digest)
        #expect(!store.has(piece.digest))
        #expect(try store.partialDigests() == [])
        #expect(throws: Never.self) { try store.remove(piece.digest) }
    }
}
