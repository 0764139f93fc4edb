import Foundation
import Testing

@testable import Inference

/// A directory for one test, gone with it.
final class ScratchDirectory {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/tiktrue-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

@Suite("The pieces of a model")
struct PieceTests {
    @Test("hold every tensor of every block as the model file has it", arguments: [true, false])
    func roundTrip(tied: Bool) throws {
        let scratch = try ScratchDirectory()
        let model = try open(.smallModel(tied: tied))
        let cut = try ModelCutter.cut(model, directory: scratch.path)
        #expect(cut.blockPieces.count == 4)
        for (block, pieces) in cut.blockPieces.enumerated() {
            let set = PieceSet(try pieces.map { try PieceFile(path: scratch.file($0.fileName)) })
            for expected in ModelLayout(model.hyperparameters).tensors(ofBlock: block) where !expected.isOptional {
                let tensor = try #require(set.tensor(named: expected.name))
                let original = try #require(model.tensor(named: expected.name))
                #expect(tensor.type == original.type)
                #expect(tensor.dimensions == original.dimensions)
                #expect(tensor.bytes.elementsEqual(original.bytes))
                #expect(Int(bitPattern: tensor.bytes.baseAddress) % 64 == 0)
            }
        }
    }

    @Test("of a model with tied embeddings give the head the embedding too")
    func tiedHead() throws {
        let scratch = try ScratchDirectory()
        let cut = try ModelCutter.cut(open(.smallModel()), directory: scratch.path)
        #expect(cut.blockPieces[3].count == 2)
        #expect(cut.blockPieces[3][1] == cut.blockPieces[0][0])
        #expect(cut.pieces.count == 5)
    }

    @Test("are named by the BLAKE2b-256 of their bytes and leave nothing else behind")
    func names() throws {
        let scratch = try ScratchDirectory()
        let cut = try ModelCutter.cut(open(.smallModel()), directory: scratch.path)
        let files = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
        #expect(files.sorted() == cut.pieces.map(\.fileName).sorted())
        for piece in cut.pieces {
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: scratch.file(piece.fileName))))
            let hasher = PieceHasher()
            bytes.withUnsafeBytes { hasher.update($0) }
            #expect(hasher.finish() == piece.digest)
            #expect(bytes.count == piece.byteCount)
        }
    }

    @Test("are hashed as RFC 7693 says")
    func digest() {
        let hasher = PieceHasher()
        Array("a".utf8).withUnsafeBytes { hasher.update($0) }
        Array("bc".utf8).withUnsafeBytes { hasher.update($0) }
        let piece = ModelCut.Piece(digest: hasher.finish(), byteCount: 3)
        #expect(piece.fileName == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")
    }

    @Test("stay the same bytes from release to release")
    func golden() throws {
        let scratch = try ScratchDirectory()
        let cut = try ModelCutter.cut(open(.smallModel()), directory: scratch.path)
        #expect(
            cut.pieces.map { $0.fileName.prefix(16) } == [
                "299c1f2f23212007", "bd06362188424927", "c7fb9452bd6f58e9", "906a7cb44f0be429", "f7ad5bc4047adfd1",
            ])
    }

    @Test("that are there in the right size are not written again")
    func secondCut() throws {
        let scratch = try ScratchDirectory()
        let model = try open(.smallModel())
        let cut = try ModelCutter.cut(model, directory: scratch.path)
        let path = scratch.file(cut.blockPieces[1][0].fileName)
        let date = Date(timeIntervalSince1970: 1000)
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
        let damaged = scratch.file(cut.blockPieces[2][0].fileName)
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: damaged))
        #expect(try ModelCutter.cut(model, directory: scratch.path) == cut)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date == date)
        _ = try PieceFile(path: damaged)
    }

    @Test("report their progress from above 0 to 1, rising")
    func progress() throws {
        let scratch = try ScratchDirectory()
        var steps: [Double] = []
        _ = try ModelCutter.cut(open(.smallModel()), directory: scratch.path) { steps.append($0) }
        #expect(steps == steps.sorted())
        #expect(steps.last == 1)
    }

    @Test("cannot be written where there is no directory to be made, and say so")
    func noDirectory() throws {
        let model = try open(.smallModel())
        #expect(throws: ModelFileError.cannotWrite(path: "/proc/none", reason: "No such file or directory")) {
            try ModelCutter.cut(model, directory: "/proc/none")
        }
    }

    @Test("give the same model by their metadata alone", arguments: [true, false])
    func metadata(tied: Bool) throws {
        let scratch = try ScratchDirectory()
        let model = try open(.smallModel(tied: tied))
        let cut = try ModelCutter.cut(model, directory: scratch.path)
        let metadata = try ModelMetadata(path: scratch.file(cut.metadata.fileName))
        #expect(metadata.hyperparameters == model.hyperparameters)
        #expect(metadata.displayName == "Small test model")
    }
}

@Suite("A piece file")
struct PieceFileTests {
    private let piece: [UInt8]

    init() throws {
        let model = try open(.smallModel())
        let contents = PieceContents(
            tensors: model.tensors.filter { $0.name.hasPrefix("blk.0.") }, of: model)
        var bytes: [UInt8] = []
        contents.forEachChunk { bytes.append(contentsOf: $0) }
        piece = bytes
    }

    private func read(_ bytes: [UInt8]) throws -> PieceFile { try PieceFile(MappedFile(copying: bytes)) }

    @Test("lists its tensors in ascending order")
    func names() throws {
        let names = try read(piece).tensorNames
        #expect(names.count == 9)
        #expect(names.first == "blk.0.attn_k.weight")
    }

    @Test("that was cut short at any byte, or goes on beyond its end, is refused")
    func lengths() {
        for count in Array(0..<600) + stride(from: 600, to: piece.count, by: 89) {
            #expect(throws: ModelFileError.self, "cut to \(count)") { try read(Array(piece[..<count])) }
        }
        #expect(throws: ModelFileError.self) { try read(piece + [0]) }
    }

    @Test("with any bit of its head or padding changed is refused, or is the same but for a name, type or dimension")
    func bits() throws {
        let headBytes = Int(piece[16]) + Int(piece[17]) << 8
        var accepted = 0
        for index in 0..<headBytes.roundedUp(toMultipleOf: 64) {
            for bit in 0..<8 {
                var changed = piece
                changed[index] ^= 1 << bit
                guard let file = try? read(changed) else { continue }
                accepted += 1
                #expect(index >= 32, "byte \(index) of the header")
                for name in file.tensorNames { #expect(file.tensor(named: name) != nil) }
            }
        }
        // The letters of a name can differ, and a length of 1 can move; offsets and sizes cannot.
        #expect(accepted < headBytes * 8 / 3)
    }

    @Test("of another version is refused with that version")
    func version() {
        var changed = piece
        changed[8] = 2
        #expect(throws: ModelFileError.unsupportedPieceVersion(2)) { try read(changed) }
    }
}
