// Sorting a whole vocabulary takes longer than computing its logits. Top-k keeps the k best so far in a heap; top-p and
// min-p sum up what lies in each of some bins and sort only the bins that matter. The result is the one that sorting by
// logit and then by token would give.

extension Sampler {
    struct Candidate: Sendable {
        let logit: Float
        let token: Int32

        /// The order of choice: higher logits first, of equal ones the lower token.
        func precedes(_ other: Candidate) -> Bool {
            logit != other.logit ? logit > other.logit : token < other.token
        }
    }

    /// How exponents are sorted roughly: into bins of one width from 0 down to the least.
    struct Bins {
        static let count = 2048
        let perUnit: Double

        /// - Parameter least: the least exponent that counts.
        init(downTo least: Double) { perUnit = Double(Self.count - 1) / max(-least, 1e-300) }

        /// Exponents times -`perUnit`, rounded to a whole number, which lies in the low bits of the result.
        func shifted(_ exponents: Lanes) -> Lanes { exponents * -perUnit + 0x1p52 }

        func bin(of exponent: Double) -> Int { Self.number(in: (exponent * -perUnit + 0x1p52).bitPattern) }

        static func number(in bits: UInt64) -> Int { Int(bits & 0xFFF) & (count - 1) }
    }

    /// The token at `share` of what top-k, top-p and min-p leave.
    static func chooseOfBest(
        _ logits: UnsafeBufferPointer<Float>, _ scale: Scale, _ parameters: SamplingParameters, _ share: Double,
        _ scratch: inout Scratch
    ) -> Int32 {
        gatherBest(parameters.topK, of: logits, into: &scratch.candidates)
        var total = 0.0
        for candidate in scratch.candidates { total += scale.weight(candidate.logit) }
        return chooseOfSorted(
            scratch.candidates, scale, wanted: parameters.topP < 1 ? parameters.topP * total : .infinity,
            least: parameters.minP, share: share)
    }

    /// - Parameters:
    ///   - wanted: only the first candidates that together reach this weight count.
    ///   - least: only candidates of at least this weight count.
    private static func chooseOfSorted(
        _ candidates: [Candidate], _ scale: Scale, wanted: Double, least: Double, share: Double
    ) -> Int32 {
        var kept = 0.0
        for candidate in candidates where kept < wanted {
            let weight = scale.weight(candidate.logit)
            guard weight >= least else { break }
            kept += weight
        }
        var sum = 0.0
        var last = candidates[0].token
        for candidate in candidates {
            let weight = scale.weight(candidate.logit)
            guard weight > 0 else { break }
            sum += weight
            last = candidate.token
            if sum > share * kept || sum >= kept { break }
        }
        return last
    }

    /// The `count` best candidates in the order of choice.
    static func gatherBest(_ count: Int, of logits: UnsafeBufferPointer<Float>, into heap: inout [Candidate]) {
        heap.removeAll(keepingCapacity: true)
        guard count > 0 else { return }
        // The least of the heap is in front. Tokens come in ascending order, so one that only equals it is behind it.
        var least = -Float.infinity
        let bytes = UnsafeRawBufferPointer(logits)
        var start = 0
        while start < logits.count {
            let end = min(start + 16, logits.count)
            if end - start == 16, heap.count == count {
                let values = bytes.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
                guard any(values .> least) else {
                    start = end
                    continue
                }
            }
            for token in start..<end where logits[token] > least {
                let candidate = Candidate(logit: logits[token], token: Int32(token))
                if heap.count < count {
                    heap.append(candidate)
                    siftUp(&heap)
                    if heap.count < count { continue }
                } else {
                    heap[0] = candidate
                    siftDown(&heap, within: count)
                }
                least = heap[0].logit
            }
            start = end
        }
        // The least goes to the end, again and again: what is left is in order.
        var end = heap.count
        while end > 1 {
            end -= 1
            heap.swapAt(0, end)
            siftDown(&heap, within: end)
        }
    }

