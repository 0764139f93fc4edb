import Foundation
import Identity
import MeshCore
import Storage
import Synchronization
import Wire

/// What a person can ask of a running peer, by whatever way: today the command line over the control socket.
final class PeerService: ControlService {
    struct Facts: Sendable {
        let peer: PeerID
        let name: String
        let listenHost: String
        let linkPort: Int
        let threads: Int
        let sharedMemory: UInt64
    }

    let live: LivePeer
    let disk: DiskService
    let library: ModelLibrary
    let facts: Facts
    /// A conversation that names no seed keeps the one that was drawn for its first turn, so that its session goes on.
    let seeds = Mutex<[(session: SessionID, seed: UInt64)]>([])
    private let stopped: @Sendable () -> Void

    init(
        live: LivePeer, disk: DiskService, library: ModelLibrary, facts: Facts, stopped: @escaping @Sendable () -> Void
    ) {
        self.live = live
        self.disk = disk
        self.library = library
        self.facts = facts
        self.stopped = stopped
    }

    func perform(_ request: ControlRequest, emit: @escaping @Sendable (ControlEvent) -> Void) async {
        do {
            emit(.result(try await result(of: request, emit: emit)))
        } catch let failure as ServiceFailure {
            emit(.failure(failure.description))
        } catch {
            emit(.failure("\(error)"))
        }
    }

    private func result(
        of request: ControlRequest, emit: @escaping @Sendable (ControlEvent) -> Void
    ) async throws -> ControlResult {
        switch request {
        case .status: return .status(try await status())
        case .networkList: return .networks(try await networks().map(document))
        case .networkShow(let name): return .network(document(try await network(named: name)))
        case .networkCreate(let name, let model): return try await create(name, model: model, emit: emit)
        case .networkDiscover: return try await discover()
        case .networkJoin(let invitation): return try await join(invitation, emit: emit)
        case .networkInvite(let name, let role, let hours): return try await invite(name, role: role, hours: hours)
        case .networkLeave(let name):
            let network = try await network(named: name)
            guard case .left = try await answer(to: .leave(network.id)) else { throw Self.unexpected }
            return .done
        case .modelAdd(let path, let name): return .model(try await addModel(path, name: name, emit: emit))
        case .modelList: return .models(try await models())
        case .modelShow(let name): return .model(try await model(named: name))
        case .modelRemove(let name):
            try await removeModel(name)
            return .done
        case .peerList(let name): return .peers(try await peers(of: name))
        case .chat(let chat): return .chat(try await self.chat(chat, emit: emit))
        case .stop:
            // Told first: what is on its way to the client is written before its connection is closed.
            emit(.result(.done))
            stopped()
            return .done
        }
    }

    static let unexpected = ServiceFailure(
        "the peer answered something that was not asked; restart it with: tiktrue up")

    /// The one answer to a request that streams nothing. A refusal is thrown as its sentence.
    func answer(to request: Request) async throws -> Response {
        let responses = Responses()
        let response = try await responses.of(request, from: live).first { $0.isLast }
        guard let response else { throw ServiceFailure("this peer is stopping") }
        if case .refused(let sentence) = response { throw ServiceFailure(sentence) }
        return response
    }

    // MARK: Networks

    func networks() async throws -> [NetworkStatus] {
        guard let networks = await live.read(\.status) else { throw ServiceFailure("this peer is stopping") }
        return networks
    }

    /// The network of that name or id; without a name the only one.
    func network(named name: String?) async throws -> NetworkStatus {
        let networks = try await networks()
        guard let name else {
            guard let first = networks.first else {
                throw ServiceFailure(
                    "this peer is in no network yet; run: tiktrue network create NAME --model M, or tiktrue network join INVITATION"
                )
            }
            guard networks.count == 1 else {
                let names = networks.map(\.config.name).joined(separator: ", ")
                throw ServiceFailure("this peer is in several networks (\(names)); choose one with --network")
            }
            return first
        }
        let found = networks.filter { $0.config.name == name || $0.id.description == name }
        guard let first = found.first else {
            throw ServiceFailure("this peer is in no network \(name); see: tiktrue network list")
        }
        guard found.count == 1 else {
            throw ServiceFailure(
                "this peer is in several networks called \(name); name its id instead, see: tiktrue network list --json"
            )
        }
        return first
    }

