import ArgumentParser
import Foundation
import Peer

/// The command line. `up` is the peer; nearly everything else is a client of the peer that runs on the same data directory.
@main
struct TikTrue: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tiktrue",
        abstract: "A private AI cluster made of the computers you already have.",
        discussion: """
            Start a peer on each computer with `tiktrue up`, make a network with `tiktrue network create`, invite the \
            others, and ask with `tiktrue chat`.
            """,
        version: Release.version,
        subcommands: [
            UpCommand.self, StatusCommand.self, StopCommand.self, NetworkCommand.self, ModelCommand.self,
            PeerCommand.self, ChatCommand.self, EmbedCommand.self, EventsCommand.self, BenchCommand.self,
            PerplexityCommand.self, SimulateCommand.self,
        ])

    mutating func run() throws { throw MissingCommand(after: TikTrue.self) }

    static func main() async {
        ProcessSetup.prepare()
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            Exit.end(with: error, in: self)
        }
    }
}

/// How the program ends: 0 done, 1 failed with one sentence, 2 wrong usage with the right one.
enum Exit {
    static let failed: Int32 = 1
    static let wrongUsage: Int32 = 2

    static func end(with error: any Error, in command: (some ParsableCommand).Type) -> Never {
        if let missing = error as? MissingCommand {
            StandardError.write("Error: \(missing)\n" + command.helpMessage(for: missing.group) + "\n")
            exit(wrongUsage)
        }
        if let wrong = error as? WrongUsage {
            StandardError.write("Error: \(wrong)\nUsage: " + command.usageString(for: wrong.command) + "\n")
            exit(wrongUsage)
        }
        switch command.exitCode(for: error) {
        case .success:
            // Help and version were asked for.
            StandardOutput.write(command.fullMessage(for: error) + "\n")
            exit(0)
        case .validationFailure:
            StandardError.write(command.fullMessage(for: error) + "\n")
            exit(wrongUsage)
        default:
            if let code = error as? ExitCode { exit(code.rawValue) }
            StandardError.write(sentence(for: error) + "\n")
            exit(failed)
        }
    }

    /// One line that begins with a capital letter, or with the name of a file as it is.
    static func sentence(for error: any Error) -> String {
        // Names of networks and reasons of other peers stand in it.
        let text = Visible.word("\(error)".split(whereSeparator: \.isNewline).joined(separator: " "))
        let first = text.prefix { !$0.isWhitespace }
        guard !first.dropLast().contains(where: { $0 == "." || $0 == "/" }) else { return text }
        return text.prefix(1).uppercased() + text.dropFirst()
    }
}

/// A group of commands was named, and none of its commands.
struct MissingCommand: Error, CustomStringConvertible {
    let group: any ParsableCommand.Type

    init(after group: any ParsableCommand.Type) { self.group = group }

    var description: String { "a command is missing after '\(group.configuration.commandName ?? "tiktrue")'" }
}

/// Usage that turned out to be wrong only when the command ran.
struct WrongUsage: Error, CustomStringConvertible {
    let description: String
    let command: any ParsableCommand.Type

    init(_ description: String, of command: any ParsableCommand.Type) {
        self.description = description
        self.command = command
    }
}

/// What must hold before anything else is done in the process.
enum ProcessSetup {
    static func prepare() {
        // A reader that goes away is found out by the write that fails, which ends the program quietly.
        signal(SIGPIPE, SIG_IGN)
        // Where the caller closed one of these, the next file opened would take its number and be written to by mistake.
        for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", O_RDWR)
        }
    }
}
