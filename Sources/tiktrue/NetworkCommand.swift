import ArgumentParser
import Peer

struct NetworkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network", abstract: "Make, find, join, show and change networks.",
        subcommands: [
            Create.self, Discover.self, Join.self, Invite.self, Revoke.self, List.self, Show.self, SetModel.self,
            SetPolicy.self, Plan.self, Leave.self, Recover.self,
        ])

    func run() throws { throw MissingCommand(after: NetworkCommand.self) }

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a network of which this peer is the first member.")

        @Argument(help: "What the network is called.")
        var name: String
        @Option(help: "The model that it runs, as `tiktrue model list` names it.")
        var model: String
        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            if name.isEmpty || name.utf8.count > ControlWords.nameBytes {
                throw ValidationError("a network's name has 1 to \(ControlWords.nameBytes) bytes")
            }
        }

        func run() throws {
            try output.show(network: try peer.ask(.networkCreate(name: name, model: PeerPaths.modelArgument(model))))
        }
    }

    struct Discover: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the networks that can be heard just now.")

        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            guard case .discovered(let networks) = try peer.ask(.networkDiscover) else {
                throw ControlError.unreadableAnswer
            }
            try output.show(networks, Views.discovered(networks))
        }
    }

    struct Join: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Enter a network with an invitation.")

        @Argument(help: "What `tiktrue network invite` printed on a member.")
        var invitation: String
        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            guard ControlWords.resemblesInvitation(invitation) else { throw ControlError.notAnInvitation(invitation) }
            try output.show(network: try peer.ask(.networkJoin(invitation: invitation)))
        }
    }

    struct Invite: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print an invitation, which lets one more peer into the network.")

        @Argument(help: "Name or id of the network.")
        var network: String
        @Option(help: "What the guest may do: \(ControlWords.roles.joined(separator: ", ")).")
        var role = "worker"
        @Option(help: "How long the invitation holds.")
        var validHours = 24
        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard ControlWords.roles.contains(role) else {
                throw ValidationError("'--role' takes one of: \(ControlWords.roles.joined(separator: ", "))")
            }
            guard (1...87_600).contains(validHours) else { throw ValidationError("'--valid-hours' takes 1 to 87600") }
        }

        func run() throws {
            let result = try peer.ask(.networkInvite(network: network, role: role, validHours: validHours))
            guard case .invitation(let invitation) = result else { throw ControlError.unreadableAnswer }
            try output.show(invitation, invitation.invitation + "\n")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the networks that this peer is in.")

        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            guard case .networks(let networks) = try peer.ask(.networkList) else { throw ControlError.unreadableAnswer }
            try output.show(networks, Views.networks(networks))
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a network: its config and who certified it, its peers and their blocks.")

        @Argument(help: "Name or id of the network.")
        var name: String
        @OptionGroup var peer: PeerOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            guard case .network(let network) = try peer.ask(.networkShow(network: name)) else {
                throw ControlError.unreadableAnswer
            }
            try output.show(network, Views.networkInDetail(network))
        }
    }

    struct Leave: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take this peer out of a network.")

        @Argument(help: "Name or id of the network.")
        var name: String
        @OptionGroup var peer: PeerOptions

        func run() throws {
            guard case .done = try peer.ask(.networkLeave(network: name)) else { throw ControlError.unreadableAnswer }
            confirm("This peer left the network \(name).")
        }
    }
}

extension OutputOptions {
    fileprivate func show(network result: ControlResult) throws {
        guard case .network(let network) = result else { throw ControlError.unreadableAnswer }
        try show(network, Views.network(network))
    }
}
