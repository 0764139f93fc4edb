import Identity
import Wire

/// What one person hands to another so that a peer may enter a network: text that holds the network's id, a secret, and
/// where members can be reached.
///
/// The secret grows an Ed25519 key whose public half stands in the config. The newcomer signs its own identity with
/// that key, so the secret itself never travels, no member learns it, and a proof that is overheard serves nobody else.
/// An invitation admits one peer, since admitting takes its key out of the config.
///
/// Its text: `tiktrue1-`, then Base32 (RFC 4648, lower case, no padding) of version 1 (1 byte), network id (32), secret
/// (16), count of endpoints (1), and for each endpoint a length (1) and `host:port`; then a checksum, the first 4 bytes
/// of the BLAKE2b-256 of all that.
public struct Invitation: Hashable, Sendable {
    public static let prefix = "tiktrue1-"
    public let network: NetworkID
    /// 16 bytes.
    public let secret: [UInt8]
    public let endpoints: [Endpoint]

    public init(network: NetworkID, secret: [UInt8], endpoints: [Endpoint]) {
        precondition(secret.count == 16, "an invitation's secret has \(secret.count) bytes")
        self.network = network
        self.secret = secret
        // One whose length does not fit its byte in the text is of no use to anyone.
        self.endpoints = Array(endpoints.filter { $0.description.utf8.count <= 255 }.prefix(Limits.addresses))
    }

    /// The key that proves the right to enter.
    public var key: SigningKey {
        let seed = Digest.of(Array("tiktrue/1 invitation".utf8) + [0] + secret).bytes
        guard let key = SigningKey(seed: seed) else { preconditionFailure("a digest is a seed") }
        return key
    }

    public func admission(of peer: PeerID, name: String, grantedMemory: UInt64, addresses: [Endpoint])
        -> ConfigCommand.Admission
    {
        let key = key
        return ConfigCommand.Admission(
            peer: peer, name: name, grantedMemory: grantedMemory, addresses: addresses, invitation: key.peer,
            proof: key.sign(ConfigCommand.Admission.statement(network: network, peer: peer), domain: .admission))
    }

    public var text: String {
        var bytes: [UInt8] = [1] + network.bytes + secret
        bytes.append(UInt8(endpoints.count))
        for endpoint in endpoints {
            let text = Array(endpoint.description.utf8)
            bytes.append(UInt8(text.count))
            bytes.append(contentsOf: text)
        }
        bytes.append(contentsOf: Digest.of(bytes).bytes.prefix(4))
        return Invitation.prefix + Base32.encode(bytes)
    }

    /// Nil where the text is no invitation, or was cut or mistyped.
    public init?(text: some StringProtocol) {
        let trimmed = String(text.filter { !$0.isWhitespace }).lowercased()
        guard trimmed.utf8.count <= 4096, trimmed.hasPrefix(Invitation.prefix),
            let bytes = Base32.decode(trimmed.dropFirst(Invitation.prefix.count)), bytes.count >= 54
        else { return nil }
        let body = Array(bytes.dropLast(4))
        guard Array(Digest.of(body).bytes.prefix(4)) == Array(bytes.suffix(4)), body[0] == 1,
            let network = NetworkID(body[1..<33]), Int(body[49]) <= Limits.addresses
        else { return nil }
        var endpoints: [Endpoint] = []
        var rest = body[50...]
        for _ in 0..<body[49] {
            guard let length = rest.first, rest.count > Int(length) else { return nil }
            let text = String(decoding: rest.dropFirst().prefix(Int(length)), as: UTF8.self)
            guard let endpoint = Endpoint(text) else { return nil }
            endpoints.append(endpoint)
            rest = rest.dropFirst(1 + Int(length))
        }
        guard rest.isEmpty else { return nil }
        self.init(network: network, secret: Array(body[33..<49]), endpoints: endpoints)
    }
}

/// Base32 of RFC 4648, lower case, without padding.
enum Base32 {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for byte in bytes {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                text.append(alphabet[Int(buffer >> UInt32(bits)) & 31])
            }
        }
        if bits > 0 { text.append(alphabet[Int(buffer << UInt32(5 - bits)) & 31]) }
        return String(decoding: text, as: UTF8.self)
    }

    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer: UInt32 = 0
        var bits = 0
        for character in text.utf8 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            buffer = buffer << 5 | UInt32(value)
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        // What is left over is less than a letter and zero, or a letter is wrong that no byte shows.
        guard bits < 5, buffer & (1 << UInt32(bits) - 1) == 0 else { return nil }
        return bytes
    }
}
