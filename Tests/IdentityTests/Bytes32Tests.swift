import Testing

@testable import Identity

@Suite("Thirty-two bytes and their hexadecimal form")
struct Bytes32Tests {
    private let ascending = (0..<32).map { UInt8($0) }

    @Test("bytes come back as they went in")
    func roundTrip() throws {
        #expect(Bytes32(ascending)?.bytes == ascending)
        let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        #expect(Bytes32(ascending)?.hex == hex)
        #expect(Bytes32(hex: hex)?.bytes == ascending)
        #expect(Bytes32(hex: hex.uppercased())?.bytes == ascending)
    }

    @Test("any other number of bytes is refused", arguments: [0, 1, 31, 33, 64])
    func wrongLengths(_ count: Int) {
        let bytes = [UInt8](repeating: 7, count: count)
        #expect(Bytes32(bytes) == nil && PeerID(bytes) == nil && Digest(bytes) == nil && NetworkID(bytes) == nil)
        #expect(Bytes32(hex: Hex.encode(bytes)) == nil)
    }

    @Test("a session's id takes sixteen bytes only", arguments: [0, 15, 17, 32])
    func sessionLengths(_ count: Int) {
        #expect(SessionID([UInt8](repeating: 7, count: count)) == nil)
    }

    @Test("a session's id comes back as it went in")
    func session() {
        let id = SessionID(high: 0x0102_0304_0506_0708, low: 0xf0f1_f2f3_f4f5_f6f7)
        #expect(SessionID(id.bytes) == id && SessionID(hex: id.description) == id)
        #expect(id.description == "0102030405060708f0f1f2f3f4f5f6f7")
    }

    @Test("what is no hexadecimal text is refused", arguments: ["0", "0g", "zz", " 00", "0x00", "é0", "００"])
    func notHex(_ text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test("every byte has two digits and comes back from them")
    func allBytes() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
    }

    @Test("order is the order of the bytes")
    func order() throws {
        for place in 0..<32 {
            var larger = ascending
            larger[place] += 1
            #expect(try #require(Bytes32(ascending)) < #require(Bytes32(larger)))
        }
    }
}
