import Identity
import SwiftProtobuf
import Testing
import WireSamples

@testable import Wire

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Gossip, certificates and Raft, as a peer could write them that keeps to the format and to no limit.
@Suite("Every limit of gossip, certificates and Raft is kept")
struct AgreedLimitTests {
    private func refused<Value>(_ read: () throws -> Value, location: SourceLocation = #_sourceLocation) {
        #expect(throws: WireError.self, sourceLocation: location) { _ = try read() }
    }

    private func frame(_ kind: FrameKind, _ header: some SwiftProtobuf.Message) throws -> Frame {
        try Frame(Frame.assemble(kind, header))
    }

    private let network = Data(Sample.network.bytes)
    private let tooMany = Limits.counter + 1
    /// Ascending keys.
    private func keys(_ count: Int) -> [Data] {
        (0..<count).map { Data([UInt8($0 >> 8), UInt8($0 & 255)] + [UInt8](repeating: 0, count: 30)) }
    }

    @Test("gossip: rumours, records, digests, counters and keys")
    func gossip() {
        var good = Sample.gossip[3].message(network: Sample.network)
        good.rumours = Array(repeating: good.rumours[0], count: Limits.rumours)
        good.records = Array(repeating: good.records[0], count: Limits.gossipRecords)
        #expect(throws: Never.self) { try frame(.gossip, good) }
        for change in [
            { $0.rumours.append($0.rumours[0]) }, { $0.records.append($0.records[0]) }, { $0.kind = nil },
            { $0.news = false }, { $0.pingRequest.target = Data([1]) }, { $0.network = Data() }, { $0.epoch = tooMany },
            { $0.count = tooMany }, { $0.rumours[0].about = Data() }, { $0.rumours[0].by = Data() },
            { $0.rumours[0].liveness = 0 }, { $0.rumours[0].liveness = 4 }, { $0.rumours[0].liveness = .max },
            { $0.rumours[0].epoch = tooMany }, { $0.rumours[0].count = tooMany },
            { $0.records[0].signature = Data(repeating: 0, count: 63) },
            { $0.records[0].signer = Data(repeating: 0, count: 33) }, { $0.digest.first = Data() },
            { $0.digest.last = Data(repeating: 0, count: 32) }, { $0.digest.versions.reverse() },
            { $0.digest.versions[1] = $0.digest.versions[0] }, { $0.digest.first = $0.digest.last },
            { $0.digest.versions[0].epoch = tooMany }, { $0.digest.versions[0].sequence = tooMany },
        ] as [(inout PBGossipMessage) -> Void] {
            var bad = good
            change(&bad)
            refused { try frame(.gossip, bad) }
        }
    }

    @Test("gossip: versions of all members fit, and no more")
    func digest() {
        func digest(_ count: Int) -> PBGossipMessage {
            var message = Sample.gossip[0].message(network: Sample.network)
            message.digest.first = Data(repeating: 0, count: 32)
            message.digest.last = Data(repeating: 255, count: 32)
            message.digest.versions = keys(count).map { key in
                var entry = PBRecordVersionMessage()
                entry.peer = key
                return entry
            }
            return message
        }
        #expect(throws: Never.self) { try frame(.gossip, digest(Limits.members)) }
        refused { try frame(.gossip, digest(Limits.members + 1)) }
    }

