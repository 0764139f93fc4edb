import ArgumentParser
import Peer

struct PeerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peer", abstract: "Show the peers of this peer's networks.", subcommands: [List.self])

    func run() throws { throw MissingCommand(after: PeerCommand.self) }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List peers, their addresses and their blocks.")

        @Option(help: "Name or id of one network. (default: all)")
        var network: String?
        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            guard case .peers(let networks) = try peer.ask(.peerList(network: network)) else {
                throw ControlError.unreadableAnswer
            }
            try output.show(networks, text(networks))
        }

        private func text(_ networks: [NetworkPeersDocument]) -> String {
            guard !networks.isEmpty else { return Views.networks([]) }
            return networks.map { entry in
                "network \(Visible.word(entry.network)) (\(Views.short(entry.id)))\n"
                    + Views.peers(entry.peers, indentation: 2)
            }.joined(separator: "\n")
        }
    }
}