    private static func siftUp(_ heap: inout [Candidate]) {
        var place = heap.count - 1
        while place > 0, heap[(place - 1) / 2].precedes(heap[place]) {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    private static func siftDown(_ heap: inout [Candidate], within count: Int) {
        var place = 0
        while true {
            var lower = 2 * place + 1
            guard lower < count else { return }
            if lower + 1 < count, heap[lower].precedes(heap[lower + 1]) { lower += 1 }
            guard heap[place].precedes(heap[lower]) else { return }
            heap.swapAt(place, lower)
            place = lower
        }
    }

    /// The token at `share` of what top-p and min-p leave of the whole vocabulary.
    static func chooseOfNucleus(
        _ logits: UnsafeBufferPointer<Float>, _ scale: Scale, _ parameters: SamplingParameters, _ share: Double,
        _ scratch: inout Scratch
    ) -> Int32 {
        let bins = Bins(downTo: max(lowest, scale.exponent(least(of: logits))))
        let total = fill(bins, logits, scale, wantsLeast: parameters.minP > 0, &scratch)
        let wanted = parameters.topP < 1 ? parameters.topP * total : .infinity
        // Whole bins, then the first candidates of the bin in which the nucleus ends.
        var whole = 0
        var kept = 0.0
        while whole < Bins.count, kept + scratch.binSums[whole] < wanted, scratch.binLeast[whole] >= parameters.minP {
            kept += scratch.binSums[whole]
            whole += 1
        }
        var (rest, restCount) = (0.0, 0)
        if whole < Bins.count {
            gather(whole, of: bins, logits, scale, &scratch.candidates)
            for candidate in scratch.candidates where kept + rest < wanted {
                let weight = scale.weight(candidate.logit)
                guard weight >= parameters.minP else { break }
                rest += weight
                restCount += 1
            }
        }
        // The bin in which the share lies, or the last one, and in it the token.
        let place = share * (kept + rest)
        var (bin, sum) = (0, 0.0)
        for next in 0..<whole where scratch.binSums[next] > 0 {
            bin = next
            if sum + scratch.binSums[next] > place { break }
            sum += scratch.binSums[next]
        }
        if restCount > 0, sum >= kept || whole == 0 { (bin, sum) = (whole, kept) }
        gather(bin, of: bins, logits, scale, &scratch.candidates)
        var last = scratch.candidates[0].token
        for candidate in scratch.candidates.prefix(bin < whole ? .max : restCount) {
            sum += scale.weight(candidate.logit)
            last = candidate.token
            if sum > place { break }
        }
        return last
    }

    /// The lowest logit that is a number.
    private static func least(of logits: UnsafeBufferPointer<Float>) -> Float {
        var least = SIMD16<Float>(repeating: .infinity)
        let bytes = UnsafeRawBufferPointer(logits)
        let whole = logits.count / 16 * 16
        for start in stride(from: 0, to: whole, by: 16) {
            let values = bytes.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
            least.replace(with: values, where: values .< least .& values .> -.infinity)
        }
        var result = least.min()
        for place in whole..<logits.count where logits[place] < result && logits[place] > -.infinity {
            result = logits[place]
        }
        return result
    }

    /// The sum of the weights in each bin, and where it is wanted the least of them; returns the sum of all.
    private static func fill(
        _ bins: Bins, _ logits: UnsafeBufferPointer<Float>, _ scale: Scale, wantsLeast: Bool,
        _ scratch: inout Scratch
    ) -> Double {
        scratch.binSums.removeAll(keepingCapacity: true)
        scratch.binSums.append(contentsOf: repeatElement(0, count: Bins.count))
        scratch.binLeast.removeAll(keepingCapacity: true)
        scratch.binLeast.append(contentsOf: repeatElement(.infinity, count: Bins.count))
        return scratch.binSums.withUnsafeMutableBufferPointer { sums in
            scratch.binLeast.withUnsafeMutableBufferPointer { least in
                for start in stride(from: 0, to: logits.count, by: 8) {
                    let (exponents, weights) = scale.weights(logits, at: start)
                    guard any(weights .> 0) else { continue }
                    let numbers = bins.shifted(exponents)
                    for lane in 0..<8 where weights[lane] > 0 {
                        let bin = Bins.number(in: numbers[lane].bitPattern)
                        sums[bin] += weights[lane]
                        if wantsLeast { least[bin] = min(least[bin], weights[lane]) }
                    }
                }
                return sums.reduce(0, +)
            }
        }
    }

    /// The bin's candidates in the order of choice.
    private static func gather(
        _ bin: Int, of bins: Bins, _ logits: UnsafeBufferPointer<Float>, _ scale: Scale,
        _ candidates: inout [Candidate]
    ) {
        candidates.removeAll(keepingCapacity: true)
        let (low, high) = scale.logits(of: bin, in: bins)
        let bytes = UnsafeRawBufferPointer(logits)
        for start in stride(from: 0, to: logits.count, by: 16) {
            let end = min(start + 16, logits.count)
            if end - start == 16 {
                let values = bytes.loadUnaligned(fromByteOffset: start * 4, as: SIMD16<Float>.self)
                guard any(values .>= low .& values .<= high) else { continue }
            }
            for token in start..<end where logits[token] >= low && logits[token] <= high {
                let exponent = scale.exponent(logits[token])
                guard exponent >= lowest, bins.bin(of: exponent) == bin else { continue }
                candidates.append(Candidate(logit: logits[token], token: Int32(token)))
            }
        }
        candidates.sort { $0.precedes($1) }
    }
}

extension Sampler.Scale {
    /// Bounds between which all logits of a bin lie, a little wider than the bin.
    fileprivate func logits(of bin: Int, in bins: Sampler.Bins) -> (low: Float, high: Float) {
        let unit = temperature / bins.perUnit
        // Half a bin on either side, and what single precision may be off.
        let slack = Float(unit) + Float(abs(highest)) * 1e-6
        let middle = Float(highest - Double(bin) * unit)
        return (middle - slack, middle + slack)
    }
}

// MARK: - Log-probabilities

extension Sampler {
    /// The token with its log-probability and those of the model's best ones.
    static func described(
        _ token: Int32, in logits: UnsafeBufferPointer<Float>, best count: Int, _ scratch: inout Scratch
    ) -> SampledToken {
        guard let best = best(of: logits) else { return SampledToken(token: token) }
        let scale = Scale(highest: Double(logits[best]), temperature: 1)
        var sums = Lanes(repeating: 0)
        for start in stride(from: 0, to: logits.count, by: 8) { sums += scale.weights(logits, at: start).weights }
        let total = SamplerNumbers.logarithm(max(1, sums.sum()))
        gatherBest(min(count, logits.count), of: logits, into: &scratch.candidates)
        return SampledToken(
            token: token, logProbability: scale.exponent(logits[Int(token)]) - total,
            best: scratch.candidates.map {
                .init(token: $0.token, logProbability: scale.exponent($0.logit) - total)
            })
    }
}
