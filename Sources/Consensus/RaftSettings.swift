import Wire

/// Times and limits of a group of voters. The standard ones suit a LAN.
public struct RaftSettings: Hashable, Sendable {
    public var times = RaftTimes()

    /// Entries in one message; a single entry may be larger.
    public var maxEntryBytesPerMessage = 256 << 10
    /// Messages with entries to one follower that it has not answered.
    public var maxInflightAppends = 32
    /// Bytes of entries to one follower that it has not answered.
    public var maxInflightBytes = 4 << 20
    /// Entries of a leader that are not committed; more are refused.
    public var maxUncommittedBytes = 4 << 20
    /// One command.
    public var maxCommandBytes = 1 << 20
    /// Writes that may be under way at once; what comes meanwhile goes into the next one together.
    public var maxWritesUnderWay = 4
    /// Reads that wait for their confirmation.
    public var maxReads = 1024
    /// Voters of a group: more of them make each decision slower and hardly any safer.
    public var maxVoters = 7
    /// Those who follow without voting.
    public var maxLearners = 32

    public init() {}

    public static let standard = RaftSettings()
}
