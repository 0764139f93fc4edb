import CKernels

/// Instruction sets that the kernels are written for. All compute the same bits.
public enum InstructionSet: Sendable, Equatable, CaseIterable {
    case portable
    case avx2
    case avx512
    case neon

    /// Those that this machine can run, slowest first.
    public static var available: [InstructionSet] { allCases.filter { tk_isa_available($0.level) } }
    /// The fastest that this machine can run.
    public static var best: InstructionSet { available.last ?? .portable }

    var level: tk_isa {
        switch self {
        case .portable: TK_ISA_PORTABLE
        case .avx2: TK_ISA_AVX2
        case .avx512: TK_ISA_AVX512
        case .neon: TK_ISA_NEON
        }
    }
}
