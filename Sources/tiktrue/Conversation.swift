import Foundation
import Peer

/// A conversation with a network. The history is kept here and sent with every turn; the peer knows the session again and
/// computes only what is new.
struct Conversation {
    private let command: ChatCommand
    private let client: ControlClient
    private var messages: [ChatRequest.Message] = []
    private var session: String?
    private let choice: TokenChoiceRequest
    private let format: FormatRequest?

    init(command: ChatCommand) throws {
        self.command = command
        client = ControlClient(dataDirectory: command.peer.dataDir)
        session = command.session
        choice = try command.choice.request()
        format = try command.choice.format()
        messages = Self.opening(command)
    }

    /// What every conversation begins with.
    private static func opening(_ command: ChatCommand) -> [ChatRequest.Message] {
        command.system.map { [ChatRequest.Message(role: .system, content: $0)] } ?? []
    }

    /// One turn: sends the question, prints the answer as it comes. An answer that is interrupted stays in the history as far
    /// as it came.
    mutating func ask(_ question: String, interruption: Int32?, goesOn: Bool = true) throws {
        messages.append(ChatRequest.Message(role: .user, content: question))
        let request = ChatRequest(
            network: command.network, messages: messages, session: session, maxTokens: command.maxTokens,
            choice: choice, stop: command.choice.stop, format: format, goesOn: goesOn)
        let progress = ProgressLine()
        let printer = AnswerPrinter(isWanted: !command.output.json)
        do {
            defer { progress.clear() }
            let result = try client.perform(.chat(request), interruption: interruption) { event in
                switch event {
                case .text(let text):
                    progress.clear()
                    printer.add(text)
                case .progress(let text, let fraction):
                    if !printer.isInLine { progress.show(text, fraction: fraction) }
                case .notice(let text):
                    progress.clear()
                    printer.endLine(onTerminalOnly: true)
                    // In a pipe only the end counts: an answer, or one sentence that says why there is none.
                    if StandardError.isTerminal { StandardError.write(Visible.word(text) + "\n") }
                case .result, .failure:
                    break
                }
            }
            guard case .chat(let document) = result else { throw ControlError.unreadableAnswer }
            printer.finish(with: document.text)
            if command.output.json { try StandardOutput.write(document: document, compact: true) }
            session = document.session
            messages.append(ChatRequest.Message(role: .assistant, content: document.text))
        } catch {
            printer.endLine()
            if printer.text.isEmpty {
                messages.removeLast()
            } else {
                messages.append(ChatRequest.Message(role: .assistant, content: printer.text))
            }
            throw error
        }
    }

    /// Every line of standard input is one turn.
    mutating func answerLines() throws {
        var lines = LineReader()
        while case .line(let line) = lines.next(interruption: nil) {
            let question = line.trimmingCharacters(in: .whitespacesAndNewlines)
            if !question.isEmpty { try ask(question, interruption: nil) }
        }
    }

    /// A person at a terminal.
    mutating func talk() throws {
        try greet()
        let interruption = Interruption.install()
        var lines = LineReader()
        while true {
            StandardError.write("> ")
            guard case .line(let line) = lines.next(interruption: interruption) else {
                StandardError.write("\n")
                return
            }
            let input = line.trimmingCharacters(in: .whitespacesAndNewlines)
            switch input {
            case "": continue
            case "/quit": return
            case "/new":
                messages = Self.opening(command)
                session = nil
                StandardError.write("A new conversation.\n")
            case "/help":
                StandardError.write(
                    """
                    /new   begin a new conversation
                    /quit  end (Ctrl-D does too)
                    Ctrl-C ends an answer; at the prompt it ends the program.

                    """)
            case _ where input.hasPrefix("/"):
                StandardError.write("There is no \(Visible.word(input)); /help lists what there is.\n")
            default:
                // A key pressed during the answer was meant for the answer, also where it came too late.
                defer { if let interruption { Interruption.drain(interruption) } }
                do {
                    try ask(input, interruption: interruption)
                } catch ControlError.interrupted {
                    continue
                } catch ControlError.failed(let sentence) {
                    // The next turn may well succeed.
                    StandardError.write(Exit.sentence(for: ControlError.failed(sentence)) + "\n")
                }
            }
        }
    }

    /// Says where the questions go; fails at once where they could go nowhere.
    private func greet() throws {
        guard case .networks(let networks) = try client.perform(.networkList) else {
            throw ControlError.unreadableAnswer
        }
        let chosen =
            command.network == nil && networks.count == 1
            ? networks.first : networks.first { $0.name == command.network || $0.id == command.network }
        if networks.isEmpty {
            throw ControlError.failed(
                "this peer is in no network yet; run: tiktrue network create NAME --model M, or tiktrue network join INVITATION"
            )
        }
        if let chosen {
            StandardError.write(
                "network \(Visible.word(chosen.name)), model \(Visible.word(chosen.model)); /help lists commands\n")
        }
    }
}

/// Prints an answer as it comes, and knows whether the cursor stands in the middle of a line.
final class AnswerPrinter {
    private let isWanted: Bool
    private let isTerminal = StandardOutput.isTerminal
    private(set) var text = ""
    private(set) var isInLine = false

    init(isWanted: Bool) { self.isWanted = isWanted }

    func add(_ part: String) {
        text += part
        show(part)
    }

    /// Whatever of the whole answer was not streamed, and the end of the last line.
    func finish(with whole: String) {
        // By bytes: a part may have ended inside what the whole shows as one character.
        if whole.utf8.starts(with: text.utf8) {
            show(String(decoding: whole.utf8.dropFirst(text.utf8.count), as: UTF8.self))
        }
        endLine()
        if text.isEmpty && whole.isEmpty && isWanted { StandardOutput.write("\n") }
    }

    func endLine(onTerminalOnly: Bool = false) {
        guard isInLine, isTerminal || !onTerminalOnly else { return }
        StandardOutput.write("\n")
        isInLine = false
    }

    private func show(_ part: String) {
        guard isWanted, !part.isEmpty else { return }
        StandardOutput.write(isTerminal ? Visible.text(part) : part)
        isInLine = !part.hasSuffix("\n")
    }
}
