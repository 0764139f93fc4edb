import Foundation

/// What an independent forward pass gave for one position: its best tokens, and how much all tokens weigh together.
struct ReferenceLogits: Decodable {
    /// The most probable tokens, descending: 32-bit numbers.
    let best: Data
    /// Their logits: 32-bit floats.
    let logits: Data
    /// Of all logits, also those not kept.
    let logsumexp: Double

    var bestTokens: [Int] { best.words.map(Int.init) }
    var bestLogits: [Double] { logits.words.map { Double(Float(bitPattern: $0)) } }

    /// By how much the best token is ahead of the second, as a logit.
    var lead: Double {
        let logits = bestLogits
        return logits[0] - logits[1]
    }

    /// KL(reference || engine) with all tokens that were not kept taken for one: a lower bound of the divergence over all.
    func divergence(of engine: [Float]) -> Double {
        let highest = Double(engine.max() ?? 0)
        let total = highest + log(engine.reduce(0) { $0 + exp(Double($1) - highest) })
        var sum = 0.0
        var (referenceRest, engineRest) = (1.0, 1.0)
        for (token, logit) in zip(bestTokens, bestLogits) {
            let (known, ours) = (logit - logsumexp, Double(engine[token]) - total)
            sum += exp(known) * (known - ours)
            referenceRest -= exp(known)
            engineRest -= exp(ours)
        }
        guard referenceRest > 1e-9, engineRest > 1e-9 else { return sum }
        return sum + referenceRest * log(referenceRest / engineRest)
    }
}

extension Data {
    /// Little-endian numbers of 32 bits.
    var words: [UInt32] {
        withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self))
            }
        }
    }
}
