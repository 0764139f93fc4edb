import Chain
import Identity
import Wire

/// A model whose every block mixes its input with everything it has seen before in the session, like attention over a KV cache: a
/// lost, doubled, swapped or stale position changes each later token.
public struct FakeModel: Sendable {
    public static let vocabulary: UInt64 = 997

    public let manifest: ModelManifest
    /// What a file of this model would be cut into.
    public let pieces: [Digest: [UInt8]]

    /// Blocks of equal memory; the last one needs the first one's piece too, as a tied head does.
    public init(
        name: String = "fake", blocks: Int = 9, memory: UInt64 = 100, pieceBytes: Int = 64, seed: UInt64 = 1,
        cache: ModelManifest.Cache? = nil
    ) {
        var random = SeededGenerator(seed: seed)
        var pieces: [Digest: [UInt8]] = [:]
        func piece(_ bytes: Int) -> Piece {
            var contents: [UInt8] = []
            contents.reserveCapacity(bytes + 8)
            while contents.count < bytes {
                let word = random.next()
                contents.append(contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) })
            }
            contents.removeLast(contents.count - bytes)
            let digest = Digest.of(contents)
            pieces[digest] = contents
            return Piece(digest: digest, size: UInt64(bytes))
        }
        let metadata = piece(40)
        let own = (0..<blocks).map { _ in piece(pieceBytes) }
        manifest = ModelManifest(
            name: name, architecture: "fake", metadata: metadata,
            blocks: own.indices.map { index in
                ModelManifest.Block(
                    pieces: index == blocks - 1 ? [own[index], own[0]] : [own[index]], memory: memory, cache: cache)
            }, contextLength: 4096, vocabulary: Int(Self.vocabulary), width: 2)
        self.pieces = pieces
    }

    static func mix(_ first: UInt64, _ second: UInt64) -> UInt64 { step(step(seedWord, first), second) }
    static func mix(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64 = 0) -> UInt64 {
        step(step(step(step(seedWord, first), second), third), fourth)
    }

    private static let seedWord: UInt64 = 0x9E37_79B9_7F4A_7C15

    private static func step(_ before: UInt64, _ value: UInt64) -> UInt64 {
        var hash = (before ^ value) &* 0xBF58_476D_1CE4_E5B9
        hash ^= hash >> 29
        hash = hash &* 0x94D0_49BB_1331_11EB
        return hash ^ hash >> 32
    }

    /// `heard` is the cache's: what came before the position, which penalties and formats choose by.
    public static func sample(
        _ hidden: UInt64, _ settings: SamplingSettings, at position: Int, answerStart: Int, heard: UInt64
    ) -> Int32 {
        Int32(mix(hidden, settings.seed, UInt64(settings.format == nil ? 0 : answerStart), heard) % vocabulary)
    }

    /// What one undisturbed machine that holds every block answers.
    public func answer(
        to prompt: [Int32], maxNewTokens: Int, stop: [Int32] = [], sampling: SamplingSettings,
        format: CacheFormat = .f16
    ) -> [Int32] {
        var cache = FakeCache(blocks: manifest.allBlocks)
        var tokens = prompt
        var answer: [Int32] = []
        while answer.count < maxNewTokens {
            var hidden: UInt64 = 0
            for position in cache.count..<tokens.count {
                hidden = cache.apply(UInt64(tokens[position]), token: tokens[position], format: format)
            }
            let token = Self.sample(
                hidden, sampling, at: tokens.count, answerStart: prompt.count, heard: cache.heard)
            tokens.append(token)
            answer.append(token)
            if stop.contains(token) { break }
        }
        return answer
    }

    public static func payload(_ values: [UInt64]) -> Payload {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * 8)
        for value in values { for byte in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))) } }
        return Payload(bytes)
    }

    public static func values(_ payload: Payload) -> [UInt64] {
        stride(from: 0, to: payload.count - payload.count % 8, by: 8).map { start in
            (0..<8).reduce(0) { $0 | UInt64(payload.bytes[start + $1]) << UInt64(8 * $1) }
        }
    }
}

/// The running hash of each block after each position.
public struct FakeCache: Sendable {
    public let blocks: BlockRange
    private var running: [[UInt64]]
    /// The running hash of the tokens.
    private var tokens: [UInt64] = []
    /// Where it can be cut, but for its last few positions: a model that convolves keeps nothing of what lies between.
    private let grain: Int
    /// Whether the last cut has left less than was asked for.
    public private(set) var fellShort = false

    public init(blocks: BlockRange, grain: Int = 1) {
        self.blocks = blocks
        self.grain = grain
        running = Array(repeating: [], count: blocks.count)
    }

    public var count: Int { running[0].count }
    /// What all tokens up to the last position come to.
    public var heard: UInt64 { tokens.last ?? 0 }

    public mutating func truncate(to asked: Int) {
        guard asked < self.count else { return }
        let count = self.count - asked < grain / 4 ? asked : asked / grain * grain
        fellShort = count < asked
        for index in running.indices { running[index].removeLast(running[index].count - count) }
        tokens.removeLast(tokens.count - count)
    }

    /// Passes the next position through all blocks. What is kept of it is another in each format.
    public mutating func apply(_ input: UInt64, token: Int32, format: CacheFormat) -> UInt64 {
        fellShort = false
        tokens.append(FakeModel.mix(heard, UInt64(truncatingIfNeeded: token)))
        var value = input
        let position = UInt64(count)
        for index in running.indices {
            let before = running[index].last ?? 0
            let kept = format == .f16 ? value : FakeModel.mix(value, UInt64(format.rawValue))
            running[index].append(FakeModel.mix(before, kept))
            value = FakeModel.mix(value, UInt64(blocks.first + index), position, before)
        }
        return value
    }
}
