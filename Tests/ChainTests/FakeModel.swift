import Chain
import Identity
import Wire

/// A model whose every block mixes its input with everything it has seen before in the session, like attention over a KV cache: a
/// lost, doubled, swapped or stale position changes each later token.
enum FakeModel {
    static let vocabulary: UInt64 = 997

    static func mix(_ values: UInt64...) -> UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        for value in values {
            hash = (hash ^ value) &* 0xBF58_476D_1CE4_E5B9
            hash ^= hash >> 29
            hash = hash &* 0x94D0_49BB_1331_11EB
            hash ^= hash >> 32
        }
        return hash
    }

    /// `heard` is the cache's: what came before the position, which penalties and formats choose by.
    static func sample(_ hidden: UInt64, _ settings: SamplingSettings, answerStart: Int, heard: UInt64) -> Int32 {
        Int32(mix(hidden, settings.seed, UInt64(settings.format == nil ? 0 : answerStart), heard) % vocabulary)
    }

    /// What an undisturbed machine that holds every block answers to these turns.
    static func answers(
        turns: [Turn], blockCount: Int, settings: SamplingSettings = World.sampling
    ) -> [[Int32]] {
        var cache = FakeCache(blocks: BlockRange(0...(blockCount - 1)))
        var tokens: [Int32] = []
        var answers: [[Int32]] = []
        for turn in turns {
            tokens += turn.prompt
            var answer: [Int32] = []
            while answer.count < turn.maxNewTokens {
                var hidden: UInt64 = 0
                for position in cache.count..<tokens.count {
                    hidden = cache.apply(UInt64(tokens[position]), token: tokens[position])
                }
                let token = sample(
                    hidden, turn.settings ?? settings, answerStart: tokens.count - answer.count, heard: cache.heard)
                tokens.append(token)
                answer.append(token)
                if turn.stop.contains(token) { break }
            }
            answers.append(answer)
        }
        return answers
    }

    static func payload(_ values: [UInt64]) -> Payload {
        Payload(values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) } })
    }

    static func values(_ payload: Payload) -> [UInt64] {
        stride(from: 0, to: payload.count, by: 8).map { start in
            (0..<8).reduce(0) { $0 | UInt64(payload.bytes[start + $1]) << UInt64(8 * $1) }
        }
    }
}

struct Turn {
    var prompt: [Int32]
    var maxNewTokens: Int
    var stop: [Int32] = []
    /// Nil for those of the world.
    var settings: SamplingSettings?
}

/// The running hash of each block after each position.
struct FakeCache {
    let blocks: BlockRange
    private var running: [[UInt64]]
    /// The running hash of the tokens.
    private var tokens: [UInt64] = []
    /// Where it can be cut, but for its last few positions.
    private let grain: Int
    /// Whether the last cut has left less than was asked for.
    private(set) var fellShort = false

    init(blocks: BlockRange, grain: Int = 1) {
        self.blocks = blocks
        self.grain = grain
        running = Array(repeating: [], count: blocks.count)
    }

    var count: Int { running[0].count }
    /// What all tokens up to the last position come to.
    var heard: UInt64 { tokens.last ?? 0 }

    mutating func truncate(to asked: Int) {
        guard asked < self.count else { return }
        let count = self.count - asked < grain / 4 ? asked : asked / grain * grain
        fellShort = count < asked
        for index in running.indices { running[index].removeLast(running[index].count - count) }
        tokens.removeLast(tokens.count - count)
    }

    /// Passes the next position through all blocks.
    mutating func apply(_ input: UInt64, token: Int32) -> UInt64 {
        fellShort = false
        tokens.append(FakeModel.mix(heard, UInt64(token)))
        var value = input
        let position = UInt64(count)
        for index in running.indices {
            let before = running[index].last ?? 0
            running[index].append(FakeModel.mix(before, value))
            value = FakeModel.mix(value, UInt64(blocks.first + index), position, before)
        }
        return value
    }
}

struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}
