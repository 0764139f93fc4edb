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
        private let vocabulary: Vocabulary
        /// Made when the first answer with a format needs it.
        private(set) lazy var trie = TokenTrie(vocabulary)

        init(manifest: ModelManifest, model: BlockModel, vocabulary: Vocabulary) {
            self.manifest = manifest
            self.model = model
            self.vocabulary = vocabulary
        }
    }

    private let thread = ComputeThread()
    private let pool: ComputePool
    private let pieces: PieceStore
    /// Bytes of memory that may be filled with blocks, over all networks.
    private let grant: UInt64
    private let report: @Sendable (Outcome) -> Void

    private var residencies: [Residency] = []
    private var models: [NetworkID: LoadedModel] = [:]
    private var sessions: [StageKey: StageSession] = [:]
    private var sampler = Sampler()
    private var formats = FormatLibrary()
    /// Sessions that stand in a format, the one that answered last at the end.
    private var guided: [StageKey] = []

    /// `report` is called on the compute thread.
    init(threads: Int, grant: UInt64, pieces: PieceStore, report: @escaping @Sendable (Outcome) -> Void) {
        pool = ComputePool(threads: threads, niceness: ComputeService.niceness)
        self.pieces = pieces
        self.grant = grant
        self.report = report
        thread.start(name: "compute") { [weak self] works in self?.compute(works) }
        thread.perform(.all { ComputePool.lowerPriorityOfCallingThread(by: ComputeService.niceness) })
    }

    /// People work on these machines: computing gives way to them, and to the peer's own network thread.
    private static let niceness = 5

    var threadCount: Int { pool.threadCount }

    func stop() {
        thread.perform(
            .all { [self] in
                sessions = [:]
                models = [:]
                pool.shutdown()
            })
        thread.stop()
    }

    // MARK: Residency

    func reside(_ network: NetworkID, _ manifest: ModelManifest, pinned: [BlockRange], wanted: [BlockRange]) {
        thread.perform(
            .all { [self] in
                let residency = Residency(network: network, manifest: manifest, pinned: pinned, wanted: wanted)
                residencies.removeAll { $0.network == network }
                residencies.append(residency)
                residencies.sort { $0.network < $1.network }
                if let held = models[network], held.manifest != manifest { drop(network) }
                settle(reportingOn: network)
            })
    }

    func forget(_ network: NetworkID) {
        thread.perform(
            .all { [self] in
                residencies.removeAll { $0.network == network }
                drop(network)
            })
    }

    private func drop(_ network: NetworkID) {
        models[network] = nil
        sessions = sessions.filter { $0.value.network != network }
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
                manifest: manifest, model: BlockModel(hyperparameters: metadata.hyperparameters, pool: pool),
                vocabulary: metadata.tokenizer.vocabulary)
            models[residency.network] = loaded
        }
        let files = try manifest.blocks[block].pieces.map { try PieceFile(path: pieces.path(for: $0.digest)) }
        try loaded.model.load(block: block, from: PieceSet(files))
    }

    // MARK: Computing

    func resetCache(_ key: StageKey, network: NetworkID, blocks: BlockRange) {
        thread.perform(.cache(key) { [self] in sessions[key] = StageSession(network: network, blocks: blocks) })
    }

    func truncateCache(_ key: StageKey, to position: Position) {
        thread.perform(.cache(key) { [self] in sessions[key]?.truncate(to: position.value) })
    }

    func dropCache(_ key: StageKey) {
        thread.perform(.cache(key) { [self] in sessions[key] = nil })
    }

    func compute(_ work: StageWork) {
        thread.perform(.work(work))
    }

    /// Work of several stages on the same blocks, at once. What keeps one from being computed must not keep the others: where all
    /// together fail, each is tried alone.
    private func compute(_ works: [StageWork]) {
        do {
            for (work, result) in try results(of: works) { report(.computed(work.ticket, work.key, result)) }
        } catch {
            guard works.count == 1 else { return works.forEach { compute([$0]) } }
            report(.computed(works[0].ticket, works[0].key, .failed("\(error)")))
        }
    }

    private func results(of works: [StageWork]) throws -> [(StageWork, StageResult)] {
        let model = try model(for: works[0])
        var results: [(StageWork, StageResult)] = []
        var items: [BatchItem] = []
        for work in works {
            let session = sessions[work.key] ?? StageSession(network: work.network, blocks: work.blocks)
            sessions[work.key] = session
            if case .hidden(let payload, let tokens) = work.input,
                payload.count != tokens.count * model.model.hyperparameters.embeddingWidth * 4
            {
                results.append((work, .failed("\(ComputeError.otherWidth(payload.count, positions: tokens.count))")))
            } else if let missing = session.prepare(for: work, on: model.model) {
                results.append((work, .missing(from: missing)))
            } else if let cache = session.cache {
                items.append(BatchItem(work: work, session: session, cache: cache))
            }
        }
        guard !items.isEmpty else { return results }
        let pooling = model.model.hyperparameters.pooling ?? .mean
        try model.model.run(blocks: works[0].blocks.closedRange, batch: items.map(\.batchItem)) { row in
            items[row.item].take(row.values, with: &sampler, pooling: pooling) { format in
                try GrammarMatcher(try formats.grammar(for: format), model.trie)
            }
        }
        for item in items {
            item.session.advance(by: item.work.input.tokens)
            if item.session.hasGuide { boundGuides(with: item.work.key) }
            results.append((item.work, item.result(pooling: pooling)))
        }
        return results
    }

    /// Places in formats that are remembered. Each may come to some megabytes; one that is forgotten is found again from the tokens.
    private static let guides = 32

    private func boundGuides(with key: StageKey) {
        if guided.last == key { return }
        guided.removeAll { $0 == key }
        guided.append(key)
        guard guided.count > Self.guides else { return }
        sessions[guided.removeFirst()]?.dropGuide()
    }

    /// The model with the work's blocks in memory. A block that made room for others while its stage was idle is loaded again.
    private func model(for work: StageWork) throws -> LoadedModel {
        func ready() -> LoadedModel? {
            guard let loaded = models[work.network] else { return nil }
            return work.blocks.closedRange.allSatisfy(loaded.model.loadedBlocks.contains) ? loaded : nil
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
