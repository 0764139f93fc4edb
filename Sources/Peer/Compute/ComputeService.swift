import Chain
import Identity
import Inference
import MeshCore
import Storage
import Wire

/// Everything that a peer computes: the blocks that it holds in memory and the KV caches of the stages that it runs.
///
/// Unchecked: all mutable state is confined to `thread`; every method but `init` and `stop` hands a job to it and returns.
final class ComputeService: @unchecked Sendable {
    enum Outcome: Sendable {
        case residency(NetworkID, loaded: [Int], refused: [Int], reason: String)
        case computed(StageTicket, StageKey, StageResult)
    }

    /// What the core last asked to be held for a network.
    private struct Residency {
        let network: NetworkID
        let manifest: ModelManifest
        var pinned: [BlockRange]
        var wanted: [BlockRange]
    }

    /// A network's model, as far as it is loaded.
    private final class LoadedModel {
        let manifest: ModelManifest
        let model: BlockModel
        init(manifest: ModelManifest, model: BlockModel) {
            self.manifest = manifest
            self.model = model
        }
    }

    private struct Cache {
        let network: NetworkID
        let blocks: BlockRange
        var values: KeyValueCache?
    }

    private let thread = ComputeThread(name: "compute")
    private let pool: ComputePool
    private let pieces: PieceStore
    /// Bytes of memory that may be filled with blocks, over all networks.
    private let grant: UInt64
    private let report: @Sendable (Outcome) -> Void

    private var residencies: [Residency] = []
    private var models: [NetworkID: LoadedModel] = [:]
    private var caches: [StageKey: Cache] = [:]

    /// `report` is called on the compute thread.
    init(threads: Int, grant: UInt64, pieces: PieceStore, report: @escaping @Sendable (Outcome) -> Void) {
        pool = ComputePool(threads: threads, niceness: ComputeService.niceness)
        self.pieces = pieces
        self.grant = grant
        self.report = report
        thread.perform { ComputePool.lowerPriorityOfCallingThread(by: ComputeService.niceness) }
    }

    /// People work on these machines: computing gives way to them, and to the peer's own network thread.
    private static let niceness = 5

    var threadCount: Int { pool.threadCount }

    func stop() {
        thread.perform { [self] in
            caches = [:]
            models = [:]
            pool.shutdown()
        }
        thread.stop()
    }

    // MARK: Residency

    func reside(_ network: NetworkID, _ manifest: ModelManifest, pinned: [BlockRange], wanted: [BlockRange]) {
        thread.perform { [self] in
            let residency = Residency(network: network, manifest: manifest, pinned: pinned, wanted: wanted)
            residencies.removeAll { $0.network == network }
            residencies.append(residency)
            residencies.sort { $0.network < $1.network }
            if let held = models[network], held.manifest != manifest { drop(network) }
            settle(reportingOn: network)
        }
    }

    func forget(_ network: NetworkID) {
        thread.perform { [self] in
            residencies.removeAll { $0.network == network }
            drop(network)
        }
    }

    private func drop(_ network: NetworkID) {
        models[network] = nil
        caches = caches.filter { $0.value.network != network }
    }

    /// Loads and unloads until what is in memory is what was asked for: pinned blocks of all networks first, then wanted ones, both
    /// in their order, as far as the grant reaches.
    private func settle(reportingOn asked: NetworkID) {
        var budget = grant
        var targets: [NetworkID: [Int]] = [:]
        var refused: [NetworkID: [Int]] = [:]
        func plan(_ residency: Residency, _ ranges: [BlockRange], isPinned: Bool) {
            for block in ranges.flatMap(\.closedRange) where residency.manifest.blocks.indices.contains(block) {
                if targets[residency.network]?.contains(block) == true { continue }
                let memory = residency.manifest.blocks[block].memory
                guard memory <= budget else {
                    if isPinned { refused[residency.network, default: []].append(block) }
                    continue
                }
                budget -= memory
                targets[residency.network, default: []].append(block)
            }
        }
        for residency in residencies { plan(residency, residency.pinned, isPinned: true) }
        for residency in residencies { plan(residency, residency.wanted, isPinned: false) }

        for residency in residencies {
            let target = targets[residency.network] ?? []
            guard let loaded = models[residency.network] else { continue }
            for block in loaded.model.loadedBlocks where !target.contains(block) { loaded.model.unload(block: block) }
        }
        for residency in residencies {
            var reason = "the memory lent to the cluster, \(grant >> 20) MiB, does not hold them"
            var failed = refused[residency.network] ?? []
            let before = models[residency.network]?.model.loadedBlocks ?? []
            for block in targets[residency.network] ?? [] where !before.contains(block) {
                do {
                    try load(block, of: residency)
                } catch {
                    failed.append(block)
                    reason = "\(error)"
                }
            }
            let after = models[residency.network]?.model.loadedBlocks ?? []
            if residency.network == asked || before != after {
                report(.residency(residency.network, loaded: after, refused: failed, reason: reason))
            }
        }
    }

