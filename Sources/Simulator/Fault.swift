/// One thing that goes wrong, or is done to a machine. `lasting` is in seconds; what has none is not undone by itself.
public struct Fault: Sendable, Hashable {
    public enum Kind: String, CaseIterable, Sendable, Hashable {
        // The network.
        /// No packet to or from the machine.
        case cut
        /// Packets pass one way only, out of the machine.
        case oneWay
        /// Machines fall into two halves that do not reach each other.
        case split
        /// Two halves that share one machine which reaches both.
        case bridge
        /// Datagrams lost more often.
        case loss
        /// Everything late, up to seconds.
        case clog
        /// Multicast does not pass.
        case noMulticast
        /// No datagram passes between pairs; links do.
        case noDatagrams
        /// All links of the machine break and can be opened again.
        case resetLinks
        /// The machine gets another address.
        case newAddress
        // The machine.
        /// The process is killed; what it had not synced may be lost or torn; it is started again after `lasting`.
        case kill
        /// Stopped in good order, and started again after `lasting`.
        case stop
        /// Everything stands still, then goes on (a laptop that sleeps).
        case pause
        /// All computing and all handling takes longer.
        case slow
        /// The wall clock jumps.
        case clockJump
        // The disk.
        case slowDisk
        case fullDisk
        /// The next sync fails: the peer stops, and is started again after `lasting`.
        case syncFails
        /// A piece on disk loses a bit.
        case bitRot
        /// Killed, and started again on the disk as it was some time ago.
        case staleDisk
        /// Killed, and started again with an empty disk: another identity.
        case wipedDisk
        /// A copy of the machine, identity and all, is started beside it.
        case clone
        // Other people.
        /// Datagrams and frames that are forged, replayed, cut short, too long.
        case garbage
        /// A member that signs two records under one version, asks for what it may not, forges rumours.
        case malice
        // The network once more: the traces of old seeds count on the places of those above.
        /// One link breaks between two machines that compute the same chat.
        case brokenHop
    }
    public var kind: Kind
    public var lasting: ClosedRange<Double>?
    /// Not mended at the end either, when everything else is. Whoever is struck by what `leavesNobody` is as good as
    /// gone, and the network must do without him; anything else must be borne.
    public var isForGood: Bool
    public init(_ kind: Kind, lasting: ClosedRange<Double>? = nil, isForGood: Bool = false) {
        self.kind = kind
        self.lasting = lasting
        self.isForGood = isForGood
    }
}

extension Fault.Kind {
    /// What comes where a scenario has faults of all kinds. One more would give another meaning to each seed of each of them: what is
    /// left out is for timelines.
    public static let ordinary = allCases.filter { $0 != .brokenHop }

    /// Whether it may be for ever. What is left out either ends by itself, makes another machine of the one that it strikes, or
    /// would leave nothing that could be asked of the rest.
    public var canBeForGood: Bool { leavesNobody || [.slow, .slowDisk, .noMulticast, .noDatagrams].contains(self) }

    /// Nobody hears of the machine again, or it of nobody, as long as it lasts.
    var leavesNobody: Bool { [.kill, .stop, .pause, .cut, .oneWay].contains(self) }
}
