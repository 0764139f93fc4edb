/// A grammar's states as they are met: sets of places, each with the rules that are open there.
///
/// Open rules are chains of frames, each kept once: where a rule goes on when the one that it called is over, and the
/// frame below. So a place is two numbers, a state a sorted list of places, and equal states are found again. The
/// numbers are names within this automaton only; what follows from a text does not depend on them.
struct GrammarAutomaton: Sendable {
    typealias StateID = Int32
    static let dead: StateID = 0
    private static let unknown: StateID = -1
    private static let bottom: Int32 = 0

    private struct Place: Hashable, Sendable {
        let node: Int32
        let frame: Int32
    }

    private struct Frame: Hashable, Sendable {
        let next: Int32
        let below: Int32
    }

    let grammar: Grammar
    private var frames: [Frame] = [Frame(next: 0, below: 0)]
    private var frameDepths: [Int32] = [0]
    private var frameNumbers: [Frame: Int32] = [:]

    private var places: [[Place]] = [[]]
    /// Places of all states together.
    private var placeCount = 0
    private var accepting: [Bool] = [false]
    private var stateNumbers: [[Place]: [StateID]] = [:]
    /// Of state s with a byte of class c, at s * classCount + c.
    private(set) var following: [StateID]
    private(set) var start: StateID = 0
    /// Places looked at since `begin`.
    private(set) var work = 0
    private let workLimit: Int

    init(_ grammar: Grammar, workLimit: Int = GrammarLimit.work) throws(GrammarError) {
        self.grammar = grammar
        self.workLimit = workLimit
        following = [StateID](repeating: Self.dead, count: grammar.classCount)
        start = try state(from: [Place(node: grammar.starts[0], frame: Self.bottom)])
    }

    var stateCount: Int { places.count }

    /// Begins the count of work for one mask or one token.
    mutating func begin() { work = 0 }

    func isAccepting(_ state: StateID) -> Bool { accepting[Int(state)] }

    /// The state behind a byte, `dead` where the byte must not follow.
    mutating func next(_ state: StateID, _ byte: UInt8) throws(GrammarError) -> StateID {
        let byteClass = Int(grammar.classOf[Int(byte)])
        let index = Int(state) * grammar.classCount + byteClass
        if following[index] != Self.unknown { return following[index] }
        // To try a place costs a small part of what it costs to reach one.
        try spend(1 + places[Int(state)].count / 16)
        var reached: [Place] = []
        for place in places[Int(state)] {
            guard case .bytes(let set, let next) = grammar.nodes[Int(place.node)],
                grammar.setHolds[Int(set) * grammar.classCount + byteClass]
            else { continue }
            reached.append(Place(node: next, frame: place.frame))
        }
        let result = reached.isEmpty ? Self.dead : try self.state(from: reached)
        following[index] = result
        return result
    }

    /// The state of all places that are reached from these without taking a byte.
    private mutating func state(from reached: [Place]) throws(GrammarError) -> StateID {
        var open = reached
        var seen = Set(reached)
        var waiting: [Place] = []
        var accepts = false
        while let place = open.popLast() {
            try spend(1)
            switch grammar.nodes[Int(place.node)] {
            case .bytes: waiting.append(place)
            case .split(let parts):
                // Parts count even if they were seen: a choice may have many that are the same.
                try spend(parts.count)
                for part in parts.reversed() {
                    let next = Place(node: part, frame: place.frame)
                    if seen.insert(next).inserted { open.append(next) }
                }
            case .call(let rule, let next):
                guard let frame = push(next, on: place.frame) else { continue }
                let inner = Place(node: grammar.starts[Int(rule)], frame: frame)
                if seen.insert(inner).inserted { open.append(inner) }
            case .end:
                guard place.frame != Self.bottom else {
                    accepts = true
                    continue
                }
                let frame = frames[Int(place.frame)]
                let outer = Place(node: frame.next, frame: frame.below)
                if seen.insert(outer).inserted { open.append(outer) }
            }
            guard seen.count <= GrammarLimit.places else {
                throw .limit(what: "more than \(GrammarLimit.places) readings of one text")
            }
        }
        waiting.sort { ($0.node, $0.frame) < ($1.node, $1.frame) }
        if waiting.isEmpty, !accepts { return Self.dead }
        for known in stateNumbers[waiting] ?? [] where accepting[Int(known)] == accepts { return known }
        guard places.count < 8 * GrammarLimit.states, following.count < 4 * GrammarLimit.transitions else {
            throw .limit(what: "too many states for one token")
        }
        let state = StateID(places.count)
        remember(waiting, accepts)
        return state
    }

