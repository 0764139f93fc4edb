import Wire

/// The chain's times and sizes. Sizes must be the same on all peers of a network; times may differ.
public struct ChainSettings: Hashable, Sendable {
    /// Positions in one frame of tokens or activations. 64 is where matrix kernels stop gaining from more.
    public var positionsPerFrame = 64
    /// Positions in one computation: the longest time for which a stage neither answers nor gives way.
    public var positionsPerCompute = 64
    /// Positions that may be under way to a stage beyond what it has acknowledged. Four frames: one computed, one queued, two
    /// on the wire. At least two frames, or the hop stalls between acknowledgements.
    public var window = 256
    /// How long a stage may load blocks or compute before its next sign of life to the driver.
    public var heartbeat = Interval.seconds(2)
    /// How long a stage gives signs of life for one and the same load or computation. Then the driver is left to judge it dead.
    public var busyPatience = Interval.seconds(120)
    /// How long the driver of a running turn waits for any sign of life before it opens a new route.
    public var silence = Interval.seconds(10)
    /// How long the driver waits before it asks again for a route where there was none.
    public var routeRetry = Interval.seconds(1)
    /// How long a turn waits for a route before it fails. The conversation stays and may be continued later.
    public var routePatience = Interval.seconds(30)
    /// Failures reported by stages, and silences, that a turn bears between two tokens. Lost links do not count.
    public var failures = 8
    /// Stages of all sessions on one peer.
    public var stages = 256

    public init() {}
    public static let standard = ChainSettings()
}