    private func load(_ block: Int, of residency: Residency) throws {
        let manifest = residency.manifest
        let loaded: LoadedModel
        if let known = models[residency.network] {
            loaded = known
        } else {
            let metadata = try ModelMetadata(path: pieces.path(for: manifest.metadata.digest))
            loaded = LoadedModel(
                manifest: manifest, model: BlockModel(hyperparameters: metadata.hyperparameters, pool: pool))
            models[residency.network] = loaded
        }
        let files = try manifest.blocks[block].pieces.map { try PieceFile(path: pieces.path(for: $0.digest)) }
        try loaded.model.load(block: block, from: PieceSet(files))
    }

    // MARK: Computing

    func resetCache(_ key: StageKey, network: NetworkID, blocks: BlockRange) {
        thread.perform { [self] in caches[key] = Cache(network: network, blocks: blocks, values: nil) }
    }

    func truncateCache(_ key: StageKey, to position: Position) {
        thread.perform { [self] in
            guard let values = caches[key]?.values, values.length > position.value else { return }
            values.truncate(to: position.value)
        }
    }

    func dropCache(_ key: StageKey) {
        thread.perform { [self] in caches[key] = nil }
    }

    func compute(_ work: StageWork) {
        thread.perform { [self] in
            do {
                report(.computed(work.ticket, work.key, try result(of: work)))
            } catch {
                report(.computed(work.ticket, work.key, .failed("\(error)")))
            }
        }
    }

    private func result(of work: StageWork) throws -> StageResult {
        let model = try model(for: work)
        var cache = caches[work.key] ?? Cache(network: work.network, blocks: work.blocks, values: nil)
        let values = cache.values ?? model.makeCache(blocks: work.blocks.closedRange)
        cache.values = values
        caches[work.key] = cache
        // A result that the core gave up leaves its positions behind.
        if values.length > work.first.value { values.truncate(to: work.first.value) }

        let input: BlockInput
        switch work.input {
        case .tokens(let tokens): input = .tokens(tokens)
        case .hidden(let payload, _): input = .hidden(payload.bytes)
        }
        var wantsLogits = false
        if case .token = work.output { wantsLogits = true }
        let output = try model.run(
            blocks: work.blocks.closedRange, input: input, firstPosition: work.first.value, cache: values,
            logits: wantsLogits ? .last : .none)
        switch (work.output, output) {
        case (.hidden, .hidden(let bytes)): return .hidden(Payload(bytes))
        case (.nothing, _): return .cached
        case (.token(let settings, let position), .logits(let rows)):
            guard let row = rows.last else { throw ComputeError.noLogits(work.blocks) }
            let parameters = try SamplingParameters(
                temperature: settings.temperature, topK: settings.topK, topP: settings.topP, seed: settings.seed)
            return .token(try Sampler.sample(logits: row, parameters: parameters, position: position.value))
        case (.hidden, _), (.token, _): throw ComputeError.noLogits(work.blocks)
        }
    }

    /// The model with the work's blocks in memory. A block that made room for others while its stage was idle is loaded again.
    private func model(for work: StageWork) throws -> BlockModel {
        func ready() -> BlockModel? {
            guard let model = models[work.network]?.model else { return nil }
            return work.blocks.closedRange.allSatisfy(model.loadedBlocks.contains) ? model : nil
        }
        if let model = ready() { return model }
        guard let index = residencies.firstIndex(where: { $0.network == work.network }) else {
            throw ComputeError.notMember
        }
        residencies[index].pinned.removeAll { $0 == work.blocks }
        residencies[index].pinned.insert(work.blocks, at: 0)
        settle(reportingOn: work.network)
        guard let model = ready() else { throw ComputeError.notLoaded(work.blocks) }
        return model
    }
}

/// Why a stage's work could not be done.
enum ComputeError: Error, CustomStringConvertible {
    case notMember
    case notLoaded(BlockRange)
    case noLogits(BlockRange)

    var description: String {
        switch self {
        case .notMember: "this peer has left the network"
        case .notLoaded(let blocks): "there is no room in memory for blocks \(blocks)"
        case .noLogits(let blocks): "blocks \(blocks) do not end as the route says"
        }
    }
}