    private mutating func spend(_ places: Int) throws(GrammarError) {
        work += places
        guard work <= workLimit else { throw .limit(what: "too many readings of what may follow") }
    }

    private mutating func remember(_ waiting: [Place], _ accepts: Bool) {
        stateNumbers[waiting, default: []].append(StateID(places.count))
        places.append(waiting)
        placeCount += waiting.count
        accepting.append(accepts)
        following.append(contentsOf: repeatElement(Self.unknown, count: grammar.classCount))
    }

    /// A rule that is called last hands its frame on: repetition by recursion does not pile up.
    private mutating func push(_ next: Int32, on frame: Int32) -> Int32? {
        if grammar.nodes[Int(next)] == .end { return frame }
        let new = Frame(next: next, below: frame)
        if let known = frameNumbers[new] { return known }
        guard frameDepths[Int(frame)] < GrammarLimit.frames else { return nil }
        frames.append(new)
        frameDepths.append(frameDepths[Int(frame)] + 1)
        frameNumbers[new] = Int32(frames.count - 1)
        return Int32(frames.count - 1)
    }

    // MARK: Forgetting

    /// Whether so much is remembered that it is time to forget.
    var isFull: Bool {
        places.count > GrammarLimit.states || frames.count > 8 * GrammarLimit.states
            || placeCount > GrammarLimit.rememberedPlaces || following.count > GrammarLimit.transitions
    }

    /// Forgets all states but one, and returns the number that it has from now on.
    mutating func forget(allBut state: StateID) throws(GrammarError) -> StateID {
        var other = try GrammarAutomaton(grammar, workLimit: workLimit)
        // Chains share what lies below; each frame moves once.
        var numbers = [Self.bottom: Self.bottom]
        var kept: [Place] = []
        for place in places[Int(state)] {
            var chain: [Int32] = []
            var frame = place.frame
            while numbers[frame] == nil {
                chain.append(frame)
                frame = frames[Int(frame)].below
            }
            var moved = numbers[frame] ?? Self.bottom
            for frame in chain.reversed() {
                moved = other.push(frames[Int(frame)].next, on: moved) ?? moved
                numbers[frame] = moved
            }
            kept.append(Place(node: place.node, frame: moved))
        }
        let wasAccepting = accepting[Int(state)]
        kept.sort { ($0.node, $0.frame) < ($1.node, $1.frame) }
        let known = other.stateNumbers[kept]?.first { other.accepting[Int($0)] == wasAccepting }
        let number = known ?? StateID(other.places.count)
        if known == nil { other.remember(kept, wasAccepting) }
        self = other
        return number
    }

    // MARK: A whole vocabulary

    /// Sets the bit of every token whose bytes may follow.
    ///
    /// The tree of tokens lies in the order of this walk, so that a subtree that must not follow is one jump.
    mutating func allow(_ trie: TokenTrie, from state: StateID, in mask: inout TokenMask) throws(GrammarError) {
        guard state != Self.dead else { return }
        var path = [StateID](repeating: Self.dead, count: TokenTrie.tokenBytes + 1)
        path[0] = state
        var node = 0
        while node < trie.bytes.count {
            node = walk(trie, from: node, &path, &mask)
            // The walk stops where a state is not known yet.
            if node < trie.bytes.count { _ = try next(path[Int(trie.depths[node])], trie.bytes[node]) }
        }
    }

    private func walk(
        _ trie: TokenTrie, from first: Int, _ path: inout [StateID], _ mask: inout TokenMask
    ) -> Int {
        let (following, classOf) = (following.span, grammar.classOf.span)
        let (bytes, depths, behind) = (trie.bytes.span, trie.depths.span, trie.behind.span)
        let (firstToken, tokens) = (trie.firstToken.span, trie.tokens.span)
        var words = mask.words.mutableSpan
        var path = path.mutableSpan
        let (classCount, count) = (grammar.classCount, bytes.count)
        var node = first
        while node < count {
            let depth = Int(depths[node])
            let state = following[Int(path[depth]) * classCount + Int(classOf[Int(bytes[node])])]
            if state <= Self.dead {
                if state == Self.unknown { break }
                node = Int(behind[node])
                continue
            }
            path[depth + 1] = state
            for place in Int(firstToken[node])..<Int(firstToken[node + 1]) {
                let token = Int(tokens[place])
                words[token >> 6] |= 1 << UInt64(token & 63)
            }
            node += 1
        }
        return node
    }
}
