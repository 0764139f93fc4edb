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
            guard case .left = try await answer(to: .leave(network.id)) else { throw ServiceFailure.unexpected }
            return .done
        case .networkRecover(let name): return try await recover(name)
        case .networkSetModel(let name, let model): return try await setModel(of: name, to: model, emit: emit)
        case .networkSetPolicy(let name, let maxVoters, let voterGrace, let cacheFormat):
            return try await change(name) { network throws(ServiceFailure) in
                try network.wish(maxVoters: maxVoters, voterGrace: voterGrace, cacheFormat: cacheFormat)
            }
        case .networkPlan(let name): return try await change(name) { _ in Wish(change: .assign(nil), subject: nil) }
        case .networkRevoke(let name, let invitation):
            return try await change(name) { network throws(ServiceFailure) in
                try network.wish(revoking: invitation)
            }
        case .modelAdd(let path, let name): return .model(try await addModel(path, name: name, emit: emit))
        case .modelList: return .models(try await models())
        case .modelShow(let name): return .model(try await model(named: name))
        case .modelRemove(let name):
            try await removeModel(name)
            return .done
        case .peerList(let name): return .peers(try await peers(of: name))
        case .peerShow(let word, let name): return .memberships(try await memberships(of: word, in: name))
        case .peerGrant(let word, let memory, let name):
            return try await change(name) { [own = facts.peer] network throws(ServiceFailure) in
                try network.wish(grant: memory, to: word, by: own)
            }
        case .peerRole(let word, let role, let name):
            return try await change(name) { network throws(ServiceFailure) in
                try network.wish(role: role, of: word)
            }
        case .peerRemove(let word, let name):
            return try await change(name) { [own = facts.peer] network throws(ServiceFailure) in
                try network.wish(removing: word, by: own)
            }
        case .chat(let chat): return .chat(try await self.chat(chat, emit: emit))
        case .embed(let request): return .embeddings(try await embed(request, emit: emit))
        case .events(let count): return .events(try await events(newest: count))
        case .stop:
            // Told first: what is on its way to the client is written before its connection is closed.
            emit(.result(.done))
            stopped()
            return .done
        }
    }

    /// The one answer to a request that streams nothing. A refusal is thrown as its sentence.
    func answer(to request: Request) async throws -> Response {
        let responses = Responses()
        let response = try await responses.of(request, from: live).first { $0.isLast }
        guard let response else { throw ServiceFailure.stopping }
        if case .refused(let sentence) = response { throw ServiceFailure(sentence) }
        return response
    }

    // MARK: Networks

    func networks() async throws -> [NetworkStatus] {
        guard let networks = await live.read(\.status) else { throw ServiceFailure.stopping }
        return networks
    }

    /// The network of that name or id; without a name the only one.
    func network(named name: String?) async throws -> NetworkStatus {
        let networks = try await networks()
        guard let name else {
            guard let first = networks.first else {
                throw ServiceFailure.noNetwork
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

    private func peers(of name: String?) async throws -> [NetworkPeersDocument] {
        let chosen = name == nil ? try await networks() : [try await network(named: name)]
        return chosen.map { network in
            NetworkPeersDocument(
                network: network.config.name, id: network.id.description, leader: network.leader?.description,
                peers: network.peers.map { PeerDocument($0) })
        }
    }

    private func memberships(of word: String, in name: String?) async throws -> PeerMembershipsDocument {
        let networks = name == nil ? try await networks() : [try await network(named: name)]
        guard let first = networks.first else { throw ServiceFailure.noNetwork }
        let candidates = networks.flatMap { network in
            network.config.members.map { PeerChoice.Candidate(peer: $0.peer, name: $0.name) }
        }
        let place = networks.count == 1 ? "the network \(first.config.name)" : "any network of this peer"
        let chosen = try PeerChoice.chosen(word, among: candidates, in: place)
        return PeerMembershipsDocument(
            id: chosen.peer.description, name: chosen.name,
            networks: networks.compactMap { network in
                guard let peer = network.peers.first(where: { $0.member.peer == chosen.peer }) else { return nil }
                return PeerMembershipsDocument.Membership(
                    network: network.config.name, id: network.id.description, revision: network.config.revision.value,
                    generation: network.config.generation, leads: network.leader == chosen.peer,
                    peer: PeerDocument(peer))
            })
    }

    private func events(newest count: Int) async throws -> [EventDocument] {
        let range = ControlWords.events
        let count = min(max(count, range.lowerBound), range.upperBound)
        return try await disk.perform { state, _ in
            try state.events(newest: count).map { EventDocument(id: $0.id, at: $0.at, text: $0.text) }
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
        NetworkDocument(network, wallClock: UInt64(max(0, Date().timeIntervalSince1970)))
    }
}

/// The responses to one request, as they come.
struct Responses {
    /// Ends after the last response. Whoever stops listening gives the request up.
    func of(_ request: Request, from live: LivePeer) async throws -> AsyncStream<Response> {
        try await begin(request, on: live).responses
    }

    /// The same, with the name by which the live peer knows the request.
    func begin(_ request: Request, on live: LivePeer) async throws -> (id: RequestID, responses: AsyncStream<Response>)
    {
        let (stream, continuation) = AsyncStream.makeStream(of: Response.self)
        let id = await live.request(request) { response in
            continuation.yield(response)
            if response.isLast { continuation.finish() }
        }
        guard let id else { throw ServiceFailure.stopping }
        continuation.onTermination = { reason in
            if case .cancelled = reason { live.cancel(id) }
        }
        return (id, stream)
    }
}
