import Identity
import NetworkConfig
import Wire

/// What a machine has on disk.
///
/// Small state (ledgers and Raft's) is written in transactions, one after the other. Each is in flight until it is synced. Where
/// the power fails before, any number of them may have reached the disk, but none without those before it: every write is there as a
/// whole or not at all. Pieces are files: what was written of one may be there or not.
public struct Disk: Sendable {
    /// Of one network.
    public struct Store: Sendable {
        public var ledger: CertifiedConfig?
        public var raft: (generation: UInt64, state: RaftState)?
        public init() {}

        /// What Raft has written in this generation of the network.
        func state(of generation: UInt64) -> RaftState? {
            raft.flatMap { $0.generation == generation ? $0.state : nil }
        }
    }

    enum Write: Sendable {
        case ledger(NetworkID, CertifiedConfig)
        case raft(NetworkID, generation: UInt64, RaftWrite)
        case forget(NetworkID)
        case epoch(UInt64)
    }

    /// What would be read after a loss of power at this moment, if nothing in flight were lucky.
    public internal(set) var synced = SortedMap<NetworkID, Store>()
    /// What will be there once everything in flight is synced.
    public private(set) var written = SortedMap<NetworkID, Store>()
    private(set) var inFlight: [Write] = []

    /// Raised, and synced, at each start, and where a later life of the peer was heard of.
    public internal(set) var epoch: UInt64 = 0
    public var pieces: [Digest: [UInt8]] = [:]
    public var partials: [Digest: [UInt8]] = [:]

    public init() {}

    mutating func write(_ write: Write) {
        inFlight.append(write)
        Disk.apply(write, to: &written)
    }

    /// The oldest write in flight has arrived.
    mutating func syncOne() {
        guard !inFlight.isEmpty else { return }
        sync(inFlight.removeFirst())
    }

    private mutating func sync(_ write: Write) {
        Disk.apply(write, to: &synced)
        if case .epoch(let raised) = write { epoch = max(epoch, raised) }
    }

    /// Power fails: of what is in flight the first so many writes have arrived.
    mutating func losePower(keeping count: Int) {
        for write in inFlight.prefix(count) { sync(write) }
        inFlight = []
        written = synced
    }

    /// For tests that put something on a disk by hand.
    public mutating func put(_ ledger: CertifiedConfig, of network: NetworkID) {
        Disk.apply(.ledger(network, ledger), to: &synced)
        Disk.apply(.ledger(network, ledger), to: &written)
    }

    private static func apply(_ write: Write, to stores: inout SortedMap<NetworkID, Store>) {
        switch write {
        case .ledger(let network, let ledger):
            if stores[network] == nil { stores[network] = Store() }
            stores.update(network) { $0.ledger = ledger }
        case .raft(let network, let generation, let change):
            if stores[network] == nil { stores[network] = Store() }
            stores.update(network) { store in
                if store.raft.map({ generation > $0.generation }) ?? true { store.raft = (generation, .empty) }
                guard store.raft?.generation == generation else { return }
                store.raft?.state.apply(change)
            }
        case .forget(let network): stores[network] = nil
        case .epoch: break
        }
    }

    /// What a peer is told at its start, or the network whose ledger cannot be read.
    func stored() throws(UnreadableStore) -> [StoredFile] {
        var result: [StoredFile] = []
        for (network, store) in synced.pairs {
            guard let certified = store.ledger else { continue }
            do {
                let ledger = try ConfigLedger(network: network, certified: certified)
                result.append(StoredFile(ledger: ledger, raft: store.raft))
            } catch {
                throw UnreadableStore(network: network, why: "\(error)")
            }
        }
        return result
    }

    struct StoredFile {
        let ledger: ConfigLedger
        let raft: (generation: UInt64, state: RaftState)?
    }

    struct UnreadableStore: Error {
        let network: NetworkID
        let why: String
    }
}
