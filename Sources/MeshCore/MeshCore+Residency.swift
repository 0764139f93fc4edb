import Chain
import Identity
import Wire

// Which blocks are in memory. The shell loads and counts bytes; the core says what matters most.

extension MeshCore {
    /// Tells the shell what to hold wherever that has changed.
    mutating func refreshResidency() {
        for network in networks.keys {
            guard let state = networks[network], state.residencyStale else { continue }
            networks.update(network) { $0.residencyStale = false }
            // Without the metadata no block can be read.
            let model = state.config.model
            let held = heldPieces[model.metadata.digest] == nil ? [] : heldBlocks(of: model)
            let mine = state.config.blocks(of: peer)
            let wanted = (mine.first + mine.copies).flatMap { range in
                BlockRange.covering(held.filter(range.contains))
            }
            let pinned = pinnedBlocks(in: network)
            if let told = state.residing, told.pinned == pinned, told.wanted == wanted { continue }
            networks.update(network) { $0.residing = (pinned, wanted) }
            effects.append(.reside(network, state.config.model, pinned: pinned, wanted: wanted))
        }
    }

    /// Blocks that sessions wait for or are using, the most urgent first: what a stage waits for, then what was used last. A
    /// session that rests may lose its blocks to one that runs; they are loaded again when it goes on.
    func pinnedBlocks(in network: NetworkID) -> [BlockRange] {
        let used = stages.stages.filter { $0.route?.network == network }.sorted {
            ($1.lastActivity, $0.key) < ($0.lastActivity, $1.key)
        }
        var ranges: [BlockRange] = []
        for range in needs.filter({ $0.network == network }).map(\.blocks) + used.compactMap(\.blocks)
        where !ranges.contains(range) {
            ranges.append(range)
        }
        guard let state = networks[network] else { return [] }
        // What is in memory goes on being used, whatever became of the file.
        let held = heldBlocks(of: state.config.model)
        return ranges.filter { $0.closedRange.allSatisfy { held.contains($0) || state.loaded.contains($0) } }
    }

    mutating func residencyChanged(
        _ network: NetworkID, loaded: [Int], refused: [Int], reason: String, at now: Instant
    ) {
        guard let state = networks[network] else { return }
        let before = BlockRange.covering(state.loaded)
        let after = BlockRange.covering(loaded)
        networks.update(network) {
            $0.loaded = loaded.sorted()
            $0.recordStale = $0.recordStale || before != after
        }
        // Blocks come one by one; it is told when all are there.
        let wanted = state.residing?.wanted.flatMap(\.closedRange) ?? []
        if before != after, wanted.allSatisfy(loaded.contains) {
            effects.append(.log(.blocksLoaded(network: state.config.name, after)))
        }
        if !refused.isEmpty {
            effects.append(
                .log(.blocksRefused(network: state.config.name, BlockRange.covering(refused), reason: reason)))
        }
        wakeStages(in: network, refused: refused, reason: reason, at: now)
        retryWaitingDrivers(at: now)
    }
}
