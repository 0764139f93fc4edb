/// How stages keep what they computed of a session's positions. It takes part in the arithmetic: in another format the same text gets
/// another answer, so one session has one, which its driver takes from the network's policy and names in each route. Numbered as on
/// the wire.
public enum CacheFormat: Int, Sendable, CaseIterable, CustomStringConvertible {
    /// Half precision.
    case f16 = 0
    /// 8-bit numbers, with a scale for every 32.
    case q8_0 = 1

    public init?(name: String) {
        guard let format = CacheFormat.allCases.first(where: { $0.description == name }) else { return nil }
        self = format
    }

    public var description: String {
        switch self {
        case .f16: "f16"
        case .q8_0: "q8_0"
        }
    }
}

extension Field {
    static func cacheFormat(_ value: UInt32) throws(WireError) -> CacheFormat {
        guard let format = CacheFormat(rawValue: Int(value)) else {
            throw .outOfRange(field: "cache_format", value: "\(value)")
        }
        return format
    }
}
