import Identity
import Testing
import WireSamples

@testable import Wire

@Suite("Bytes from outside never trap")
struct MutationTests {
    private static func changed(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        switch Int.random(in: 0..<5, using: &generator) {
        case 0:
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator))
        case 1:
            bytes.append(contentsOf: (0..<8).map { _ in UInt8.random(in: 0...255, using: &generator) })
        case 2 where !bytes.isEmpty:
            // The largest numbers are where arithmetic breaks.
            let place = Int.random(in: bytes.indices, using: &generator)
            bytes.replaceSubrange(place..<place, with: [UInt8](repeating: 0xff, count: 9) + [1])
        default:
            for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
        }
        return bytes
    }

    @Test("every frame cut short at every byte is refused or read")
    func truncation() {
        for frame in Sample.frames {
            let encoded = frame.encoded()
            for count in 0...encoded.header.count {
                _ = try? Frame(
                    EncodedFrame(
                        kind: encoded.kind, header: Array(encoded.header.prefix(count)), payload: encoded.payload))
            }
            for count in 0...encoded.payload.count {
                _ = try? Frame(
                    EncodedFrame(
                        kind: encoded.kind, header: encoded.header,
                        payload: Payload(Array(encoded.payload.bytes.prefix(count)))))
            }
        }
    }

    @Test("a frame that is changed anywhere is refused, or read and encoded again to the same meaning")
    func frames() throws {
        var generator = SeededGenerator(seed: 2026)
        for _ in 0..<300 {
            for frame in Sample.frames {
                let encoded = frame.encoded()
                let kind =
                    Int.random(in: 0..<10, using: &generator) == 0
                    ? UInt8.random(in: 0...60, using: &generator) : encoded.kind
                let mutated = EncodedFrame(
                    kind: kind, header: Self.changed(encoded.header, &generator), payload: encoded.payload)
                guard let read = try? Frame(mutated) else { continue }
                #expect(try Frame(read.encoded()) == read)
            }
        }
    }

    @Test("changed records, commands, configs, manifests, beacons and envelopes are refused or read")
    func messages() throws {
        var generator = SeededGenerator(seed: 7421)
        for _ in 0..<300 {
            if let record = try? PeerRecord(encoded: Self.changed(Sample.record.encoded(), &generator)) {
                #expect(try PeerRecord(encoded: record.encoded()) == record)
            }
            if let config = try? NetworkConfig(payload: Self.changed(Sample.config.encoded(), &generator)) {
                #expect(try NetworkConfig(payload: config.encoded()) == config)
                _ = config.revision.next
            }
            if let model = try? ModelManifest(encodedBytes: Self.changed(Sample.model.encodedBytes(), &generator)) {
                _ = (model.allBlocks, model.pieces)
            }
            if let beacon = try? Beacon(encoded: Self.changed(Sample.beacon.encoded(), &generator)) {
                #expect(try Beacon(encoded: beacon.encoded()) == beacon)
            }
            for command in Sample.commands {
                if let command = try? ConfigCommand(encoded: Self.changed(command.encoded(), &generator)) {
                    #expect(try ConfigCommand(encoded: command.encoded()) == command)
                }
            }
            let datagram = Self.changed(Sample.beacon.datagram(by: Sample.key), &generator)
            _ = try? Signed(encoded: datagram)
        }
    }

    @Test("changed headers, certificates, log entries, snapshots and gossip are refused or read")
    func agreed() throws {
        var generator = SeededGenerator(seed: 74)
        func changed(_ bytes: [UInt8]) -> [UInt8] { Self.changed(bytes, &generator) }
        for _ in 0..<300 {
            if let header = try? RevisionHeader(encoded: changed(Sample.header.encoded())) {
                #expect(try RevisionHeader(encoded: header.encoded()) == header)
                _ = (header.majority, header.version, header.revision.next)
            }
            if let certified = try? CertifiedConfig(encoded: changed(Sample.certified.encoded())) {
                #expect(try CertifiedConfig(encoded: certified.encoded()) == certified)
            }
            if let entry = try? ConfigEntry(encoded: changed(Sample.entry.encoded())) {
                #expect(try ConfigEntry(encoded: entry.encoded()) == entry)
            }
            if let state = try? ConfigState(encoded: changed(Sample.state.encoded())) {
                #expect(try ConfigState(encoded: state.encoded()) == state)
            }
            if let snapshot = try? RaftSnapshot(encoded: changed(Sample.snapshot.encoded())) {
                #expect(try RaftSnapshot(encoded: snapshot.encoded()) == snapshot)
            }
            for body in Sample.bodies {
                guard let body = try? LogEntry.Body(encoded: changed(body.encoded())) else { continue }
                #expect(try LogEntry.Body(encoded: body.encoded()) == body)
            }
            for message in Sample.gossip {
                guard let read = try? GossipMessage.read(datagram: changed(message.datagram(network: Sample.network)))
                else { continue }
                let again = try GossipMessage.read(datagram: read.1.datagram(network: read.0))
                #expect(again.0 == read.0 && again.1 == read.1)
            }
        }
    }

    @Test("what is stored and cut short at any byte is refused or read")
    func storedTruncation() {
        let all = [
            Sample.header.encoded(), Sample.certified.encoded(), Sample.entry.encoded(), Sample.state.encoded(),
            Sample.snapshot.encoded(),
        ]
        for bytes in all {
            for count in bytes.indices {
                let cut = Array(bytes.prefix(count))
                _ = try? RevisionHeader(encoded: cut)
                _ = try? CertifiedConfig(encoded: cut)
                _ = try? ConfigEntry(encoded: cut)
                _ = try? ConfigState(encoded: cut)
                _ = try? RaftSnapshot(encoded: cut)
                _ = try? LogEntry.Body(encoded: cut)
            }
        }
    }

    @Test("a datagram that is changed anywhere is refused, or says what was signed")
    func datagrams() {
        var generator = SeededGenerator(seed: 239)
        let datagram = Sample.beacon.datagram(by: Sample.key)
        for _ in 0..<500 {
            if let heard = try? Beacon.verified(datagram: Self.changed(datagram, &generator)) {
                #expect(heard.beacon == Sample.beacon && heard.peer == Sample.peer)
            }
        }
    }

    @Test("noise is refused")
    func noise() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            for kind in Set(Sample.frames.map { $0.encoded().kind }) {
                _ = try? Frame(EncodedFrame(kind: kind, header: bytes, payload: .empty))
            }
            #expect(throws: WireError.self) { try Beacon.verified(datagram: bytes) }
            #expect(throws: WireError.self) { try GossipMessage.read(datagram: bytes) }
        }
    }
}
