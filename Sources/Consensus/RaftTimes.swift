import Wire

/// When a leader speaks, and when it is missed. Both stand here, and what the voters wait is made of what the leader
/// does: there is no way to slow down the one and not the other.
///
/// A leader that nobody asks for anything costs its network what its heartbeats cost, day and night, so they are rare.
/// That a leader has died seldom shows by their absence: its links break, or gossip has doubts and the links are tried.
/// The election timeout is for what neither notices.
public struct RaftTimes: Hashable, Sendable {
    /// A follower that has everything hears the leader again so long after the last word. Six followers, who each
    /// answer, are then some 1.1 KB/s with all headers.
    public let heartbeat: Interval
    /// One that has not is told, or asked, again after this: messages may be lost, and somebody may be waiting.
    public let retry: Interval
    /// Heartbeats that a follower must miss, or answers that a leader must miss, before either gives the other up: one
    /// may be lost with its link, and the next may be late by that much again.
    public let heartbeatsMissed: Int64
    /// Without a leader, and in a campaign that is not decided, another one begins after a time drawn anew from
    /// [t, 2t): a round trip and two writes to disk, on a network and disks in trouble. A transfer that has not come
    /// about, and a snapshot that is missing, is given up after t.
    public let campaignTimeout: Interval
    /// When the leader's link is lost, a campaign begins after a time drawn from [t, 4t).
    public let lossTimeout: Interval

    /// Defaults are those for a LAN.
    public init(
        heartbeat: Interval = .seconds(1), retry: Interval = .milliseconds(300), heartbeatsMissed: Int64 = 3,
        campaignTimeout: Interval = .milliseconds(1200), lossTimeout: Interval = .milliseconds(100)
    ) {
        precondition(heartbeatsMissed >= 2, "a follower that bears no late heartbeat deposes every leader")
        precondition(retry <= heartbeat, "what is missing must not be sent more seldom than nothing is")
        self.heartbeat = heartbeat
        self.retry = retry
        self.heartbeatsMissed = heartbeatsMissed
        self.campaignTimeout = campaignTimeout
        self.lossTimeout = lossTimeout
    }

    /// A follower that has not heard its leader for a time drawn anew from [`electionTimeout`, `electionTimeoutMax`)
    /// seeks election. Until the least of these it helps nobody else into office, and a leader that has not heard from
    /// a majority for as long steps down.
    public var electionTimeout: Interval { heartbeat.times(heartbeatsMissed) }

    /// Half as long again: enough that even of seven voters two seldom begin within the time that an election takes.
    public var electionTimeoutMax: Interval { Interval(nanoseconds: electionTimeout.nanoseconds / 2 * 3) }
}
