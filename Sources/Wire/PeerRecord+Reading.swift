import Identity

extension PeerRecord {
    /// What an envelope claims, its signature unchecked: enough to see that it is out of date, not to believe it.
    public static func claimed(in signed: Signed) throws(WireError) -> PeerRecord {
        try recent.value(of: Digest.of(signed.payload)) { () throws(WireError) in
            try PeerRecord(encoded: signed.payload)
        }
    }

    private static let recent = RecentReadings<PeerRecord>(places: 512)
}
