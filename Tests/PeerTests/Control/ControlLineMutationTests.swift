import Testing
import Wire

@testable import Peer

@Suite("Lines on the control socket that nobody meant")
struct ControlLineMutationTests {
    private static var choice: TokenChoiceRequest {
        var choice = TokenChoiceRequest()
        choice.temperature = 0.7
        choice.seed = .max
        choice.bias = [TokenBiasRequest(token: 3, value: nil)]
        choice.logProbabilities = 5
        return choice
    }

    private static let requests: [ControlRequest] = [
        .status, .networkCreate(name: "home", model: "smol"),
        .networkInvite(network: "home", role: "worker", validHours: 24),
        .networkSetPolicy(network: "home", maxVoters: 5, voterGrace: nil, cacheFormat: "q8_0"),
        .modelAdd(path: "/a.gguf", name: nil),
        .peerGrant(peer: "attic", memory: .max, network: nil), .events(newest: 20),
        .chat(
            ChatRequest(
                messages: [.init(role: .user, content: "h\u{e9} \"\\\n")], choice: choice,
                stop: ["\n"], format: .schema("{}"))),
        .embed(EmbeddingRequest(texts: ["a", ""])),
    ]

    private static func changed(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        let place = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes.removeLast(place)
        case 1: bytes.insert(contentsOf: bytes[place...], at: Int.random(in: bytes.indices, using: &random))
        case 2: bytes.insert(contentsOf: Array("-1e999999".utf8), at: place)
        case 3: bytes.insert(contentsOf: [UInt8](repeating: UInt8(ascii: "["), count: 5000), at: place)
        default: bytes[place] = UInt8.random(in: 0...255, using: &random)
        }
        return bytes
    }

    @Test("a line that is changed anywhere is refused, or read and written again to the same meaning")
    func lines() throws {
        var random = SeededGenerator(seed: 7)
        for request in Self.requests {
            let line = try ControlLine.encode(request)
            #expect(ControlLine.decode(ControlRequest.self, from: line) == request)
            for _ in 0..<150 {
                let changed = Self.changed(line, &random)
                guard let read = ControlLine.decode(ControlRequest.self, from: changed) else { continue }
                #expect(ControlLine.decode(ControlRequest.self, from: try ControlLine.encode(read)) == read)
            }
        }
    }
}
