import NetworkConfig
import Wire

/// What was on disk of one network when the peer started.
public struct StoredNetwork: Sendable {
    public let ledger: ConfigLedger
    /// What Raft had written, and in which generation of the network. Nil where this peer has never been told anything by a voter.
    public let raft: (generation: UInt64, state: RaftState)?
    public init(ledger: ConfigLedger, raft: (generation: UInt64, state: RaftState)?) {
        self.ledger = ledger
        self.raft = raft
    }
}
