import Foundation
import Testing

@testable import Peer

@Suite("What people write on the command line")
struct ControlParsingTests {
    @Test(
        "sizes are read with their units",
        arguments: [
            ("0", 0), ("1048576", 1 << 20), ("512M", 512 << 20), ("2G", 2 << 30), ("2g", 2 << 30), ("1KiB", 1 << 10),
            ("3TB", 3 << 40), ("7B", 7), ("18446744073709551615", UInt64.max),
        ] as [(String, UInt64)])
    func sizes(text: String, bytes: UInt64) { #expect(ByteSize(text)?.bytes == bytes) }

    @Test(
        "what is no size is refused",
        arguments: ["", "M", "-1", "1.5G", "2X", "2 G", "18446744073709551616", "99999999999T", "٣M", "0x10"])
    func noSizes(text: String) { #expect(ByteSize(text) == nil) }

    @Test(
        "sizes are shown with three digits",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536 << 20, "1.5 GiB"), (512 << 20, "512 MiB"),
            ((1 << 20) - 1, "1.0 MiB"), (UInt64.max, "16.0 EiB"), (1234 << 20, "1.21 GiB"),
        ] as [(UInt64, String)])
    func showsSizes(bytes: UInt64, text: String) { #expect("\(ByteSize(bytes: bytes))" == text) }

    @Test("an address to listen on may have port 0, an endpoint may not")
    func listenAddresses() {
        let any = ListenAddress("0.0.0.0:0")
        #expect(any == .anywhere)
        #expect(ListenAddress("[::]:0")?.host == "::")
        #expect(ListenAddress("10.0.0.1:7420")?.port == 7420)
        #expect(PeerConfiguration.endpoint("10.0.0.1:0") == nil)
    }

    @Test(
        "what is no address is refused",
        arguments: ["", ":0", "host", "host:", "host:x", "host:70000", "a:b:0", "host:00"])
    func noAddresses(text: String) { #expect(ListenAddress(text) == nil) }

    @Test("a model is named after its file without .gguf")
    func modelNames() {
        #expect(PeerPaths.modelName(forFile: "/a/b/Smol-1.5.Q4.gguf") == "Smol-1.5.Q4")
        #expect(PeerPaths.modelName(forFile: "x.GGUF") == "x")
        #expect(PeerPaths.modelName(forFile: "/a/Large-Q4_K_M-00001-of-00003.gguf") == "Large-Q4_K_M")
        #expect(PeerPaths.modelName(forFile: "/a/model.bin") == "model.bin")
        #expect(PeerPaths.modelName(forFile: ".gguf") == ".gguf")
    }

    @Test("a network's name is no invitation, and the sentence says what to ask for")
    func noInvitation() {
        #expect(!ControlWords.resemblesInvitation("home"))
        #expect("\(ControlError.notAnInvitation("home"))".hasSuffix("tiktrue network invite home"))
        #expect("\(ControlError.notAnInvitation("my home; rm"))".hasSuffix("tiktrue network invite NAME"))
    }

    @Test("what begins like an invitation is left to the peer to judge")
    func maybeInvitation() {
        #expect(ControlWords.resemblesInvitation(" tiktrue1-" + String(repeating: "a", count: 90) + "\n"))
    }

    @Test("a network may be told to have odd numbers of voters up to seven")
    func votersAllowed() { #expect(ControlWords.voters == [1, 3, 5, 7]) }

    @Test("a line is cut where it ends, whatever parts it comes in")
    func lineBuffer() throws {
        var lines = LineBuffer(limit: 10)
        var found: [String] = []
        for byte in "one\n\ntwo\nrest".utf8 {
            lines.append([byte])
            while let line = try lines.next() { found.append(String(decoding: line, as: UTF8.self)) }
        }
        #expect(found == ["one", "", "two"])
    }

    @Test("a line over the limit is refused before it ends")
    func lineTooLong() {
        var lines = LineBuffer(limit: 10)
        lines.append([UInt8](repeating: 65, count: 11))
        #expect(throws: ControlError.lineTooLong(bytes: 11, limit: 10)) { try lines.next() }
    }
}
