/// Something that happened on this peer: an entry of `events --json`, oldest first.
public struct EventDocument: Codable, Equatable, Sendable {
    /// Grows with each event of this peer, and is never given again.
    public var id: Int64
    /// Seconds since 1970, by this machine's clock.
    public var at: UInt64
    public var text: String

    public init(id: Int64, at: UInt64, text: String) {
        self.id = id
        self.at = at
        self.text = text
    }
}
