import ArgumentParser
import Foundation
import Peer

// What an admin changes in a network.

/// Which peer is asked for a change, and how what it came to is shown.
struct ChangeOptions: ParsableArguments {
    @OptionGroup var peer: PeerOptions
    @OptionGroup var output: OutputOptions

    /// Asks for it, waits until it is done, and prints it or confirms it with that sentence.
    func make(_ request: ControlRequest, confirming sentence: (ChangeDocument) -> String) throws {
        let change = try peer.change(request)
        try output.show(change, confirming: sentence(change))
    }
}

extension NetworkCommand {
    struct SetModel: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set-model", abstract: "Have a network run another model.",
            discussion: """
                Its members fetch the blocks that they are to hold from this peer and from each other. Conversations under way \
                begin anew.
                """)

        @Argument(help: "Name or id of the network.")
        var name: String
        @Argument(help: "The model, as `tiktrue model list` names it.")
        var model: String
        @OptionGroup var change: ChangeOptions

        func run() throws {
            try change.make(.networkSetModel(network: name, model: PeerPaths.modelArgument(model))) { change in
                "The network \(change.network) runs \(change.subject ?? model) from revision \(change.revision) on."
            }
        }
    }

    struct SetPolicy: ParsableCommand {
        private static let votersAllowed = ControlWords.voters.map(String.init).joined(separator: ", ")
        private static let formatsAllowed = ControlWords.cacheFormats.joined(separator: ", ")

        static let configuration = CommandConfiguration(
            commandName: "set-policy",
            abstract:
                "Say how many members of a network vote, how long they keep their seats, and how conversations are kept."
        )

        @Argument(help: "Name or id of the network.")
        var name: String
        @Option(help: ArgumentHelp("The most voters that there may be: \(votersAllowed).", valueName: "count"))
        var maxVoters: Int?
        @Option(
            help: ArgumentHelp(
                "How long a voter may be away before another member takes its seat.", valueName: "seconds"))
        var voterGrace: Int?
        @Option(
            help: ArgumentHelp(
                "In which format conversations keep keys and values: \(formatsAllowed). q8_0 takes about half the memory of f16, and answers differ a little.",
                valueName: "format"))
        var cacheFormat: String?
        @OptionGroup var change: ChangeOptions

        func validate() throws {
            if maxVoters == nil && voterGrace == nil && cacheFormat == nil {
                throw ValidationError("say what is to change: '--max-voters', '--voter-grace' or '--cache-format'")
            }
            if let cacheFormat { try CacheOptions.check(cacheFormat) }
            if let maxVoters, !ControlWords.voters.contains(maxVoters) {
                throw ValidationError("'--max-voters' takes one of: \(SetPolicy.votersAllowed)")
            }
            if let voterGrace, !ControlWords.voterGrace.contains(voterGrace) {
                let allowed = ControlWords.voterGrace
                throw ValidationError("'--voter-grace' takes \(allowed.lowerBound) to \(allowed.upperBound) seconds")
            }
        }

        func run() throws {
            let request = ControlRequest.networkSetPolicy(
                network: name, maxVoters: maxVoters, voterGrace: voterGrace, cacheFormat: cacheFormat)
            try change.make(request) { change in
                "The policy of \(change.network) holds from revision \(change.revision) on."
            }
        }
    }

    struct Plan: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Assign a network's blocks anew, by what its members lend now.")

        @Argument(help: "Name or id of the network.")
        var name: String
        @OptionGroup var change: ChangeOptions

        func run() throws {
            try change.make(.networkPlan(network: name)) { change in
                "The blocks of \(change.network) are assigned as revision \(change.revision) says."
            }
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take back an invitation that nobody has used yet.")

        @Argument(help: "Name or id of the network.")
        var name: String
        @Argument(help: "The invitation, or the beginning of its id as `tiktrue network show` prints it.")
        var invitation: String
        @OptionGroup var change: ChangeOptions

        func run() throws {
            try change.make(.networkRevoke(network: name, invitation: invitation)) { change in
                "The invitation \(change.subject ?? "") lets nobody into \(change.network) from revision "
                    + "\(change.revision) on."
            }
        }
    }

    struct Recover: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go on without voters that are lost for good.",
            discussion: """
                For a network whose config is frozen because a majority of its voters will never come back. Voters that are \
                only switched off are switched on again instead. This peer, which must be an admin's, becomes the only voter; \
                others join it as they are there.
                """)

        @Argument(help: "Name or id of the network.")
        var name: String
        @Option(
            help: ArgumentHelp("For scripts: the same name again, instead of typing it when asked.", valueName: "name"))
        var confirm: String?
        @OptionGroup var change: ChangeOptions

        func validate() throws {
            if let confirm, confirm != name {
                throw ValidationError("'--confirm' says \(confirm) where the network is \(name); nothing was changed")
            }
        }

        func run() throws {
            if confirm == nil {
                guard isatty(0) == 1, StandardError.isTerminal else {
                    throw WrongUsage(
                        "nobody is here to type the network's name; to recover it all the same, add '--confirm \(name)'",
                        of: Recover.self)
                }
                try ask()
            }
            try change.make(.networkRecover(network: name)) { change in
                "The network \(change.network) goes on at revision \(change.revision) with this peer as its voter."
            }
        }

        /// Says what it costs, and throws unless the person types the network's name.
        private func ask() throws {
            guard case .network(let network) = try change.peer.ask(.networkShow(network: name)) else {
                throw ControlError.unreadableAnswer
            }
            // The peer would refuse these too; but then nobody has typed anything for nothing.
            if network.quorum {
                throw ControlError.failed(
                    "a majority of the voters of \(network.name) can be reached, so there is nothing to recover from")
            }
            if network.role != "admin" {
                throw ControlError.failed("this peer is no admin of \(network.name); recover it on one that is")
            }
            StandardError.write(Visible.text(Views.recovery(network)) + "Type the network's name to go on: ")
            var lines = LineReader()
            guard case .line(let line) = lines.next(interruption: nil) else {
                StandardError.write("\n")
                throw ControlError.failed("nothing was typed, and nothing was changed")
            }
            let typed = line.trimmingCharacters(in: .whitespacesAndNewlines)
            guard typed == network.name || typed == name else {
                throw ControlError.failed("that is not the network's name; nothing was changed")
            }
        }
    }
}
