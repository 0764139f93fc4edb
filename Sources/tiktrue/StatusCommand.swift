import ArgumentParser
import Peer

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show this peer, its networks, and who holds which blocks.")

    @OptionGroup var peer: PeerOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        guard case .status(let status) = try peer.ask(.status) else { throw ControlError.unreadableAnswer }
        try output.show(status, Views.status(status))
    }
}

struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop the peer that runs on this data directory.")

    @OptionGroup var peer: PeerOptions

    func run() throws {
        guard case .done = try peer.ask(.stop) else { throw ControlError.unreadableAnswer }
        confirm("The peer stops.")
    }
}
