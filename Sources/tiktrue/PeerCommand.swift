import ArgumentParser
import Peer

struct PeerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peer", abstract: "Show and change the peers of this peer's networks.",
        subcommands: [List.self, Show.self, Grant.self, Role.self, Remove.self])

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
                    + Views.peers(entry.peers, leader: entry.leader, indentation: 2)
            }.joined(separator: "\n")
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a peer, in every network that it shares with this one.")

        @OptionGroup var chosen: ChosenPeer
        @Option(help: "Name or id of one network. (default: all)")
        var network: String?
        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let result = try peer.ask(.peerShow(peer: chosen.word, network: network))
            guard case .memberships(let memberships) = result else { throw ControlError.unreadableAnswer }
            try output.show(memberships, Views.memberships(memberships))
        }
    }

    struct Grant: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say how much of what another peer lends a network uses.",
            discussion: "A peer's owner says how much it lends at most, with `tiktrue up --share-memory SIZE`.")

        @OptionGroup var chosen: ChosenPeer
        @Argument(help: "Memory, such as 512M or 2G.")
        var size: ByteSize
        @OptionGroup var place: ChosenNetwork
        @OptionGroup var change: ChangeOptions

        func run() throws {
            try change.make(.peerGrant(peer: chosen.word, memory: size.bytes, network: place.network)) { change in
                "The peer \(change.subject ?? "") lends \(size) to \(change.network) from revision \(change.revision) on."
            }
        }
    }

    struct Role: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a peer another role: \(ControlWords.roles.joined(separator: ", ")).")

        @OptionGroup var chosen: ChosenPeer
        @Argument(help: "What it may do from now on.")
        var role: String
        @OptionGroup var place: ChosenNetwork
        @OptionGroup var change: ChangeOptions

        func validate() throws {
            guard ControlWords.roles.contains(role) else {
                throw ValidationError(
                    "there is no role \(role); choose one of: \(ControlWords.roles.joined(separator: ", "))")
            }
        }

        func run() throws {
            try change.make(.peerRole(peer: chosen.word, role: role, network: place.network)) { change in
                "The peer \(change.subject ?? "") is \(role) in \(change.network) from revision \(change.revision) on."
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take another peer out of a network for ever.",
            discussion: """
                It cannot come back under its identity, not by an invitation either. A peer that only goes for a while stays a \
                member; one that leaves by itself, with `tiktrue network leave`, may be invited again.
                """)

        @OptionGroup var chosen: ChosenPeer
        @OptionGroup var place: ChosenNetwork
        @OptionGroup var change: ChangeOptions

        func run() throws {
            try change.make(.peerRemove(peer: chosen.word, network: place.network)) { change in
                "The peer \(change.subject ?? "") is out of \(change.network) for ever, since revision \(change.revision)."
            }
        }
    }
}

/// The peer that a command is about.
struct ChosenPeer: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Name of the peer, its id, or four or more digits that the id begins with.", valueName: "peer"))
    var word: String

    func validate() throws {
        if word.isEmpty { throw ValidationError("a peer's name or id is missing") }
    }
}

/// The network in which something is changed.
struct ChosenNetwork: ParsableArguments {
    @Option(help: "Name or id of the network. (default: the only one)")
    var network: String?
}
