import Foundation
import Identity
import NetworkConfig
import Simulator
import Wire
import WireSamples

extension FuzzTarget {
    /// What a person pastes: an invitation, an address, an id. The input serves as the text, and as what a text with
    /// the right checksum says.
    static let invitation = FuzzTarget(
        name: "invitation", form: .binary, bytesMax: 4096,
        seeds: {
            let invitation = Invitation(
                network: Sample.network, secret: [UInt8](repeating: 5, count: 16), endpoints: Sample.addresses)
            let said =
                [1] + Sample.network.bytes + [UInt8](repeating: 5, count: 16) + [1, 11] + Array("10.0.0.7:80".utf8)
            return [Array(invitation.text.utf8), said, Array("[fe80::1]:80".utf8)]
        },
        read: { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            for text in [text, Invitation.prefix + base32(bytes + Digest.of(bytes).bytes.prefix(4))] {
                guard let invitation = Invitation(text: text) else { continue }
                if Invitation(text: invitation.text) != invitation { broken("it comes back otherwise: \(text)") }
                _ = invitation.key
            }
            if let endpoint = Endpoint(text), Endpoint(endpoint.description) != endpoint {
                broken("'\(text)' becomes '\(endpoint.description)'")
            }
            _ = (PeerID(hex: text), Digest(hex: text), SessionID(hex: text))
        })

    /// RFC 4648, lower case, without padding.
    private static func base32(_ bytes: [UInt8]) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        let bits = bytes.flatMap { byte in (0..<8).map { byte >> UInt8(7 - $0) & 1 } }
        let text = stride(from: 0, to: bits.count, by: 5).map { start in
            alphabet[Int((0..<5).reduce(UInt8(0)) { $0 << 1 | (start + $1 < bits.count ? bits[start + $1] : 0) })]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Simulations/NAME.yaml and seeds.txt, which people write by hand.
    static let scenario = FuzzTarget(
        name: "scenario", form: .text, bytesMax: 4096,
        words: [
            "peers: ", "lends: ", "model: {blocks: 3}", "network: {loss: 1 %}", "disk: ", "opening: ", "workload: ",
            "timeline:", "  - at: 1 s", "chaos: {kinds: all}", "lasts: ", "recovers within: ", "for: ever", "every: ",
            "over: ", "machines 1, 2", "all but 2", "20 %", " per minute", " ms", " min", "-", "&a ", "*a", "<<: ",
            "!!int ",
            "{", "}", "[", "]", "? ", "|", ">", "%YAML", "---", "\t", "1e9", "0x10", ".inf", "\"\\u0000\"",
        ] + Fault.Kind.allWords,
        seeds: {
            let all = (try? FileManager.default.contentsOfDirectory(atPath: ScenarioLibrary.folder)) ?? []
            let files = all.sorted().map { FileManager.default.contents(atPath: "\(ScenarioLibrary.folder)/\($0)") }
            return files.compactMap { $0.map(Array.init) } + [Array("peers: 3\n".utf8)]
        },
        read: { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            _ = try? PastSeed.parse(text, file: "seeds.txt")
            guard let scenario = try? ScenarioFile.parse(text, file: "fuzz.yaml") else { return }
            _ = scenario.with(peers: 7)
        })
}
