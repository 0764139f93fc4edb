import ArgumentParser
import Foundation
import Peer

struct EmbedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed", abstract: "Turn texts into vectors, near each other where they mean alike.",
        discussion: """
            Prints one line for each text: its embedding as a JSON array, of length 1. Without texts, each line of standard \
            input is one.
            """)

    @Argument(help: "Texts.")
    var texts: [String] = []
    @Option(help: "Name or id of the network. (default: the only one)")
    var network: String?
    @OptionGroup var peer: PeerOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        var texts = texts
        if texts.isEmpty {
            var lines = LineReader()
            while case .line(let line) = lines.next(interruption: nil) { texts.append(line) }
        }
        guard case .embeddings(let document) = try peer.ask(.embed(EmbeddingRequest(network: network, texts: texts)))
        else { throw ControlError.unreadableAnswer }
        if output.json { return try StandardOutput.write(document: document) }
        for embedding in document.embeddings { try StandardOutput.write(document: embedding, compact: true) }
    }
}
