import Foundation
import Identity
import Inference
import Storage
import Testing
import Wire

@testable import Peer

/// On the model that tools/fetch-model brings.
@Suite("The library of models")
struct ModelLibraryTests {
    private let path: String = {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory() + "/.cache"
        return environment["TIKTRUE_MODEL"] ?? cache + "/tiktrue/models/SmolLM2-135M-Instruct.Q4_1.gguf"
    }()

    @Test("a model that could never answer is refused, and nothing of it is kept")
    func cannotAnswer() async throws {
        let directory = FileManager.default.temporaryDirectory.path + "/tiktrue-test-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let pieces = try PieceStore(directory: directory)
        let library = ModelLibrary(pieces: pieces, state: try StateStore(path: directory + "/state.sqlite"))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        // Behind the key stand the type and the length of the name by which its words are cut.
        let key = try #require(bytes.range(of: Data("tokenizer.ggml.pre".utf8)))
        let name = key.upperBound + 12..<key.upperBound + 18
        #expect(bytes[name] == Data("smollm".utf8))
        bytes.replaceSubrange(name, with: Data("smollx".utf8))
        try bytes.write(to: URL(fileURLWithPath: directory + "/model.gguf"))
        await #expect(throws: ModelFileError.self) {
            try await library.add(path: directory + "/model.gguf", name: "smol") { _ in }
        }
        #expect(try pieces.heldDigests().isEmpty)
    }

    @Test(
        "a model that an earlier version has cut is added again under its name, and then it is known what its blocks keep"
    )
    func addedAgain() async throws {
        let directory = FileManager.default.temporaryDirectory.path + "/tiktrue-test-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let pieces = try PieceStore(directory: directory)
        let state = try StateStore(path: directory + "/state.sqlite")
        let library = ModelLibrary(pieces: pieces, state: state)
        let manifest = try await library.add(path: path, name: "smol") { _ in }
        func stored(_ name: String, _ blocks: [ModelManifest.Block]) throws {
            let earlier = ModelManifest(
                name: name, architecture: manifest.architecture, metadata: manifest.metadata, blocks: blocks,
                contextLength: manifest.contextLength, vocabulary: manifest.vocabulary, width: manifest.width)
            try state.saveModel(name: name, manifest: earlier, sourcePath: path)
        }
        try stored("smol", manifest.blocks.map { ModelManifest.Block(pieces: $0.pieces, memory: $0.memory) })
        #expect(try state.models().first?.manifest != manifest)
        #expect(try await library.add(path: path, name: "smol") { _ in } == manifest)
        #expect(try state.models().map(\.manifest) == [manifest])
        // Other pieces are another model.
        try stored("smol", manifest.blocks.dropLast())
        await #expect(throws: ServiceFailure.self) { try await library.add(path: path, name: "smol") { _ in } }
    }
}
