import MeshCore
import Wire

/// An answer's tokens are those that one undisturbed machine gives, one after the other.
struct Tokens {
    private struct Answer {
        let expected: [Int32]
        var told = 0
    }
    private var answers: [RequestID: Answer] = [:]

    mutating func asked(_ id: RequestID, expecting tokens: [Int32]) { answers[id] = Answer(expected: tokens) }

    mutating func told(_ token: Int32, to id: RequestID) -> String? {
        guard let answer = answers[id] else { return nil }
        guard answer.told < answer.expected.count else {
            return "chat \(id.value) was told a token more than the \(answer.expected.count) that it asked for"
        }
        answers[id]?.told += 1
        let expected = answer.expected[answer.told]
        return token == expected
            ? nil : "token \(answer.told) of chat \(id.value) is \(token), and one machine alone gives \(expected)"
    }

    mutating func finished(_ id: RequestID, _ reason: ChatOutcome.Reason) -> String? {
        guard let answer = answers.removeValue(forKey: id) else { return nil }
        guard reason != .cancelled, answer.told < answer.expected.count else { return nil }
        return "chat \(id.value) ended after \(answer.told) of \(answer.expected.count) tokens as if it were whole"
    }

    /// Refused, or its driver is gone.
    mutating func ended(_ id: RequestID) { answers[id] = nil }
}
