import Chain
import Identity

import NetworkConfig
import Testing
import Wire

@testable import MeshCore

/// A network that is founded, joined and ready to chat.
struct Home {
    let world: World
    let network: NetworkID
    let model: FakeModel

    static let sampling = SamplingSettings(temperature: 0, topK: 0, topP: 1, seed: 42)

    init(world: World, network: NetworkID, model: FakeModel) {
        self.world = world
        self.network = network
        self.model = model
    }

    /// Host 0 has the model's file and founds; the others join one after the other. Each of three lends 60 % of the model's memory
    /// unless told otherwise.
    init(
        seed: UInt64, hosts: Int = 3, memory: [UInt64] = [540], model: FakeModel = FakeModel(),
        prepare: (World) -> Void = { _ in }, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        world = World(seed: seed, hosts: hosts, memory: memory)
        self.model = model
        prepare(world)
        world.give(model, to: 0)
        world.startAll()
        network = try world.found(model, on: 0)
        for host in 1..<hosts {
            let invitation = try world.invite(from: 0, to: network)
            let joined = world.answer(world.request(host, .join(invitation)))
            #expect(joined == .joined(network), sourceLocation: sourceLocation)
        }
        let ready = world.run(within: .seconds(30)) { [self] in isReady }
        #expect(ready, "every first copy is in memory", sourceLocation: sourceLocation)
    }

    /// Whether everyone that is on has what the config says, and everyone knows it.
    var isReady: Bool {
        let on = world.hosts.filter(\.isOn)
        guard let revision = on.compactMap({ $0.revision(of: network) }).max() else { return false }
        return on.allSatisfy { host in
            guard let state = host.core?.networks[network], state.config.revision == revision else { return false }
            let mine = state.config.blocks(of: host.peer).first.flatMap(\.closedRange)
            guard mine.allSatisfy(state.loaded.contains) else { return false }
            let progress = host.core?.fetchProgress(of: network)
            guard progress?.held == progress?.wanted else { return false }
            return on.allSatisfy { other in
                guard other !== host, state.config.isMember(other.peer) else { return true }
                let record = state.records.record(of: other.peer)
                let blocks = state.config.blocks(of: other.peer)
                return record?.appliedRevision == revision
                    && (blocks.first + blocks.copies).allSatisfy { range in
                        record?.held.contains { $0.contains(range) } ?? false
                    }
            }
        }
    }

    func waitUntilReady(within limit: Interval = .seconds(30), sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(world.run(within: limit) { isReady }, "the network is ready", sourceLocation: sourceLocation)
    }

    /// The hosts of the stages of a route that a driver would open now.
    func stageHosts(of driver: Int) -> [Int] {
        guard let core = world.hosts[driver].core, let state = core.drivers.values.last?.driver else { return [] }
        return state.route.compactMap { stage in world.hosts.firstIndex { $0.peer == stage.peer } }
    }

    func chat(
        _ host: Int, _ tokens: [Int32], maxNewTokens: Int = 24, conversation: UInt64 = 1, stop: [Int32] = [],
        sampling: SamplingSettings = Home.sampling, goesOn: Bool = true
    ) -> RequestID {
        world.request(
            host,
            .chat(
                ChatInput(
                    network: network, conversation: SessionID(high: 0, low: conversation), tokens: tokens,
                    maxNewTokens: maxNewTokens, stopTokens: stop, sampling: sampling, goesOn: goesOn)))
    }

    /// The answer of one machine alone.
    func expected(_ tokens: [Int32], maxNewTokens: Int = 24, sampling: SamplingSettings = Home.sampling) -> [Int32] {
        model.answer(to: tokens, maxNewTokens: maxNewTokens, sampling: sampling)
    }

    func outcome(_ id: RequestID) -> ChatOutcome? {
        if case .chatFinished(let outcome)? = world.outcome(id) { return outcome }
        return nil
    }

    /// Nothing that the world watches for has happened.
    func expectSound(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(world.violations == [], sourceLocation: sourceLocation)
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
}

extension World {
    func found(_ model: FakeModel, on host: Int, name: String = "home") throws -> NetworkID {
        guard case .created(let id)? = answer(request(host, .createNetwork(name: name, model: model.manifest))) else {
            throw Unexpected(description: "no network was created")
        }
        return id
    }

    func invite(
        from host: Int, to network: NetworkID, role: Role = .worker, seconds: UInt64 = 3600
    ) throws -> String {
        let secret = (0..<16).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let response = answer(
            request(host, .invite(network: network, role: role, validSeconds: seconds, secret: secret)))
        guard case .invited(let text)? = response else {
            throw Unexpected(description: "no invitation was made: \(String(describing: response))")
        }
        return text
    }

    /// Where everyone is, for failures.
    var summary: String {
        hosts.map { host in
            guard let core = host.core else { return "host\(host.index): off" }
            return core.networks.values.map { state in
                "host\(host.index): revision \(state.config.revision), loaded \(BlockRange.covering(state.loaded)), links \(core.links.count), assigned \(state.config.blocks(of: host.peer))"
            }.joined(separator: "; ")
        }.joined(separator: "\n")
    }
}