    @Test("gossip: a datagram over the limit is refused before anything is read of it")
    func datagram() {
        let bytes = [UInt8](repeating: 0, count: Limits.datagramBytes + 1)
        #expect(throws: WireError.tooLarge(what: "a datagram", bytes: 1401, limit: 1400)) {
            try GossipMessage.read(datagram: bytes)
        }
    }

    @Test("config frames: networks, versions, attempts and vouches")
    func configFrames() {
        var offer = PBConfigOfferFrame()
        offer.network = network
        #expect(throws: Never.self) { try frame(.configOffer, offer) }
        offer.version.revision = tooMany
        refused { try frame(.configOffer, offer) }
        refused { try frame(.configRequest, PBConfigRequestFrame()) }

        var proposal = PBProposalFrame()
        proposal.network = network
        proposal.command = Sample.signed.message
        proposal.attempt = 1
        #expect(throws: Never.self) { try frame(.proposal, proposal) }
        for attempt in [0, UInt32(Limits.attempts) + 1, .max] as [UInt32] {
            proposal.attempt = attempt
            refused { try frame(.proposal, proposal) }
        }
        proposal.attempt = 1
        proposal.clearCommand()
        refused { try frame(.proposal, proposal) }

        var vouch = PBVouchFrame()
        vouch.network = network
        vouch.header = Data(Sample.digest.bytes)
        vouch.vouch.voter = Data(Sample.peer.bytes)
        vouch.vouch.signature = Data(repeating: 0, count: 64)
        #expect(throws: Never.self) { try frame(.vouch, vouch) }
        for change in [
            { $0.header = Data() }, { $0.vouch.voter = Data() }, { $0.vouch.signature = Data() },
            { $0.version.generation = tooMany }, { $0.network = Data() },
        ] as [(inout PBVouchFrame) -> Void] {
            var bad = vouch
            change(&bad)
            refused { try frame(.vouch, bad) }
        }
    }

    @Test("headers: what the first has not and the others have, and ascending lists")
    func headers() {
        let good = Sample.header.message
        #expect(throws: Never.self) { try RevisionHeader(message: good) }
        for change in [
            { $0.revision = 0 }, { $0.revision = 1 }, { $0.revision = tooMany }, { $0.generation = tooMany },
            { $0.network = Data() }, { $0.network = Data([1]) }, { $0.previous = Data() }, { $0.previous = Data([1]) },
            { $0.config = Data() }, { $0.voters.reverse() }, { $0.voters[1] = $0.voters[0] },
            { $0.voters = keys(Limits.voters + 1) }, { $0.voters = [Data()] }, { $0.admins.reverse() },
            { $0.admins = keys(Limits.admins + 1) }, { $0.recoveredBy = Data([1]) },
        ] as [(inout PBRevisionHeaderMessage) -> Void] {
            var bad = good
            change(&bad)
            refused { try RevisionHeader(message: bad) }
        }
        var first = Sample.firstHeader.message
        first.generation = 1
        refused { try RevisionHeader(message: first) }
    }

    @Test("headers: the largest there can be is within the limit, and a longer one is not read")
    func headerBytes() throws {
        var largest = Sample.header.message
        (largest.revision, largest.generation) = (Limits.counter, Limits.counter)
        largest.voters = keys(Limits.voters)
        largest.admins = keys(Limits.admins)
        let bytes = try RevisionHeader(message: largest).encoded()
        #expect(bytes.count <= Limits.headerBytes)
        // An unknown field makes it longer without making it another header.
        let padding = Limits.headerBytes + 1 - bytes.count
        refused { try RevisionHeader(encoded: bytes + [UInt8](repeating: 0xfa, count: padding)) }
    }

    @Test("certificates: their headers, their vouches, and the order of voters")
    func certificates() {
        let good = Sample.certified.message
        #expect(throws: Never.self) { try CertifiedConfig(message: good) }
        for change in [
            { $0.chain = [] }, { $0.chain = Array(repeating: $0.chain[0], count: Limits.chain + 1) },
            { $0.chain[0].header = Data(repeating: 0, count: Limits.headerBytes + 1) },
            { $0.chain[1].vouches.reverse() }, { $0.chain[1].vouches[1] = $0.chain[1].vouches[0] },
            { $0.chain[1].vouches[0].signature = Data() }, { $0.chain[1].vouches[0].voter = Data() },
            { certified in
                certified.chain[1].vouches = keys(Limits.voters + 1).map { key in
                    var vouch = PBVouchMessage()
                    vouch.voter = key
                    vouch.signature = Data(repeating: 0, count: 64)
                    return vouch
                }
            },
        ] as [(inout PBCertifiedConfigMessage) -> Void] {
            var bad = good
            change(&bad)
            refused { try CertifiedConfig(message: bad) }
        }
    }

    @Test("voter sets: ascending, bounded, and no voter learns")
    func voterSets() {
        let good = Sample.voterSets[2].message
        #expect(throws: Never.self) { try VoterSet(message: good) }
        for change in [
            { $0.outgoing.reverse() }, { $0.voters.append($0.voters[0]) }, { $0.learners = $0.voters },
            { $0.voters = keys(Limits.voters + 1) }, { $0.outgoing = keys(Limits.voters + 1) },
            { $0.learners = keys(Limits.learners + 1) }, { $0.voters = [Data()] },
        ] as [(inout PBVoterSetMessage) -> Void] {
            var bad = good
            change(&bad)
            refused { try VoterSet(message: bad) }
        }
    }

    @Test("appends: entries follow each other, terms never fall and never pass the leader's")
    func appends() {
        let message = RaftMessage(term: Term(5), kind: Sample.raftMessages[7])
        let good = message.frame(network: Sample.network, generation: 0)
        #expect(throws: Never.self) { try frame(.raft, good) }
        for change in [
            { $0.append.entries[1].index += 1 }, { $0.append.entries[0].index = 0 }, { $0.append.entries[0].term = 0 },
            { $0.append.entries[4].term = 1 }, { $0.append.entries[0].term = 1 }, { $0.term = 4 },
            { $0.append.previousIndex += 1 }, { $0.append.previousTerm = 3 }, { $0.append.commit = tooMany },
            { $0.append.entries[0].clearBody() }, { $0.append.entries[0].body.empty = false },
            { $0.append.entries[1].body.command = Data(repeating: 0, count: Limits.entryBytes + 1) },
            { $0.kind = nil }, { $0.timeoutNow = false }, { $0.term = tooMany }, { $0.generation = tooMany },
            { $0.network = Data() },
        ] as [(inout PBRaftFrame) -> Void] {
            var bad = good
            change(&bad)
            refused { try frame(.raft, bad) }
        }
    }

    @Test("appends: as many entries as may be, at the end of all numbers too")
    func manyEntries() throws {
        func append(_ count: Int, after previous: UInt64) -> PBRaftFrame {
            let entries = (0..<count).map {
                LogEntry(term: Term(1), index: LogIndex(previous + 1 + UInt64($0)), body: .empty)
            }
            let kind = RaftMessage.Kind.append(
                previousIndex: LogIndex(previous), previousTerm: Term(1), commit: .zero, entries: entries, token: 0)
            return RaftMessage(term: Term(1), kind: kind).frame(network: Sample.network, generation: 0)
        }
        #expect(throws: Never.self) { try frame(.raft, append(Limits.raftEntries, after: 0)) }
        refused { try frame(.raft, append(Limits.raftEntries + 1, after: 0)) }
        #expect(throws: Never.self) { try frame(.raft, append(1, after: Limits.counter - 1)) }
        refused { try frame(.raft, append(1, after: Limits.counter)) }
    }

    @Test("Raft: indices, terms and snapshots")
    func raft() {
        for kind in Sample.raftMessages {
            let good = RaftMessage(term: Term(5), kind: kind).frame(network: Sample.network, generation: 0)
            var bad = good
            switch good.kind {
            case .preVote: bad.preVote.lastIndex = tooMany
            case .vote: bad.vote.lastTerm = tooMany
            case .append: bad.append.previousIndex = tooMany
            case .appended: bad.appended.match = tooMany
            case .appendRefused: bad.appendRefused.conflictFirst = tooMany
            case .install:
                bad.install.snapshot.state = Data(repeating: 0, count: Limits.snapshotBytes + 1)
                refused { try frame(.raft, bad) }
                bad = good
                bad.install.snapshot.index = tooMany
            default: bad.term = tooMany
            }
            refused { try frame(.raft, bad) }
        }
    }

    @Test("the largest snapshot there may be fits a frame")
    func largestSnapshot() {
        let all = keys(2 * Limits.voters + Limits.learners).compactMap { PeerID($0) }
        let set = VoterSet(
            voters: Array(all[0..<Limits.voters]), outgoing: Array(all[Limits.voters..<2 * Limits.voters]),
            learners: Array(all[(2 * Limits.voters)...]))
        let snapshot = RaftSnapshot(
            index: LogIndex(Limits.counter), term: Term(Limits.counter), voters: set,
            state: [UInt8](repeating: 1, count: Limits.snapshotBytes))
        let message = RaftMessage(term: Term(Limits.counter), kind: .snapshot(snapshot, token: .max))
        let encoded = Frame.raft(network: Sample.network, generation: Limits.counter, message).encoded()
        #expect(encoded.header.count <= Limits.frameHeaderBytes)
    }

    @Test("what a snapshot remembers: in order, and bounded")
    func states() {
        let good = Sample.state.message
        #expect(throws: Never.self) { try ConfigState(message: good) }
        for change in [
            { $0.network = Data() }, { $0.began = tooMany }, { $0.remembered.reverse() },
            { $0.remembered[1].peer = $0.remembered[0].peer }, { $0.remembered[0].epoch = tooMany },
            { $0.remembered[0].outcomes[0].proposal = Data() }, { $0.remembered[0].outcomes[0].sequence = tooMany },
            { $0.remembered[0].outcomes = Array(repeating: $0.remembered[0].outcomes[0], count: 33) },
            { $0.remembered[0].outcomes[0].reason = String(repeating: "r", count: Limits.reasonBytes + 1) },
        ] as [(inout PBConfigStateMessage) -> Void] {
            var bad = good
            change(&bad)
            refused { try ConfigState(message: bad) }
        }
    }
}
