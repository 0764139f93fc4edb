import Foundation
import MeshCore
import Storage
import Wire

extension PeerService {
    func storedModels() async throws -> [StoredModel] {
        try await disk.perform { state, _ in try state.models() }
    }

    func models() async throws -> [ModelDocument] {
        let networks = try await networks()
        var documents: [ModelDocument] = []
        let stored = try await storedModels()
        for model in stored { documents.append(try await document(model.manifest, source: model.sourcePath, networks)) }
        // What a network brought along, and nobody added here.
        for network in networks
        where !stored.contains(where: { $0.manifest.pieces == network.config.model.pieces })
            && !documents.contains(where: { $0.name == network.config.model.name })
        {
            documents.append(try await document(network.config.model, source: nil, networks))
        }
        return documents
    }

    func model(named name: String) async throws -> ModelDocument {
        guard let model = try await models().first(where: { $0.name == name }) else {
            throw ServiceFailure("there is no model \(name) on this peer; see: tiktrue model list")
        }
        return model
    }

    private func document(
        _ manifest: ModelManifest, source: String?, _ networks: [NetworkStatus]
    ) async throws -> ModelDocument {
        let pieces = manifest.pieces
        let held = try await disk.perform { _, store in pieces.count { store.has($0.digest) } }
        return ModelDocument(
            name: manifest.name, architecture: manifest.architecture, blockCount: manifest.blocks.count,
            size: pieces.reduce(0) { $0 + $1.size }, memory: manifest.blocks.reduce(0) { $0 + $1.memory },
            contextLength: manifest.contextLength, vocabulary: manifest.vocabulary, pieces: pieces.count,
            heldPieces: held,
            source: source, networks: networks.filter { $0.config.model.pieces == pieces }.map(\.config.name))
    }

    func addModel(
        _ path: String, name: String?, emit: @escaping @Sendable (ControlEvent) -> Void
    ) async throws -> ModelDocument {
        let name = name ?? PeerPaths.modelName(forFile: path)
        guard !name.isEmpty, name.utf8.count <= Limits.nameBytes else {
            throw ServiceFailure("a model's name has 1 to \(Limits.nameBytes) bytes; choose another with --name")
        }
        emit(.progress(text: "cutting \(name) into blocks", fraction: 0))
        let manifest = try await library.add(path: path, name: name, notice: { emit(.notice($0)) }) { fraction in
            emit(.progress(text: "cutting \(name) into blocks", fraction: fraction))
        }
        for piece in manifest.pieces { live.submit(.pieceStored(piece.digest)) }
        return try await model(named: name)
    }

    /// Forgets a model, and deletes the pieces of it that no network here and no other model needs.
    func removeModel(_ name: String) async throws {
        let stored = try await storedModels()
        guard let model = stored.first(where: { $0.name == name }) else {
            throw ServiceFailure("there is no model \(name) on this peer; see: tiktrue model list")
        }
        let networks = try await networks()
        if let network = networks.first(where: { $0.config.model.pieces == model.manifest.pieces }) {
            throw ServiceFailure(
                "the network \(network.config.name) uses \(name); leave it first with: tiktrue network leave \(network.config.name)"
            )
        }
        let needed = Set(
            stored.filter { $0.name != name }.flatMap(\.manifest.pieces).map(\.digest)
                + networks.flatMap(\.config.model.pieces).map(\.digest))
        let unused = model.manifest.pieces.map(\.digest).filter { !needed.contains($0) }
        try await disk.perform { state, pieces in
            _ = try state.removeModel(name)
            for digest in unused { try pieces.remove(digest) }
        }
        for digest in unused { live.submit(.pieceRemoved(digest)) }
    }
}
