import CKernels

/// A layer's tensors, found and checked against its description, before anything is packed.
struct LayerTensors {
    private var found: [LayerTensor: CheckedTensor] = [:]
    let description: LayerDescription

    init(_ description: LayerDescription, layer: Int, width: Int, in source: any TensorSource) throws {
        self.description = description
        for expected in description.tensors(width: width) {
            let name = expected.tensor.name(inLayer: layer)
            if expected.isOptional, source.tensor(named: name) == nil { continue }
            found[expected.tensor] =
                expected.isSingle
                ? try .singles(name, shape: expected.dimensions, in: source)
                : try CheckedTensor(name, shape: expected.dimensions, in: source)
        }
        split()
    }

    subscript(tensor: LayerTensor) -> CheckedTensor? { found[tensor] }

    /// Takes tensors apart that hold several matrices, so that nobody else need know of them.
    private mutating func split() {
        if let attention = description.attention { split(attention) }
        let inner = description.feedForward.width
        if description.feedForward.isFused, description.feedForward.isGated, let fused = found[.up] {
            found[.gate] = fused.rows(0..<inner)
            found[.up] = fused.rows(inner..<2 * inner)
        }
        if let gate = found[.sharedGateInput] { found[.sharedGateInput] = gate.asRow() }
    }

    private mutating func split(_ attention: AttentionDescription) {
        let (query, keyValue) = (attention.queryWidth, attention.keyValueWidth)
        let parts = [0..<query, query..<query + keyValue, query + keyValue..<query + 2 * keyValue]
        if let fused = found.removeValue(forKey: .queryKeyValue) {
            for (tensor, range) in zip([.query, .key, .value] as [LayerTensor], parts) {
                found[tensor] = fused.rows(range)
            }
        }
        if let fused = found.removeValue(forKey: .queryKeyValueBias) {
            for (tensor, range) in zip([.queryBias, .keyBias, .valueBias] as [LayerTensor], parts) {
                found[tensor] = fused.elements(range)
            }
        }
    }
}

/// Packs a layer's tensors: first counted, then, when there is memory for all, copied.
struct LayerPacker {
    let tensors: LayerTensors
    let hyperparameters: Hyperparameters
    let rotary: Int32

    private static let expertTensors: [LayerTensor] = [.expertGates, .expertUps, .expertDowns]
    private var experts: Int { tensors.description.feedForward.experts?.count ?? 0 }

    /// The matrix of one expert.
    private func expert(_ index: Int, of tensor: CheckedTensor) -> CheckedTensor {
        let rows = tensor.view.rowCount / experts
        return tensor.rows(index * rows..<(index + 1) * rows)
    }

    private var byteCount: Int {
        LayerTensor.allCases.reduce(0) { sum, tensor in
            guard let checked = tensors[tensor] else { return sum }
            if Self.expertTensors.contains(tensor) {
                let matrices = WeightMemory.padded(experts * MemoryLayout<tk_matrix>.stride)
                return sum + matrices + experts * expert(0, of: checked).packedMatrixBytes
            }
            if tensor == .convolutionTaps { return sum + checked.transposedBytes }
            let isVector = checked.view.dimensions.count == 1
            return sum + (isVector ? WeightMemory.padded(checked.view.bytes.count) : checked.packedMatrixBytes)
        }
    }

    func pack() throws -> (tk_layer, WeightMemory) {
        let memory = try WeightMemory(byteCount: byteCount)
        let feedForward = tensors.description.feedForward
        func norm(_ tensor: LayerTensor) -> UnsafePointer<Float>? {
            tensors[tensor]?.copyNorm(into: memory, lessOne: hyperparameters.normWeightsLessOne)
        }
        func vector(_ tensor: LayerTensor) -> UnsafePointer<Float>? { tensors[tensor]?.copyVector(into: memory) }
        func matrix(_ tensor: LayerTensor) -> tk_matrix { tensors[tensor]?.packMatrix(into: memory) ?? tk_matrix() }

        var layer = tk_layer()
        switch tensors.description.mixer {
        case .attention(let attention):
            layer.mixer = Int32(TK_ATTENTION)
            layer.heads = Int32(attention.headCount)
            layer.key_value_heads = Int32(attention.keyValueHeadCount)
            layer.head_dimension = Int32(attention.headDimension)
            layer.rotary = rotary
            layer.score_scale = attention.scoreScale
            layer.score_cap = attention.scoreCap
            layer.o = matrix(.attentionOutput)
        case .convolution:
            layer.mixer = Int32(TK_CONVOLUTION)
            layer.convolution = matrix(.convolutionInput)
            layer.taps = tensors[.convolutionTaps]?.copyTransposed(into: memory)
            layer.o = matrix(.convolutionOutput)
        }
        layer.window = Int32(tensors.description.window ?? 0)
        layer.epsilon = hyperparameters.rmsEpsilon
        layer.residual_scale = hyperparameters.residualScale
        layer.attention_norm = norm(.attentionNorm)
        layer.attention_post_norm = norm(.attentionPostNorm)
        layer.query_norm = norm(.queryNorm)
        layer.key_norm = norm(.keyNorm)
        layer.q_bias = vector(.queryBias)
        layer.k_bias = vector(.keyBias)
        layer.v_bias = vector(.valueBias)
        layer.o_bias = vector(.attentionOutputBias)
        layer.q = matrix(.query)
        layer.k = matrix(.key)
        layer.v = matrix(.value)
        layer.activation = Int32(feedForward.activation == .silu ? TK_SILU : TK_GELU)
        layer.feed_forward_norm = norm(.feedForwardNorm)
        layer.feed_forward_post_norm = norm(.feedForwardPostNorm)
        if let experts = feedForward.experts {
            layer.experts = Int32(experts.count)
            layer.experts_used = Int32(experts.used)
            layer.experts_normalised = experts.areNormalised
            layer.experts_sigmoid = experts.areSigmoid
            layer.experts_scale = experts.scale
            layer.router = matrix(.router)
            layer.router_bias = vector(.routerBias)
            layer.shared_gate = matrix(.sharedGateInput)
            layer.expert_gates = packExperts(.expertGates, into: memory)
            layer.expert_ups = packExperts(.expertUps, into: memory)
            layer.expert_downs = packExperts(.expertDowns, into: memory)
            layer.gate = matrix(.sharedGate)
            layer.up = matrix(.sharedUp)
            layer.down = matrix(.sharedDown)
        } else {
            layer.gate = matrix(.gate)
            layer.up = matrix(.up)
            layer.down = matrix(.down)
        }
        return (layer, memory)
    }

    private func packExperts(_ tensor: LayerTensor, into memory: WeightMemory) -> UnsafePointer<tk_matrix>? {
        guard let checked = tensors[tensor] else { return nil }
        let matrices = memory.take(experts * MemoryLayout<tk_matrix>.stride)
            .bindMemory(to: tk_matrix.self, capacity: experts)
        for index in 0..<experts {
            (matrices + index).initialize(to: expert(index, of: checked).packMatrix(into: memory))
        }
        return UnsafePointer(matrices)
    }
}
