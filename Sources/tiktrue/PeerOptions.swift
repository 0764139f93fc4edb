import ArgumentParser
import Foundation
import Peer

/// Which peer a command speaks to.
struct PeerOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The peer's data directory. (default: $TIKTRUE_DATA_DIR, else $XDG_DATA_HOME/tiktrue or ~/.local/share/tiktrue)",
            valueName: "dir"))
    var dataDir: String?

    /// Asks the peer, showing progress and notices on standard error until the result is here.
    func ask(_ request: ControlRequest) throws -> ControlResult {
        let progress = ProgressLine()
        defer { progress.clear() }
        return try ControlClient(dataDirectory: dataDir).perform(request) { event in
            switch event {
            case .progress(let text, let fraction):
                progress.show(text, fraction: fraction)
            case .notice(let text):
                progress.clear()
                if StandardError.isTerminal { StandardError.write(Visible.word(text) + "\n") }
            case .text, .result, .failure:
                break
            }
        }
    }

    /// Asks for a change of a network's config, and waits for what it came to.
    func change(_ request: ControlRequest) throws -> ChangeDocument {
        guard case .changed(let change) = try ask(request) else { throw ControlError.unreadableAnswer }
        return change
    }
}

/// How something is shown.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON document.")
    var json = false

    /// Prints the document, or what a person reads.
    func show(_ document: some Encodable, _ text: @autoclosure () -> String) throws {
        if json {
            try StandardOutput.write(document: document)
        } else {
            StandardOutput.write(text())
        }
    }

    /// Prints what a change came to, or confirms it in a sentence.
    func show(_ change: ChangeDocument, confirming sentence: @autoclosure () -> String) throws {
        if json {
            try StandardOutput.write(document: change)
        } else {
            confirm(Visible.word(sentence()))
        }
    }
}

/// In which format something measured keeps keys and values.
struct CacheOptions: ParsableArguments {
    private static let allowed = ControlWords.cacheFormats.joined(separator: ", ")

    @Option(
        help: ArgumentHelp(
            "In which format keys and values are kept: \(allowed), as by a network's policy.", valueName: "format"))
    var cacheFormat = "f16"

    func validate() throws { try Self.check(cacheFormat) }

    static func check(_ format: String) throws {
        guard ControlWords.cacheFormats.contains(format) else {
            throw ValidationError("'--cache-format' takes one of: \(allowed)")
        }
    }
}

/// A confirmation for whoever watches; scripts go by the exit code.
func confirm(_ sentence: String) {
    if StandardError.isTerminal { StandardError.write(sentence + "\n") }
}
