/// Follows an answer through a grammar, token by token, and tells which tokens may come next.
///
/// Where it stands is a function of the grammar and of the answer's tokens: `restart` brings any other matcher of the
/// same grammar to the same place. Masks and states are remembered, within bounds, so that a place met again costs
/// nothing.
public struct GrammarMatcher: Sendable {
    private let trie: TokenTrie
    private var automaton: GrammarAutomaton
    private var state: GrammarAutomaton.StateID
    private(set) var masks: [GrammarAutomaton.StateID: TokenMask] = [:]
    /// Whether a token has ended the answer, after which nothing may follow.
    public private(set) var isFinished = false

    /// - Throws: `GrammarError.limit` for a grammar that can be read in too many ways at once.
    public init(_ grammar: Grammar, _ trie: TokenTrie) throws(GrammarError) {
        self.trie = trie
        automaton = try GrammarAutomaton(grammar)
        state = automaton.start
    }

    /// Whether the answer may end here.
    public var isAccepting: Bool { automaton.isAccepting(state) }

    /// The tokens that may follow: those whose bytes can go on, and where the answer may end those that end it.
    ///
    /// - Throws: `GrammarError.limit`.
    public mutating func mask() throws(GrammarError) -> TokenMask {
        guard !isFinished else { return TokenMask(count: trie.tokenCount) }
        if let known = masks[state] { return known }
        try makeRoom()
        var mask = TokenMask(count: trie.tokenCount)
        try automaton.allow(trie, from: state, in: &mask)
        if isAccepting {
            for token in trie.ends { mask[token] = true }
        }
        if masks.count >= GrammarLimit.masks { masks.removeAll(keepingCapacity: true) }
        masks[state] = mask
        return mask
    }

    /// Goes on by a token; false, and nothing changes, where it must not follow.
    ///
    /// - Throws: `GrammarError.limit`.
    public mutating func accept(_ token: Int32) throws(GrammarError) -> Bool {
        guard !isFinished else { return false }
        if trie.isEnd(token) {
            isFinished = isAccepting
            return isFinished
        }
        try makeRoom()
        let text = trie.text(of: token)
        guard !text.isEmpty else { return false }
        var next = state
        for byte in text {
            next = try automaton.next(next, byte)
            guard next != GrammarAutomaton.dead else { return false }
        }
        state = next
        return true
    }

    /// Begins anew and goes through these tokens; false where one of them must not stand where it stands.
    public mutating func restart(_ tokens: some Sequence<Int32> = []) throws(GrammarError) -> Bool {
        state = automaton.start
        isFinished = false
        for token in tokens where !(try accept(token)) { return false }
        return true
    }

    private mutating func makeRoom() throws(GrammarError) {
        automaton.begin()
        guard automaton.isFull else { return }
        state = try automaton.forget(allBut: state)
        masks.removeAll(keepingCapacity: true)
    }
}
