import CKernels

extension Rotary {
    static func yarnMagnitude(factor: Float) -> Float { tk_yarn_magnitude(factor) }

    static func longRopeMagnitude(factor: Float, originalContext: Float) -> Float {
        tk_longrope_magnitude(factor, originalContext)
    }

    func check(headDimension: Int) throws(EngineError) {
        func require(_ holds: Bool, _ reason: @autoclosure () -> String) throws(EngineError) {
            guard holds else { throw .unsupportedModel(reason: reason()) }
        }
        try require(
            (2...max(headDimension, 2)).contains(dimension) && dimension % 2 == 0,
            "it rotates \(dimension) dimensions of \(headDimension)")
        try require(base.isNormal && base > 0, "its rotary base is \(base)")
        try require(magnitude.isNormal, "its rotation's magnitude is \(magnitude)")
        try require(divisors.map { $0.count == dimension / 2 } ?? true, "its rotary factors do not fit its heads")
        let numbers: [Float] =
            switch scaling {
            case .none: []
            case .linear(let factor), .ntk(let factor): [factor]
            case .yarn(let factor, let context, let slow, let fast): [factor, context, slow, fast]
            case .llama3(let factor, let context, let low, let high): [factor, context, low, high]
            }
        try require(
            (numbers + (divisors ?? [])).allSatisfy { $0.isNormal && (1e-6...1e9).contains($0) },
            "its rotation is scaled by \(numbers)")
    }

    /// As the kernels take it; `divisors` must live as long as it is used.
    func kernelRotary(divisors: UnsafePointer<Float>?) -> tk_rotary {
        var result = tk_rotary()
        result.dimension = Int32(dimension)
        result.pairs = Int32((pairs == .adjacent ? TK_PAIRS_ADJACENT : TK_PAIRS_HALVES))
        result.base = base
        result.magnitude = magnitude
        result.divisors = divisors
        switch scaling {
        case .none: result.scaling = Int32(TK_SCALING_NONE)
        case .linear(let factor):
            result.scaling = Int32(TK_SCALING_LINEAR)
            result.factor = factor
        case .ntk(let factor):
            result.scaling = Int32(TK_SCALING_NTK)
            result.factor = factor
        case .yarn(let factor, let context, let slow, let fast):
            result.scaling = Int32(TK_SCALING_YARN)
            (result.factor, result.original_context, result.low, result.high) = (factor, context, slow, fast)
        case .llama3(let factor, let context, let low, let high):
            result.scaling = Int32(TK_SCALING_LLAMA3)
            (result.factor, result.original_context, result.low, result.high) = (factor, context, low, high)
        }
        return result
    }
}
