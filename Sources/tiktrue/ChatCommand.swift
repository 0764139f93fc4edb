import ArgumentParser
import Foundation
import Peer

struct ChatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "Ask a network.",
        discussion: """
            With --prompt it prints just the answer. Without, a terminal becomes a conversation, and of anything else each \
            line is one question.
            """)

    @Option(help: "Name or id of the network. (default: the only one)")
    var network: String?
    @Option(help: "One question.")
    var prompt: String?
    @Option(help: "Longest answer, in tokens.")
    var maxTokens = 256
    @Option(help: "How freely words are chosen; 0 always takes the likeliest.")
    var temperature = 0.0
    @Option(help: "Choose among this many likeliest words; 0 for all.")
    var topK = 0
    @Option(help: "Choose among the likeliest words that make up this much probability.")
    var topP = 1.0
    @Option(help: "The same seed gives the same answer. (default: drawn anew)")
    var seed: UInt64?
    @Option(help: "Go on with this session, 32 hexadecimal digits.")
    var session: String?
    @OptionGroup var peer: PeerOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...1_000_000).contains(maxTokens) else { throw ValidationError("'--max-tokens' takes 1 to 1000000") }
        guard temperature >= 0, temperature <= 100 else { throw ValidationError("'--temperature' takes 0 to 100") }
        guard (0...1_000_000).contains(topK) else { throw ValidationError("'--top-k' takes 0 to 1000000") }
        guard topP > 0, topP <= 1 else { throw ValidationError("'--top-p' takes more than 0, to 1") }
        if let session, session.count != 32 || !session.allSatisfy(\.isHexDigit) {
            throw ValidationError("'--session' takes 32 hexadecimal digits")
        }
        if let prompt, prompt.allSatisfy(\.isWhitespace) { throw ValidationError("'--prompt' is empty") }
    }

    func run() throws {
        var conversation = Conversation(command: self)
        if let prompt {
            try conversation.ask(prompt, interruption: nil, goesOn: session != nil)
        } else if isatty(0) == 1 {
            try conversation.talk()
        } else {
            try conversation.answerLines()
        }
    }
}
