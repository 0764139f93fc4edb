import MeshCore
import Wire

// Changes of a network's config.

extension PeerService {
    /// Makes a change, and waits until a majority of the voters has certified it or it is refused.
    func change(
        _ name: String?, _ wish: @Sendable (NetworkStatus) throws(ServiceFailure) -> Wish
    ) async throws -> ControlResult {
        let network = try await network(named: name)
        let wish = try wish(network)
        guard case .changed(let revision) = try await answer(to: .change(network.id, wish.change)) else {
            throw ServiceFailure.unexpected
        }
        return .changed(ChangeDocument(network, revision: revision, subject: wish.subject))
    }

    func setModel(
        of name: String, to model: String, emit: @escaping @Sendable (ControlEvent) -> Void
    ) async throws -> ControlResult {
        let network = try await network(named: name)
        let manifest = try await manifest(of: model, emit: emit)
        guard manifest != network.config.model else {
            throw ServiceFailure("the network \(network.config.name) runs \(manifest.name) already")
        }
        guard case .modelSet(let revision) = try await answer(to: .setModel(network.id, manifest)) else {
            throw ServiceFailure.unexpected
        }
        return .changed(ChangeDocument(network, revision: revision, subject: manifest.name))
    }

    func recover(_ name: String) async throws -> ControlResult {
        let network = try await network(named: name)
        guard case .recovered(let revision) = try await answer(to: .recover(network.id)) else {
            throw ServiceFailure.unexpected
        }
        return .changed(ChangeDocument(network, revision: revision))
    }
}

extension ChangeDocument {
    init(_ network: NetworkStatus, revision: Revision, subject: String? = nil) {
        self.init(
            network: network.config.name, id: network.id.description, revision: revision.value, subject: subject)
    }
}
