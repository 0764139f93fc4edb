import Foundation
import Identity
import MeshCore
import Storage
import Wire

// Making, finding and entering networks.

extension PeerService {
    func create(
        _ name: String, model: String, emit: @escaping @Sendable (ControlEvent) -> Void
    ) async throws -> ControlResult {
        let manifest = try await manifest(of: model, emit: emit)
        guard case .created(let id) = try await answer(to: .createNetwork(name: name, model: manifest)) else {
            throw ServiceFailure.unexpected
        }
        return .network(document(try await network(named: id.description)))
    }

    /// The model of that name; or of that file, which is cut into pieces first.
    func manifest(
        of model: String, emit: @escaping @Sendable (ControlEvent) -> Void
    ) async throws -> ModelManifest {
        if let known = try await storedModels().first(where: { $0.name == model }) { return known.manifest }
        guard FileManager.default.fileExists(atPath: model) else {
            throw ServiceFailure("there is no model \(model) on this peer; add one with: tiktrue model add FILE")
        }
        _ = try await addModel(model, name: nil, emit: emit)
        guard let added = try await storedModels().first(where: { $0.name == PeerPaths.modelName(forFile: model) })
        else { throw ServiceFailure.unexpected }
        return added.manifest
    }

    func discover() async throws -> ControlResult {
        guard case .discovered(let found) = try await answer(to: .discover) else { throw ServiceFailure.unexpected }
        return .discovered(
            found.map { network in
                DiscoveredNetworkDocument(
                    name: network.name, id: network.id.description, model: network.model,
                    members: network.members.map { .init(id: $0.peer.description, address: $0.address.description) })
            })
    }

    func join(
        _ invitation: String, emit: @escaping @Sendable (ControlEvent) -> Void
    ) async throws -> ControlResult {
        emit(.progress(text: "asking a member to be admitted", fraction: nil))
        guard case .joined(let id) = try await answer(to: .join(invitation)) else { throw ServiceFailure.unexpected }
        emit(.progress(text: "linking with the members", fraction: nil))
        return .network(document(try await linked(id)))
    }

    /// The network once a member is linked, which takes a moment after joining. Where none can be reached it is shown as it is.
    private func linked(_ id: NetworkID) async throws -> NetworkStatus {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(3)
        while true {
            let network = try await network(named: id.description)
            if network.canChange || clock.now >= deadline { return network }
            try await clock.sleep(for: .milliseconds(20))
        }
    }

    func invite(_ name: String, role: String, hours: Int) async throws -> ControlResult {
        let network = try await network(named: name)
        guard let wanted = Role(name: role) else {
            throw ServiceFailure(
                "there is no role \(role); choose one of \(ControlWords.roles.joined(separator: ", "))")
        }
        guard (1...87_600).contains(hours) else {
            throw ServiceFailure("an invitation is valid for 1 to 87600 hours, not \(hours)")
        }
        let response = try await answer(
            to: .invite(
                network: network.id, role: wanted, validSeconds: UInt64(hours) * 3600, secret: Entropy.bytes(16)))
        guard case .invited(let text) = response else { throw ServiceFailure.unexpected }
        let expires = UInt64(Date().timeIntervalSince1970) + UInt64(hours) * 3600
        return .invitation(
            InvitationDocument(
                invitation: text, network: network.config.name, role: wanted.description, expires: expires))
    }
}
