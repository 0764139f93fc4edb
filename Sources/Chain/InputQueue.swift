import Wire

/// What a stage has received and not begun to compute, in order and without gaps.
struct InputQueue: Hashable, Sendable {
    private var pieces: [StageWork.Input] = []
    /// Positions held.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ input: StageWork.Input) {
        pieces.append(input)
        count += input.count
    }

    mutating func removeAll() {
        pieces = []
        count = 0
    }

    /// Takes the first `wanted` positions, merged into one input. There must be as many.
    mutating func take(_ wanted: Int) -> StageWork.Input {
        precondition(wanted > 0 && wanted <= count, "\(wanted) positions of a queue of \(count)")
        count -= wanted
        if pieces[0].count == wanted { return pieces.removeFirst() }
        var taken: StageWork.Input?
        var left = wanted
        var used = 0
        while left > 0 {
            let piece = pieces[used]
            let part = min(left, piece.count)
            taken = taken?.followed(by: piece.slice(0, part)) ?? piece.slice(0, part)
            left -= part
            if part == piece.count { used += 1 } else { pieces[used] = piece.slice(part, piece.count) }
        }
        pieces.removeFirst(used)
        return taken ?? .tokens([])
    }
}

extension StageWork.Input {
    /// The positions from `lower` to `upper`, counted within this input.
    func slice(_ lower: Int, _ upper: Int) -> StageWork.Input {
        if lower == 0 && upper == count { return self }
        switch self {
        case .tokens(let tokens): return .tokens(Array(tokens[lower..<upper]))
        case .hidden(let payload, let tokens):
            let stride = payload.count / tokens.count
            return .hidden(
                Payload(Array(payload.bytes[(lower * stride)..<(upper * stride)])),
                tokens: Array(tokens[lower..<upper]))
        }
    }

    fileprivate func followed(by other: StageWork.Input) -> StageWork.Input {
        switch (self, other) {
        case (.tokens(let first), .tokens(let second)): .tokens(first + second)
        case (.hidden(let first, let tokens), .hidden(let second, let more)):
            .hidden(Payload(first.bytes + second.bytes), tokens: tokens + more)
        default: preconditionFailure("a stage has received both tokens and hidden states")
        }
    }
}
