import Yams

// The sections of a scenario file, except its timeline. What a file leaves out keeps the value that `Scenario` has.

extension ScenarioFile {
    /// What a scenario may ask for. Beyond these a number is rather a slip of the pen than a world.
    enum Bounds {
        static let peers = 1...1000
        static let lends = 0.0...100.0
        static let delayMilliseconds = 0.0...60_000.0
        static let share = 0.0...1.0
        static let seconds = 0.0...86_400.0
        /// Where nothing would happen in no time.
        static let someSeconds = 0.001...86_400.0
        static let perMinute = 0.0...10_000.0
        static let tokens = 1...10_000
        static let blocks = 1...200
        static let memory = 1...1_000_000
        static let pieceBytes = 1...65_536
    }

    private static let keys = [
        "peers", "lends", "model", "network", "disk", "opening", "workload", "timeline", "chaos", "lasts",
        "recovers within",
    ]

    static func scenario(_ root: Node, name: String, story: String) throws(ScenarioMistake) -> Scenario {
        let file = try ScenarioSection(root, name: nil, line: root.mark?.line ?? 1, keys: keys)
        guard let peers = file["peers"] else {
            throw ScenarioMistake(
                line: file.line, reason: "'peers' is missing: how many machines there are, such as 5 or 3-9")
        }
        var scenario = Scenario(name: name, story: story, peers: try peers.whole(.number, within: Bounds.peers))
        if let value = file["lends"] { scenario.lends = try value.range(.share, within: Bounds.lends) }
        if let value = file["model"] { try read(value, into: &scenario.model) }
        if let value = file["network"] { try read(value, into: &scenario.network) }
        if let value = file["disk"] { try read(value, into: &scenario.disk) }
        if let value = file["opening"] { scenario.opening = try opening(value) }
        if let value = file["workload"] { try read(value, into: &scenario.workload) }
        if let value = file["lasts"] { scenario.lasts = try value.range(.seconds, within: Bounds.someSeconds) }
        if let value = file["recovers within"] {
            scenario.recoversWithin = try value.single(.seconds, within: Bounds.someSeconds)
        }
        if let value = file["chaos"] { scenario.chaos = try chaos(value) }
        if let value = file["timeline"] { scenario.timeline = try timeline(value, of: scenario) }
        return scenario
    }

    private static func read(_ value: ScenarioValue, into model: inout Scenario.Model) throws(ScenarioMistake) {
        let section = try value.section(keys: ["blocks", "block memory", "piece"])
        if let blocks = section["blocks"] { model.blocks = try one(blocks, .number, within: Bounds.blocks) }
        if let memory = section["block memory"] {
            model.blockMemory = UInt64(try one(memory, .bytes, within: Bounds.memory))
        }
        if let piece = section["piece"] { model.pieceBytes = try one(piece, .bytes, within: Bounds.pieceBytes) }
    }

    private static func one(
        _ value: ScenarioValue, _ quantity: Quantity, within bounds: ClosedRange<Int>
    ) throws(ScenarioMistake) -> Int {
        let range = try value.whole(quantity, within: bounds)
        guard range.count == 1 else { throw value.mistake("'\(value.key)' takes one value and no range") }
        return range.lowerBound
    }

    private static func read(_ value: ScenarioValue, into network: inout Scenario.Network) throws(ScenarioMistake) {
        let section = try value.section(
            keys: ["latency", "jitter", "loss", "duplicates", "multicast", "pairs without datagrams"])
        for value in section.values {
            switch value.key {
            case "latency": network.latency = try value.range(.milliseconds, within: Bounds.delayMilliseconds)
            case "jitter": network.jitter = try value.range(.milliseconds, within: Bounds.delayMilliseconds)
            case "loss": network.loss = try value.range(.share, within: Bounds.share)
            case "duplicates": network.duplicates = try value.range(.share, within: Bounds.share)
            case "multicast": network.multicast = try value.single(.share, within: Bounds.share)
            default: network.pairsWithoutDatagrams = try value.range(.share, within: Bounds.share)
            }
        }
    }

    private static func read(_ value: ScenarioValue, into disk: inout Scenario.Disk) throws(ScenarioMistake) {
        let section = try value.section(keys: ["write"])
        if let write = section["write"] {
            disk.write = try write.range(.milliseconds, within: Bounds.delayMilliseconds)
        }
    }

    private static func opening(_ value: ScenarioValue) throws(ScenarioMistake) -> Scenario.Opening {
        if case .scalar(let scalar) = value.node, scalar.string != "ready" {
            throw value.mistake("'opening' is ready, or {arrive within: 60 s}; not '\(scalar.string)'")
        }
        if case .scalar = value.node { return .ready }
        let section = try value.section(keys: ["arrive within"])
        guard let within = section["arrive within"] else { throw value.mistake("'opening' needs 'arrive within'") }
        return .arrivals(within: try within.range(.seconds, within: Bounds.seconds))
    }

    private static func read(_ value: ScenarioValue, into workload: inout Scenario.Workload) throws(ScenarioMistake) {
        let section = try value.section(keys: ["chats", "answer", "changes", "joins", "leaves"])
        for value in section.values {
            switch value.key {
            case "chats": workload.chats = try value.range(.rate, within: Bounds.perMinute)
            case "answer": workload.answer = try value.whole(.tokens, within: Bounds.tokens)
            case "changes": workload.changes = try value.range(.rate, within: Bounds.perMinute)
            case "joins": workload.joins = try value.range(.rate, within: Bounds.perMinute)
            default: workload.leaves = try value.range(.rate, within: Bounds.perMinute)
            }
        }
    }

    private static func chaos(_ value: ScenarioValue) throws(ScenarioMistake) -> Scenario.Chaos {
        let section = try value.section(keys: ["rate", "lasting", "kinds", "each"])
        var chaos = Scenario.Chaos()
        for value in section.values {
            switch value.key {
            case "rate": chaos.rate = try value.range(.rate, within: Bounds.perMinute)
            case "lasting": chaos.lasting = try value.range(.seconds, within: Bounds.someSeconds)
            case "each": chaos.each = try value.single(.share, within: Bounds.share)
            default: chaos.kinds = try kinds(value)
            }
        }
        return chaos
    }

    private static func kinds(_ value: ScenarioValue) throws(ScenarioMistake) -> [Fault.Kind] {
        if case .scalar(let scalar) = value.node, scalar.string == "all" { return Fault.Kind.ordinary }
        var kinds: [Fault.Kind] = []
        for entry in try value.list() {
            let word = try entry.text()
            guard let kind = Fault.Kind(words: word) else {
                throw entry.mistake(
                    "there is no fault '\(word)'" + NearestWord.hint(for: word, among: Fault.Kind.allWords))
            }
            guard !kinds.contains(kind) else { throw entry.mistake("'\(word)' stands here more than once") }
            kinds.append(kind)
        }
        guard !kinds.isEmpty else { throw value.mistake("'kinds' is empty; leave 'chaos' out for a quiet world") }
        return kinds
    }
}
