import Identity
import MeshCore
import NetworkConfig
import Wire

// Where the simulator touches how the config is agreed on: few places, so that a change of it is found here.

extension Frame {
    /// Of a frame that carries a message of Raft.
    var raft: (network: NetworkID, generation: UInt64, message: RaftMessage)? {
        if case .raft(let network, let generation, let message) = self { return (network, generation, message) }
        return nil
    }
}

extension LogEntry {
    /// The change that it stands for, where it is one, and who signed it.
    var command: KnownCommand? {
        guard case .command(let bytes) = body, let entry = try? ConfigEntry(encoded: bytes),
            // Verified here and not by the core's own hand, which may be what is wrong.
            SignatureVerifier.isValid(
                entry.command.signature, over: entry.command.payload, domain: .command, by: entry.command.signer),
            let command = try? ConfigCommand.verified(entry.command)
        else { return nil }
        return KnownCommand(signer: entry.command.signer, base: command.base, change: command.change)
    }
}

/// A change that somebody truly signed.
struct KnownCommand {
    let signer: PeerID
    /// The config that the signer had before its eyes.
    let base: ConfigVersion
    let change: ConfigCommand.Change
}

extension Response {
    /// What a change of the config became.
    var changedRevision: Revision? {
        switch self {
        case .modelSet(let revision), .changed(let revision): revision
        default: nil
        }
    }
}
