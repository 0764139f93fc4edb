import Chain
import Identity
import MeshCore
import NetworkConfig
import Wire

/// A network that is founded, joined and ready to chat.
public struct Home {
    public let world: World
    public let network: NetworkID
    public let model: FakeModel

    public static let sampling = SamplingSettings(temperature: 0, topK: 0, topP: 1, seed: 42)

    public init(world: World, network: NetworkID, model: FakeModel) {
        self.world = world
        self.network = network
        self.model = model
    }

    /// Host 0 has the model's file and founds; the others join one after the other. Each of three lends 60 % of the model's memory
    /// unless told otherwise.
    public init(
        seed: UInt64, hosts: Int = 3, memory: [UInt64] = [540], model: FakeModel = FakeModel(),
        prepare: (World) -> Void = { _ in }
    ) throws {
        world = World(seed: seed, hosts: hosts, memory: memory)
        self.model = model
        prepare(world)
        world.give(model, to: 0)
        world.startAll()
        network = try world.found(model, on: 0)
        for host in 1..<max(hosts, 1) {
            let invitation = try world.invite(from: 0, to: network)
            let joined = world.answer(world.request(host, .join(invitation)))
            guard joined == .joined(network) else {
                throw Unexpected(description: "host \(host) did not join: \(String(describing: joined))")
            }
        }
        guard world.run(within: .seconds(30), until: { [self] in isReady }) else {
            throw Unexpected(description: "the network was not ready in time: \(whatLacks ?? "")\n\(world.summary)")
        }
    }

    /// Whether everyone that is on has what the config says, and everyone knows it.
    public var isReady: Bool { whatLacks == nil }

    /// One sentence that says what keeps the network from being ready; nil where nothing does.
    public var whatLacks: String? { whatLacks(among: world.hosts.filter(\.isOn)) }

    public func whatLacks(among on: [Host]) -> String? {
        var newest: ConfigVersion?
        for host in on {
            guard let version = host.inspect(network)?.version else {
                return "machine \(host.index) is not in the network"
            }
            newest = max(newest ?? version, version)
        }
        for host in on {
            guard let seen = host.inspect(network) else { continue }
            guard seen.version == newest else { return "machine \(host.index) is at revision \(seen.version)" }
            let mine = seen.config.blocks(of: host.peer).first.flatMap(\.closedRange)
            if let missing = mine.first(where: { !seen.loaded.contains($0) }) {
                return "machine \(host.index) has not loaded block \(missing)"
            }
            guard seen.fetched.held == seen.fetched.wanted else { return "machine \(host.index) lacks pieces" }
        }
        return whatIsNotKnown(among: on, version: newest)
    }

    /// What everyone tells of itself has reached everyone.
    private func whatIsNotKnown(among on: [Host], version: ConfigVersion?) -> String? {
        // All of them go by one config.
        guard let config = on.first?.inspect(network)?.config else { return nil }
        let shown = on.filter { config.isMember($0.peer) }.map { (host: $0, blocks: config.blocks(of: $0.peer)) }
        for host in on {
            guard let seen = host.inspect(network) else { continue }
            for (other, blocks) in shown where other !== host {
                let told = seen.record(of: other.peer)
                guard let told, told.applied == version else {
                    return "machine \(host.index) does not know that machine \(other.index) has applied the config"
                }
                for range in blocks.first + blocks.copies where !told.held.contains(where: { $0.contains(range) }) {
                    return "machine \(host.index) does not know that machine \(other.index) has blocks \(range)"
                }
            }
        }
        return nil
    }

    /// Runs until it is; false where that takes longer.
    public func becomesReady(within limit: Interval = .seconds(30)) -> Bool {
        world.run(within: limit) { isReady }
    }

    public func chat(
        _ host: Int, _ tokens: [Int32], maxNewTokens: Int = 24, conversation: UInt64 = 1, stop: [Int32] = [],
        sampling: SamplingSettings = Home.sampling, goesOn: Bool = true
    ) -> RequestID {
        world.request(
            host,
            .chat(
                ChatInput(
                    network: network, conversation: SessionID(high: 0, low: conversation), tokens: tokens,
                    maxNewTokens: maxNewTokens, stopTokens: stop, task: .sampling(sampling), goesOn: goesOn)))
    }

    /// The answer of one machine alone.
    public func expected(
        _ tokens: [Int32], maxNewTokens: Int = 24, sampling: SamplingSettings = Home.sampling,
        format: CacheFormat = .f16
    ) -> [Int32] {
        model.answer(to: tokens, maxNewTokens: maxNewTokens, sampling: sampling, format: format)
    }

    public func outcome(_ id: RequestID) -> ChatOutcome? {
        if case .chatFinished(let outcome)? = world.outcome(id) { return outcome }
        return nil
    }
}

public struct Unexpected: Error, CustomStringConvertible {
    public let description: String
    public init(description: String) { self.description = description }
}

extension World {
    public func found(_ model: FakeModel, on host: Int, name: String = "home") throws -> NetworkID {
        guard case .created(let id)? = answer(request(host, .createNetwork(name: name, model: model.manifest))) else {
            throw Unexpected(description: "no network was created")
        }
        return id
    }

    public func invite(
        from host: Int, to network: NetworkID, role: Role = .worker, seconds: UInt64 = 3600
    ) throws -> String {
        let secret = random.bytes(16)
        let response = answer(
            request(host, .invite(network: network, role: role, validSeconds: seconds, secret: secret)))
        guard case .invited(let text)? = response else {
            throw Unexpected(description: "no invitation was made: \(String(describing: response))")
        }
        return text
    }

    /// Where everyone is, for failures.
    public var summary: String {
        hosts.map { host in
            guard let core = host.core else { return "machine \(host.index): off" }
            return core.status.map { status in
                let loaded = core.inspect(status.id)?.loaded ?? []
                let links = host.links.count
                let mine = status.config.blocks(of: host.peer)
                return
                    "machine \(host.index): revision \(status.config.revision), loaded \(BlockRange.covering(loaded)), "
                    + "links \(links), assigned \(mine.first) \(mine.copies)"
            }.joined(separator: "; ")
        }.joined(separator: "\n")
    }
}