    private func create(
        _ name: String, model: String, emit: @escaping @Sendable (ControlEvent) -> Void
    ) async throws -> ControlResult {
        let manifest: ModelManifest
        if let known = try await storedModels().first(where: { $0.name == model }) {
            manifest = known.manifest
        } else if FileManager.default.fileExists(atPath: model) {
            _ = try await addModel(model, name: nil, emit: emit)
            guard let added = try await storedModels().first(where: { $0.name == PeerPaths.modelName(forFile: model) })
            else {
                throw Self.unexpected
            }
            manifest = added.manifest
        } else {
            throw ServiceFailure("there is no model \(model) on this peer; add one with: tiktrue model add FILE")
        }
        guard case .created(let id) = try await answer(to: .createNetwork(name: name, model: manifest)) else {
            throw Self.unexpected
        }
        return .network(document(try await network(named: id.description)))
    }

    private func discover() async throws -> ControlResult {
        guard case .discovered(let found) = try await answer(to: .discover) else { throw Self.unexpected }
        return .discovered(
            found.map { network in
                DiscoveredNetworkDocument(
                    name: network.name, id: network.id.description, model: network.model,
                    members: network.members.map { .init(id: $0.peer.description, address: $0.address.description) })
            })
    }

    private func join(
        _ invitation: String, emit: @escaping @Sendable (ControlEvent) -> Void
    ) async throws -> ControlResult {
        emit(.progress(text: "asking a member to be admitted", fraction: nil))
        guard case .joined(let id) = try await answer(to: .join(invitation)) else { throw Self.unexpected }
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

    private func invite(_ name: String, role: String, hours: Int) async throws -> ControlResult {
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
        guard case .invited(let text) = response else { throw Self.unexpected }
        let expires = UInt64(Date().timeIntervalSince1970) + UInt64(hours) * 3600
        return .invitation(
            InvitationDocument(
                invitation: text, network: network.config.name, role: wanted.description, expires: expires))
    }

    private func peers(of name: String?) async throws -> [NetworkPeersDocument] {
        let chosen = name == nil ? try await networks() : [try await network(named: name)]
        return chosen.map { network in
            NetworkPeersDocument(
                network: network.config.name, id: network.id.description, peers: document(network).peers)
        }
    }

    // MARK: Documents

    private func status() async throws -> StatusDocument {
        StatusDocument(
            peer: facts.peer.description, name: facts.name,
            listen: .init(
                links: Endpoint(host: facts.listenHost, port: facts.linkPort)?.description ?? "", gateway: nil),
            networks: try await networks().map(document), models: try await models(), threads: facts.threads,
            sharedMemory: facts.sharedMemory)
    }

    func document(_ network: NetworkStatus) -> NetworkDocument {
        NetworkDocument(
            name: network.config.name, id: network.id.description, revision: network.config.revision.value,
            role: network.role.description, quorum: network.canChange, leader: network.leader?.description,
            model: network.config.model.name, blockCount: network.config.model.blocks.count, notice: notice(network),
            peers: network.peers.map { peer in
                PeerDocument(
                    id: peer.member.peer.description, name: peer.member.name, address: peer.address?.description ?? "",
                    state: peer.isReachable ? .alive : .unreachable, role: peer.member.role.description,
                    blocks: peer.first.map { BlockSpan($0) }, copies: peer.copies.map { BlockSpan($0) },
                    loaded: peer.loaded.map { BlockSpan($0) }, held: peer.held.map { BlockSpan($0) },
                    sharedMemory: peer.member.grantedMemory)
            })
    }
}

extension PeerService {
    /// One sentence on what keeps a network from answering well, the most serious first; nil where all is well.
    private func notice(_ network: NetworkStatus) -> String? {
        if network.shortfall > 1 {
            return "members lend \(network.shortfall >> 20 + 1) MiB too little for this model; let another peer join, "
                + "or start one with a larger --share-memory"
        }
        if network.shortfall > 0 {
            return
                "no division of this model's blocks fits what members lend; start a peer with a larger --share-memory"
        }
        if !network.missing.isEmpty {
            let blocks = network.missing.map { "\(BlockSpan($0))" }.joined(separator: ", ")
            return "blocks \(blocks) are on no peer that can be reached just now"
        }
        if network.fetched.held < network.fetched.wanted {
            return
                "\(network.fetched.held >> 20) of \(network.fetched.wanted >> 20) MiB of this peer's blocks have arrived"
        }
        return nil
    }
}

/// The responses to one request, as they come.
struct Responses {
    /// Ends after the last response. Whoever stops listening gives the request up.
    func of(_ request: Request, from live: LivePeer) async throws -> AsyncStream<Response> {
        let (stream, continuation) = AsyncStream.makeStream(of: Response.self)
        let id = await live.request(request) { response in
            continuation.yield(response)
            if response.isLast { continuation.finish() }
        }
        guard let id else { throw ServiceFailure("this peer is stopping") }
        continuation.onTermination = { reason in
            if case .cancelled = reason { live.cancel(id) }
        }
        return stream
    }
}
