import Yams

// The timeline of a scenario file: what happens to whom, when, and for how long.

extension ScenarioFile {
    static func timeline(_ value: ScenarioValue, of scenario: Scenario) throws(ScenarioMistake) -> [Scenario.Step] {
        var steps: [Scenario.Step] = []
        for entry in try value.list() { steps.append(try step(entry, of: scenario)) }
        return steps
    }

    private static func step(_ entry: ScenarioValue, of scenario: Scenario) throws(ScenarioMistake) -> Scenario.Step {
        let section = try ScenarioSection(
            entry.node, name: "timeline", line: entry.line, keys: ["at", "for", "over", "every"] + Fault.Kind.allWords)
        let faults = section.values.filter { Fault.Kind(words: $0.key) != nil }
        guard let named = faults.first, let kind = Fault.Kind(words: named.key) else {
            throw entry.mistake("nothing happens in this step; name a fault and whom it strikes, such as kill: leader")
        }
        if faults.count > 1 {
            throw faults[1].mistake(
                "'\(named.key)' and '\(faults[1].key)' stand in one step; begin another with '- at:'")
        }
        guard let at = section["at"] else {
            throw entry.mistake("'at' is missing: when it happens, such as 20-30 s")
        }
        var fault = Fault(kind)
        if let lasting = section["for"] { try read(lasting, into: &fault) }
        var step = Scenario.Step(
            at: try at.range(.seconds, within: Bounds.seconds), fault: fault, who: try who(named, of: scenario.peers))
        guard step.at.upperBound <= scenario.lasts.lowerBound else {
            throw at.mistake(
                "at \(Quantity.seconds.written(step.at.upperBound)) the story may have ended: it lasts "
                    + Quantity.seconds.written(scenario.lasts.lowerBound))
        }
        if let over = section["over"] { step.over = try over.range(.seconds, within: Bounds.seconds) }
        if let every = section["every"] {
            if fault.isForGood { throw every.mistake("what is 'for: ever' cannot come again 'every' so often") }
            step.every = try every.range(.seconds, within: Bounds.someSeconds)
        }
        return step
    }

    /// `for`: a time, or `ever`.
    private static func read(_ value: ScenarioValue, into fault: inout Fault) throws(ScenarioMistake) {
        guard fault.kind.canLast else {
            throw value.mistake("'\(fault.kind.words)' is over in a moment; 'for' has no meaning with it")
        }
        if try value.text() == "ever" {
            guard fault.kind.canBeForGood else {
                let others = Fault.Kind.allCases.filter(\.canBeForGood).map(\.words).joined(separator: ", ")
                throw value.mistake("'\(fault.kind.words)' cannot be for ever; only these can: \(others)")
            }
            fault.isForGood = true
        } else {
            fault.lasting = try value.range(.seconds, within: Bounds.someSeconds)
        }
    }

    private static func who(_ value: ScenarioValue, of peers: ClosedRange<Int>) throws(ScenarioMistake) -> Scenario.Who
    {
        let text = try value.text()
        guard let who = Scenario.Who(words: text) else {
            throw value.mistake(
                "'\(text)' names no machines" + NearestWord.hint(for: text, among: Scenario.Who.examples))
        }
        guard who.machinesNeeded <= peers.lowerBound else {
            throw value.mistake(
                "'\(text)' needs \(who.machinesNeeded) machines, and there may be only \(peers.lowerBound)")
        }
        return who
    }
}

extension Fault.Kind {
    /// As a scenario file writes it: "one way".
    public var words: String {
        rawValue.reduce(into: "") { words, letter in
            words += letter.isUppercase ? " " + letter.lowercased() : String(letter)
        }
    }

    public static var allWords: [String] { allCases.map(\.words) }

    public init?(words: String) {
        guard let kind = Fault.Kind.allCases.first(where: { $0.words == words }) else { return nil }
        self = kind
    }

    /// Whether it goes on for a while. What cannot is done in a moment.
    public var canLast: Bool {
        switch self {
        case .resetLinks, .brokenHop, .newAddress, .clockJump, .bitRot: false
        default: true
        }
    }
}

extension Scenario.Who {
    static let examples = [
        "all", "founder", "leader", "voter", "voters", "majority of voters", "driver", "stage", "machine 3",
        "machines 1, 2, 5", "any 2", "20 %", "all but 2",
    ]

    /// As a scenario file writes it; `examples` has one of each form.
    public init?(words: String) {
        switch words {
        case "all": self = .all
        case "founder": self = .machines([0])
        case "leader": self = .leader
        case "voter": self = .voter
        case "voters": self = .voters
        case "majority of voters": self = .majorityOfVoters
        case "driver": self = .driver
        case "stage": self = .stage
        default:
            if let match = words.wholeMatch(of: #/any (\d{1,4})/#), let count = Int(match.1), count > 0 {
                self = .some(count)
            } else if let match = words.wholeMatch(of: #/all but (\d{1,4})/#), let count = Int(match.1), count > 0 {
                self = .allBut(count)
            } else if let match = words.wholeMatch(of: #/machines? (\d{1,4}(?:, ?\d{1,4})*)/#) {
                let numbers = match.1.split { $0 == "," || $0 == " " }.compactMap { Int($0) }
                guard Set(numbers).count == numbers.count else { return nil }
                self = .machines(numbers)
            } else if let share = try? Quantity.share.range(words), share.lowerBound == share.upperBound,
                share.lowerBound > 0, share.upperBound <= 1
            {
                self = .share(share.lowerBound)
            } else {
                return nil
            }
        }
    }

    /// Of how many machines a world must consist at least, so that these can be found in it.
    public var machinesNeeded: Int {
        switch self {
        case .machines(let numbers): (numbers.max() ?? 0) + 1
        case .some(let count): count
        case .allBut(let count): count + 1
        default: 1
        }
    }
}

extension Scenario {
    /// The same story with exactly so many machines; nil where a step of it needs more, or no world is that large.
    public func with(peers count: Int) -> Scenario? {
        guard ScenarioFile.Bounds.peers.contains(count), timeline.allSatisfy({ $0.who.machinesNeeded <= count }) else {
            return nil
        }
        var copy = self
        copy.peers = count...count
        return copy
    }
}
