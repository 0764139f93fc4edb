import Foundation
import Testing
import Wire

@testable import Peer

/// Keys that programs outside the project rely on. A failing test here means that such a program breaks.
@Suite("Documents of the command line")
struct ControlDocumentTests {
    private let peer = PeerDocument(
        id: "ab", name: "attic", address: "10.0.0.1:7420", state: .unreachable, role: "worker",
        blocks: [BlockSpan(first: 0, last: 10)], copies: [BlockSpan(BlockRange(11...20))], loaded: [], held: [],
        sharedMemory: 1)

    private func network(leader: String?) -> NetworkDocument {
        NetworkDocument(
            name: "home", id: "cd", revision: 7, role: "admin", quorum: true, leader: leader, model: "m",
            blockCount: 32,
            peers: [peer])
    }

    private func json(_ value: some Encodable) throws -> NSDictionary {
        let object = try JSONSerialization.jsonObject(with: try JSONEncoder().encode(value))
        return try #require(object as? NSDictionary)
    }

    private func keys(_ dictionary: Any?) throws -> Set<String> {
        Set(try #require((dictionary as? NSDictionary)?.allKeys as? [String]))
    }

    @Test("status has its keys at every level, also where a value is missing")
    func statusKeys() throws {
        let status = StatusDocument(
            peer: "ab", name: "attic", listen: .init(links: "0.0.0.0:1"), networks: [network(leader: nil)], models: [],
            threads: 2, sharedMemory: 5)
        let document = try json(status)
        #expect(
            try keys(document)
                == ["peer", "name", "version", "listen", "networks", "models", "threads", "shared_memory"])
        #expect(try keys(document["listen"]) == ["links", "gateway"])
        #expect((document["listen"] as? NSDictionary)?["gateway"] is NSNull)
        let network = try #require((document["networks"] as? [NSDictionary])?.first)
        #expect(
            try keys(network)
                == [
                    "name", "id", "revision", "generation", "recoveries", "certified_by", "voters", "role", "quorum",
                    "leader", "model", "block_count", "policy", "invitations", "notice", "peers",
                ])
        #expect(network["leader"] is NSNull)
        #expect(try keys(network["policy"]) == ["max_voters", "voter_grace", "cache_format"])
        let peer = try #require((network["peers"] as? [NSDictionary])?.first)
        #expect(
            try keys(peer) == [
                "id", "name", "address", "state", "role", "votes", "applied", "applied_generation", "blocks", "copies",
                "loaded", "held", "shared_memory", "offered_memory",
            ])
        #expect(peer["state"] as? String == "unreachable")
        #expect(peer["offered_memory"] is NSNull)
    }

    @Test("an open invitation has its keys")
    func openInvitationKeys() throws {
        let document = try json(NetworkDocument.OpenInvitation(id: "ef", role: "worker", expires: 1))
        #expect(try keys(document) == ["id", "role", "expires"])
    }

    @Test("peer list has its keys, also where no leader is known")
    func peerListKeys() throws {
        let document = try json(NetworkPeersDocument(network: "home", id: "cd", peers: [peer]))
        #expect(try keys(document) == ["network", "id", "leader", "peers"])
        #expect(document["leader"] is NSNull)
    }

    @Test("peer show has its keys")
    func peerShowKeys() throws {
        let document = try json(
            PeerMembershipsDocument(
                id: "ab", name: "attic",
                networks: [
                    .init(network: "home", id: "cd", revision: 7, generation: 0, leads: true, peer: peer)
                ]))
        #expect(try keys(document) == ["id", "name", "networks"])
        #expect(
            try keys((document["networks"] as? [Any])?.first)
                == ["network", "id", "revision", "generation", "leads", "peer"])
    }

    @Test("a change has its keys, also where it is about the whole network")
    func changeKeys() throws {
        let document = try json(ChangeDocument(network: "home", id: "cd", revision: 8))
        #expect(try keys(document) == ["network", "id", "revision", "subject"])
        #expect(document["subject"] is NSNull)
    }

    @Test("an event has its keys")
    func eventKeys() throws {
        #expect(try keys(try json(EventDocument(id: 1, at: 2, text: "t"))) == ["id", "at", "text"])
    }

    @Test("a generation of many recoveries comes through exactly")
    func generation() throws {
        var network = network(leader: nil)
        network.generation = 5 << 32 | 0xffff_fffe
        #expect((try json(network)["generation"] as? NSNumber)?.uint64Value == network.generation)
    }

    @Test("blocks are pairs of first and last")
    func blocksArePairs() throws {
        let document = try json(peer)
        #expect(document["blocks"] as? [[Int]] == [[0, 10]])
        #expect(document["copies"] as? [[Int]] == [[11, 20]])
    }

    @Test("a leader that is known is told")
    func leader() throws { #expect(try json(network(leader: "ab"))["leader"] as? String == "ab") }

    @Test("discover has its keys")
    func discoverKeys() throws {
        let document = try json(
            DiscoveredNetworkDocument(name: "home", id: "cd", model: "m", members: [.init(id: "ab", address: "h:1")]))
        #expect(try keys(document) == ["name", "id", "model", "members"])
        #expect(try keys((document["members"] as? [Any])?.first) == ["id", "address"])
    }

    @Test("chat has its keys")
    func chatKeys() throws {
        let document = try json(
            ChatDocument(
                text: "t", tokenIDs: [1, 2], session: "s", network: "home", seed: .max, finishReason: "stop",
                route: [.init(peer: "ab", firstBlock: 0, lastBlock: 3)], reroutes: 1,
                timings: .init(promptTokens: 1, promptMilliseconds: 2, predictedTokens: 3, predictedMilliseconds: 4)))
        #expect(
            try keys(document) == [
                "text", "token_ids", "session", "network", "seed", "finish_reason", "route", "reroutes", "timings",
            ])
        #expect(try keys((document["route"] as? [Any])?.first) == ["peer", "first_block", "last_block"])
        #expect(
            try keys(document["timings"]) == ["prompt_tokens", "prompt_ms", "predicted_tokens", "predicted_ms"])
        #expect((document["seed"] as? NSNumber)?.uint64Value == .max)
    }

    @Test("bench has its keys")
    func benchKeys() throws {
        let runs = [1.0, 2].map { number in
            BenchDocument.Run(
                threads: Int(number), sequences: 3 * Int(number), prefillTokensPerSecond: 10 * number,
                decodeTokensPerSecond: 20 * number,
                memoryBytesPerSecond: 30, decodeBandwidthShare: 0.5)
        }
        let document = try json(
            BenchDocument(
                model: "m", instructions: "avx2", context: 1, cacheFormat: "q8_0",
                hop: .init(p50: 3, p99: 4), memory: .init(weights: 5, file: 6, residentMax: 7), runs: runs))
        #expect(
            try keys(document)
                == [
                    "model", "instructions", "threads", "prefill_tokens_per_second", "decode_tokens_per_second",
                    "hop_ms",
                    "context",
                    "sequences",
                    "cache_format",
                    "memory", "runs",
                ])
        #expect(document["threads"] as? Int == 2, "the last run's")
        #expect(document["sequences"] as? Int == 6)
        #expect(document["decode_tokens_per_second"] as? Double == 40)
        #expect(try keys(document["memory"]) == ["weights", "file", "resident_max"])
        #expect(
            try keys((document["runs"] as? [Any])?.first)
                == [
                    "threads", "sequences", "prefill_tokens_per_second", "decode_tokens_per_second",
                    "memory_bytes_per_second",
                    "decode_bandwidth_share",
                ])
        #expect(try keys(document["hop_ms"]) == ["p50", "p99"])
    }

    @Test("perplexity has its keys")
    func perplexityKeys() throws {
        let document = try json(
            PerplexityDocument(
                model: "m", threads: 1, context: 512, cacheFormat: "q8_0", perplexity: 20, standardError: 1,
                tokens: 1024, scoredTokens: 510, windows: 2, seconds: 3))
        #expect(
            try keys(document)
                == [
                    "model", "threads", "context", "cache_format", "perplexity", "standard_error", "tokens",
                    "scored_tokens", "windows", "seconds",
                ])
    }

    @Test("a model has its keys, also without a file")
    func modelKeys() throws {
        let document = try json(
            ModelDocument(
                name: "m", architecture: "llama", blockCount: 32, size: 1, memory: 2, contextLength: 3, vocabulary: 4,
                pieces: 5, heldPieces: 0, source: nil, networks: []))
        #expect(
            try keys(document) == [
                "name", "architecture", "block_count", "size", "memory", "context_length", "vocabulary", "pieces",
                "held_pieces", "source", "networks",
            ])
    }

    @Test("every document comes back from the wire as it was sent")
    func roundTrip() throws {
        let events: [ControlEvent] = [
            .progress(text: "x", fraction: nil), .text("a\nb"), .result(.network(network(leader: nil))),
            .result(.network(network(leader: "ab"))), .result(.done), .failure("f"),
            .result(.changed(ChangeDocument(network: "home", id: "cd", revision: 8))),
            .result(.events([EventDocument(id: 1, at: 2, text: "ben is dead")])),
            .result(.memberships(PeerMembershipsDocument(id: "ab", name: "attic", networks: []))),
        ]
        for event in events {
            var line = try ControlLine.encode(event)
            #expect(line.removeLast() == 10)
            #expect(!line.contains(10))
            #expect(ControlLine.decode(ControlEvent.self, from: line) == event)
        }
    }

    @Test(
        "every request comes back from the wire as it was sent",
        arguments: [
            .networkRecover(network: "home"), .networkSetModel(network: "home", model: "m"),
            .networkSetPolicy(network: "home", maxVoters: 3, voterGrace: nil, cacheFormat: nil),
            .networkPlan(network: "home"),
            .networkRevoke(network: "home", invitation: "tiktrue1-x"), .peerShow(peer: "attic", network: nil),
            .peerGrant(peer: "attic", memory: .max, network: "home"),
            .peerRole(peer: "attic", role: "admin", network: nil), .events(newest: 50),
            .peerRemove(peer: "attic", network: nil),
        ] as [ControlRequest])
    func requestRoundTrip(request: ControlRequest) throws {
        #expect(ControlLine.decode(ControlRequest.self, from: try ControlLine.encode(request).dropLast()) == request)
    }

    @Test("numbers that JSON has no words for do not lose the document")
    func notANumber() throws {
        let event = ControlEvent.progress(text: "x", fraction: .infinity)
        #expect(ControlLine.decode(ControlEvent.self, from: try ControlLine.encode(event).dropLast()) == event)
    }
}
