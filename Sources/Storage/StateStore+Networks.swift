import Foundation
import GRDB
import Identity
import Wire

/// What is kept of one network.
public struct AgreedState: Hashable, Sendable {
    public let network: NetworkID
    public let certified: CertifiedConfig
    /// Nil where this peer has never written anything as one of those who follow the log.
    public let raft: RaftRecord?
}

/// What Raft has written, in one generation of a network.
public struct RaftRecord: Hashable, Sendable {
    public let generation: UInt64
    public let state: RaftState
    public init(generation: UInt64, state: RaftState) {
        self.generation = generation
        self.state = state
    }
}

/// One change of what the members of a network have agreed on.
public enum AgreedWrite: Hashable, Sendable {
    /// The certified config takes the place of the one before.
    case ledger(NetworkID, CertifiedConfig)
    /// What `RaftState.apply` does, to what is kept of that generation. A greater generation takes the place of
    /// everything of a smaller one; a smaller one is refused.
    case raft(NetworkID, generation: UInt64, RaftWrite)
    /// Nothing of the network is kept.
    case removal(NetworkID)
    /// The number of this start of the peer is this one, unless a greater one is there already.
    case epoch(UInt64)
}

extension StateStore {
    /// Does them all, in order, or, where it throws, none.
    public func save(_ writes: [AgreedWrite]) throws(StorageError) {
        try write { database in
            for change in writes {
                switch change {
                case .ledger(let network, let certified):
                    try database.execute(
                        sql: """
                            INSERT INTO ledger VALUES (?, ?)
                            ON CONFLICT (network) DO UPDATE SET certified = excluded.certified
                            """,
                        arguments: [Data(network.bytes), Data(certified.encoded())])
                case .raft(let network, let generation, let raftWrite):
                    try RaftTable(database, network).apply(raftWrite, generation: generation)
                case .removal(let network):
                    for table in ["ledger", "raft", "raft_entry"] {
                        try database.execute(
                            sql: "DELETE FROM \(table) WHERE network = ?", arguments: [Data(network.bytes)])
                    }
                case .epoch(let epoch):
                    try database.execute(
                        sql: "UPDATE epoch SET value = max(value, ?) WHERE id = 1", arguments: [Int64(epoch)])
                }
            }
        }
    }

    /// Every network of which a config is kept, in the order of their ids. What does not fit together is told as
    /// damage.
    public func networks() throws(StorageError) -> [AgreedState] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT network, certified FROM ledger ORDER BY network").map { row in
                guard let network = NetworkID(row["network"] as Data) else {
                    throw StorageError.databaseDamaged(path: path)
                }
                do {
                    return AgreedState(
                        network: network, certified: try CertifiedConfig(encoded: Array(row["certified"] as Data)),
                        raft: try RaftTable(database, network).record())
                } catch is WireError {
                    throw StorageError.databaseDamaged(path: path)
                } catch is RaftTable.Broken {
                    throw StorageError.databaseDamaged(path: path)
                }
            }
        }
    }
}
