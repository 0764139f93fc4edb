import CKernels

extension BlockModel {
    /// Reads and repacks the tensors of one block; one that is loaded already is loaded anew.
    ///
    /// Type, shape and size of every tensor are checked first. An error leaves the blocks as they were.
    public func load(block: Int, from source: any TensorSource) throws {
        let shape = try hyperparameters.engineShape()
        guard (0..<hyperparameters.blockCount).contains(block) else {
            throw EngineError.blockOutOfRange(block: block, blockCount: hyperparameters.blockCount)
        }
        if workspace == nil {
            workspace = withUnsafePointer(to: shape) {
                tk_workspace_create($0, Int32(pool.threadCount), instructionSet.level)
            }
            guard workspace != nil else { throw EngineError.outOfMemory(bytes: 4096) }
        }
        switch block {
        case 0:
            embedding = try .matrix(
                "token_embd.weight", columns: hyperparameters.embeddingWidth, rows: hyperparameters.vocabularySize,
                in: source)
        case hyperparameters.headBlock: head = try loadHead(from: source)
        default: try loadLayer(block, from: source)
        }
    }

    /// Frees the block's memory. One that is not loaded stays so.
    public func unload(block: Int) {
        if block == 0 {
            embedding = nil
        } else if block == hyperparameters.headBlock {
            head = nil
        } else {
            layerMemory[block] = nil
        }
    }

    private func loadHead(
        from source: any TensorSource
    ) throws -> (norm: UnsafePointer<Float>, normMemory: WeightMemory, weights: PackedMatrix) {
        let norm = try CheckedTensor.vector("output_norm.weight", count: hyperparameters.embeddingWidth, in: source)
        let memory = try WeightMemory(byteCount: WeightMemory.padded(norm.view.bytes.count))
        let weights = try PackedMatrix(
            .matrix(
                hyperparameters.tiedEmbeddings ? "token_embd.weight" : "output.weight",
                columns: hyperparameters.embeddingWidth, rows: hyperparameters.vocabularySize, in: source))
        return (norm.copyVector(into: memory), memory, weights)
    }

    private func loadLayer(_ block: Int, from source: any TensorSource) throws {
        let width = hyperparameters.embeddingWidth
        let attended = hyperparameters.headCount * hyperparameters.headDimension
        let keyValues = hyperparameters.keyValueHeadCount * hyperparameters.headDimension
        let feedForward = hyperparameters.feedForwardWidth
        func name(_ part: String) -> String { "blk.\(block - 1).\(part).weight" }
        func matrix(_ part: String, _ columns: Int, _ rows: Int) throws -> CheckedTensor {
            try .matrix(name(part), columns: columns, rows: rows, in: source)
        }
        // Left out silently, these would give fluent nonsense.
        for part in ["attn_q.bias", "attn_k.bias", "attn_v.bias", "attn_output.bias", "ffn_gate_inp.weight"] {
            if source.tensor(named: "blk.\(block - 1).\(part)") != nil {
                throw EngineError.unsupportedModel(reason: "it has a tensor blk.\(block - 1).\(part)")
            }
        }
        if source.tensor(named: "rope_freqs.weight") != nil {
            throw EngineError.unsupportedModel(reason: "it scales its rotary frequencies (rope_freqs.weight)")
        }
        let norms = [
            try CheckedTensor.vector(name("attn_norm"), count: width, in: source),
            try CheckedTensor.vector(name("ffn_norm"), count: width, in: source),
        ]
        let q = try matrix("attn_q", width, attended)
        let k = try matrix("attn_k", width, keyValues)
        let v = try matrix("attn_v", width, keyValues)
        let o = try matrix("attn_output", attended, width)
        let gate = try matrix("ffn_gate", width, feedForward)
        let up = try matrix("ffn_up", width, feedForward)
        let down = try matrix("ffn_down", feedForward, width)

        let byteCount =
            norms.reduce(0) { $0 + WeightMemory.padded($1.view.bytes.count) }
            + [q, k, v, o, gate, up, down].reduce(0) { $0 + $1.packedMatrixBytes }
        let memory = try WeightMemory(byteCount: byteCount)
        let packed = tk_layer(
            attention_norm: norms[0].copyVector(into: memory), feed_forward_norm: norms[1].copyVector(into: memory),
            q: q.packMatrix(into: memory), k: k.packMatrix(into: memory), v: v.packMatrix(into: memory),
            o: o.packMatrix(into: memory), gate: gate.packMatrix(into: memory), up: up.packMatrix(into: memory),
            down: down.packMatrix(into: memory))
        if layers == nil { layers = .allocate(capacity: hyperparameters.layerCount) }
        layers?.initializeElement(at: block - 1, to: packed)
        layerMemory[block] = memory
    }
}
