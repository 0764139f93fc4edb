import Wire

/// Times and limits of gossip. The standard ones suit a LAN: a change is known everywhere within a second, a death
/// within a few.
public struct GossipSettings: Hashable, Sendable {
    /// One member is probed per period while something happens. Local ill health stretches it up to `localHealthMax` +
    /// 1 times.
    public var period: Interval = .milliseconds(200)
    /// What the period grows to while nothing happens: nothing to tell, nobody suspect, all summaries equal.
    public var quietPeriod: Interval = .seconds(1)
    /// After the last event the period stays short for `quietAfter`, and grows in proportion to the silence from then
    /// on.
    public var quietAfter: Interval = .seconds(1)

    /// A member that has not answered a ping for so long is asked through others, and over its link.
    public var directTimeout: Interval = .milliseconds(250)
    /// How long these others have. Then the member is suspect.
    public var indirectTimeout: Interval = .milliseconds(500)
    /// How long someone who was asked to ping another waits until it says that no answer came. Shorter than
    /// `indirectTimeout`, so that the one who asked learns that it is not its own ears that fail.
    public var nackTimeout: Interval = .milliseconds(250)
    /// How many others are asked.
    public var indirectProbes = 3

    /// A suspicion ends in death after at least this many periods, times the decimal logarithm of the number of members
    /// ...
    public var suspicionPeriods = 4.0
    /// ... and after at most this many times the least, where nobody confirms it.
    public var suspicionStretch = 6.0
    /// Confirmations by different members that bring a suspicion down to its least length.
    public var suspicionConfirmations = 3

    /// Each rumour is sent this many times ⌈log10(N + 1)⌉.
    public var retransmitFactor = 4
    /// Members that are told at once when something is learned.
    public var pushFanout = 3
    /// Members beside the probed one that are told in each period while there is something to tell.
    public var periodFanout = 2
    /// What is learned within this time is told in one message.
    public var pushInterval: Interval = .milliseconds(15)

    /// How often one of the dead is asked whether it is back, so that partitions heal by themselves.
    public var deadProbePeriod: Interval = .seconds(2)
    /// The least time between two digests that this peer asks with; it grows up to `exchangeBackoff` where they bring
    /// nothing.
    public var exchangePeriod: Interval = .milliseconds(400)
    public var exchangeBackoff: Interval = .seconds(10)

    /// The most that a peer doubts itself.
    public var localHealthMax = 7
    /// Pings in a row that only the link answered before gossip with that member goes over the link.
    public var silentDatagramsMax = 3
    /// While it does, every so manieth ping goes by datagram too.
    public var datagramTrialPings = 8
    /// One datagram, less what sealing adds.
    public var datagramBytes = Limits.datagramBytes - 100
    /// A message over a link.
    public var linkBytes = 32 << 10

    /// Whether a peer allows for its own slowness: local health, nacks, suspicions that shorten, time asleep not
    /// counted, suspects told first. Off it is plain SWIM, to measure what that is worth.
    public var isLifeguardOn = true

    public init() {}

    public static let standard = GossipSettings()
}

extension GossipSettings {
    /// Times that a rumour is sent by each who hears it, among so many members (with this peer).
    func retransmits(members: Int) -> Int {
        var digits = 1
        var power = 10
        while power < members + 1 {
            digits += 1
            power *= 10
        }
        return retransmitFactor * digits
    }

    /// The least length of a suspicion among so many members.
    func suspicionMinimum(members: Int) -> Interval {
        period.scaled(by: suspicionPeriods * max(1, Logarithm.decimal(Double(max(1, members)))))
    }
}

extension Interval {
    func scaled(by factor: Double) -> Interval { Interval(nanoseconds: Int64(Double(nanoseconds) * factor)) }
    func times(_ factor: Int) -> Interval { Interval(nanoseconds: nanoseconds * Int64(factor)) }
}

/// Logarithms without a mathematics library, the same on every machine to the last bit.
enum Logarithm {
    /// Of a finite number of at least 1, by squaring: exact to about 2^-30.
    static func binary(_ value: Double) -> Double {
        precondition(value >= 1 && value.isFinite, "the logarithm of \(value)")
        var result = Double(value.exponent)
        var rest = value.significand
        var bit = 0.5
        for _ in 0..<30 {
            rest *= rest
            if rest >= 2 {
                rest /= 2
                result += bit
            }
            bit /= 2
        }
        return result
    }

    static func decimal(_ value: Double) -> Double { binary(value) / 3.321_928_094_887_362 }
}
