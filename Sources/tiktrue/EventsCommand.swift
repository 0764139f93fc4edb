import ArgumentParser
import Peer

struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show what happened on this peer, oldest first.")

    @Option(help: ArgumentHelp("How many of the newest events.", valueName: "count"))
    var last = 50
    @OptionGroup var peer: PeerOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard ControlWords.events.contains(last) else {
            throw ValidationError("'--last' takes 1 to \(ControlWords.events.upperBound)")
        }
    }

    func run() throws {
        guard case .events(let events) = try peer.ask(.events(newest: last)) else {
            throw ControlError.unreadableAnswer
        }
        try output.show(events, Views.events(events))
    }
}
