import Foundation
import Inference

/// A model file loaded whole into this process, for commands that measure without a running peer.
struct WholeModel {
    let file: ModelFile
    let pool: ComputePool
    let model: BlockModel

    /// - Parameter threads: nil for one for each core.
    init(path: String, threads: Int?) throws {
        try InstructionSet.checkRequested(ProcessInfo.processInfo.environment["TIKTRUE_INSTRUCTIONS"])
        guard FileManager.default.fileExists(atPath: path) else {
            throw ServiceFailure(
                "there is no model file \(path); fetch one with tools/fetch-model, or name it with --model")
        }
        file = try ModelFile(path: path)
        pool = ComputePool(threads: threads ?? ProcessInfo.processInfo.activeProcessorCount)
        model = BlockModel(hyperparameters: file.hyperparameters, pool: pool)
        for block in 0..<file.hyperparameters.blockCount { try model.load(block: block, from: file) }
    }
}
