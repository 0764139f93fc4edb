import Identity
import Testing
import Wire

@testable import Membership

@Suite struct RecordStoreTests {
    static let network = NetworkID(digest: Digest.of([1]))
    static func key(_ number: UInt8) -> SigningKey { SigningKey(seed: Array(repeating: number, count: 32))! }

    static func record(
        _ owner: UInt8, _ epoch: UInt64, _ sequence: UInt64, name: String = "", network: NetworkID = network
    ) -> Signed {
        PeerRecord(
            network: network, version: RecordVersion(epoch: epoch, sequence: sequence), name: name, addresses: [],
            grantedMemory: 1, held: [], loaded: [], applied: .none
        ).signed(by: key(owner))
    }

    private func store(_ records: Signed...) throws -> RecordStore {
        var store = RecordStore(network: Self.network)
        for record in records { _ = try store.take(record) }
        return store
    }

    @Test("A newer record replaces an older one, by epoch first and then by sequence")
    func newerReplaces() throws {
        var store = try store(Self.record(1, 1, 9))
        guard case .news = try store.take(Self.record(1, 2, 1)) else {
            Issue.record("a restart's record is news")
            return
        }
        #expect(store.record(of: Self.key(1).peer)?.version == RecordVersion(epoch: 2, sequence: 1))
        guard case .news = try store.take(Self.record(1, 2, 2)) else {
            Issue.record("a change is news")
            return
        }
    }

    @Test("An older record never comes back, whoever brings it")
    func noRollback() throws {
        var store = try store(Self.record(1, 2, 1))
        #expect(try store.take(Self.record(1, 1, 1 << 40)) == .older)
        #expect(try store.take(Self.record(1, 2, 0)) == .older)
        #expect(store.record(of: Self.key(1).peer)?.version == RecordVersion(epoch: 2, sequence: 1))
    }

    @Test("A peer that restarts does not begin where its dead self began: its higher epoch wins at once")
    func restartIsNotTakenForDead() throws {
        var store = try store(Self.record(1, 4, 1000, name: "before"))
        _ = try store.take(Self.record(1, 5, 1, name: "after"))
        #expect(store.record(of: Self.key(1).peer)?.name == "after")
        #expect(try store.take(Self.record(1, 4, 1001, name: "ghost")) == .older)
    }

    @Test("The same record again is known, and is not passed on again")
    func known() throws {
        var store = try store(Self.record(1, 1, 1))
        #expect(try store.take(Self.record(1, 1, 1)) == .known)
    }

    @Test("Two different records under one version are an equivocation: the first stays")
    func equivocation() throws {
        var store = try store(Self.record(1, 1, 1, name: "one"))
        let outcome = try store.take(Self.record(1, 1, 1, name: "other"))
        #expect(outcome == .equivocation(Self.key(1).peer, RecordVersion(epoch: 1, sequence: 1)))
        #expect(store.record(of: Self.key(1).peer)?.name == "one")
    }

    @Test("A record that is forged, changed, or of another network is refused, and nothing of it stays")
    func forged() throws {
        var store = try store()
        let genuine = Self.record(1, 1, 1)
        let forged = Signed(payload: genuine.payload, signer: Self.key(2).peer, signature: genuine.signature)
        var bytes = genuine.payload
        bytes[bytes.count - 1] ^= 1
        let changed = Signed(payload: bytes, signer: genuine.signer, signature: genuine.signature)
        let elsewhere = Self.record(1, 1, 1, network: NetworkID(digest: Digest.of([2])))
        for record in [forged, changed, elsewhere] { #expect(throws: WireError.self) { try store.take(record) } }
        #expect(store.records.isEmpty)
        // Signed for another purpose.
        let command = Signed(genuine.payload, domain: .command, by: Self.key(1))
        #expect(throws: WireError.self) { try store.take(command) }
    }

    @Test("A digest without a peer counts as knowing nothing of it, not as knowing as much")
    func missingEntryIsZero() throws {
        let store = try store(Self.record(1, 1, 1), Self.record(2, 1, 1))
        let theirs = [RecordDigestEntry(peer: Self.key(1).peer, version: RecordVersion(epoch: 1, sequence: 1))]
        #expect(store.delta(for: theirs).map(\.signer) == [Self.key(2).peer])
        #expect(store.delta(for: []).count == 2)
    }

    @Test("The delta holds just what the other lacks, whatever the order and the doubles of its digest")
    func delta() throws {
        let store = try store(Self.record(1, 1, 5), Self.record(2, 2, 1), Self.record(3, 1, 1))
        func entry(_ owner: UInt8, _ epoch: UInt64, _ sequence: UInt64) -> RecordDigestEntry {
            RecordDigestEntry(peer: Self.key(owner).peer, version: RecordVersion(epoch: epoch, sequence: sequence))
        }
        let digest = [entry(3, 1, 1), entry(1, 1, 4), entry(9, 1, 1), entry(2, 2, 2)]
        #expect(store.delta(for: digest).map(\.signer) == [Self.key(1).peer])
        #expect(store.delta(for: digest.reversed()).map(\.signer) == [Self.key(1).peer])
        let all = store.delta(for: [entry(1, 0, .max), entry(2, 1, .max), entry(3, 1, 0)])
        #expect(Set(all.map(\.signer)) == Set([1, 2, 3].map { Self.key($0).peer }))
    }

    @Test("Two stores that exchange digests and deltas both ways end alike")
    func converge() throws {
        var one = try store(Self.record(1, 3, 1), Self.record(2, 1, 1), Self.record(4, 1, 1))
        var other = try store(Self.record(1, 2, 9), Self.record(2, 1, 2), Self.record(3, 1, 1))
        for record in one.delta(for: other.digest) { _ = try other.take(record) }
        for record in other.delta(for: one.digest) { _ = try one.take(record) }
        #expect(one.digest == other.digest)
        #expect(one.digest.count == 4)
        #expect(one.delta(for: other.digest).isEmpty && other.delta(for: one.digest).isEmpty)
    }

    @Test("Records of peers that are not members any more are forgotten")
    func keep() throws {
        var store = try store(Self.record(1, 1, 1), Self.record(2, 1, 1))
        store.keep { $0 == Self.key(2).peer }
        #expect(store.records.count == 1)
        #expect(store.record(of: Self.key(1).peer) == nil)
    }

    @Test func storesOfTheSameVersionsHaveTheSameSummaryHoweverTheyCameByThem() throws {
        let one = try store(Self.record(1, 1, 1), Self.record(2, 1, 1), Self.record(1, 1, 2), Self.record(3, 1, 1))
        var other = try store(Self.record(3, 1, 1), Self.record(1, 1, 2), Self.record(2, 1, 1))
        #expect(one.summary == other.summary)
        _ = try other.take(Self.record(3, 2, 0))
        #expect(one.summary != other.summary)
        other.keep { $0 != Self.key(3).peer }
        #expect(try other.summary == store(Self.record(1, 1, 2), Self.record(2, 1, 1)).summary)
        other.keep { _ in false }
        #expect(other.summary == 0)
    }

    @Test func aForgedRecordOfAnOlderVersionCostsNoCheckAndChangesNothing() throws {
        var store = try store(Self.record(1, 2, 1))
        let old = Self.record(1, 1, 1)
        let forged = Signed(payload: old.payload, signer: old.signer, signature: Array(repeating: 0, count: 64))
        #expect(try store.take(forged) == .older)
        #expect(store.record(of: Self.key(1).peer)?.version == RecordVersion(epoch: 2, sequence: 1))
    }

    @Test func digestsInPartsCoverAllMembersOneAfterTheOther() throws {
        var store = RecordStore(network: Self.network)
        for owner in 1...20 as ClosedRange<UInt8> { _ = try store.take(Self.record(owner, 1, 1)) }
        var told: [PeerID] = []
        var first = PeerID.lowest
        for _ in 0..<20 {
            let part = store.digest(from: first, bytes: 300, asks: true)
            #expect(part.estimatedBytes <= 300)
            told += part.versions.map(\.peer)
            // Whoever has nothing of this part lacks just what it names.
            let none = RecordDigest(first: part.first, last: part.last, versions: [], asks: false)
            #expect(store.delta(for: none).map(\.signer).sorted() == part.versions.map(\.peer))
            first = store.following(part)
            if first == .lowest { break }
        }
        #expect(told == store.records.indices.map { store.digest[$0].peer })
    }

    @Test func aDigestOfTheSamePartNamesWhatIsHeldThere() throws {
        let store = try store(Self.record(1, 1, 1), Self.record(2, 1, 1), Self.record(3, 1, 1))
        let peers = store.digest.map(\.peer)
        let part = RecordDigest(first: peers[0], last: peers[1], versions: [], asks: true)
        let mine = store.digest(of: part, bytes: 1000)
        #expect(mine.versions.map(\.peer) == Array(peers[0...1]))
        #expect(mine.first == peers[0] && mine.last == peers[1] && !mine.asks)
        let cut = store.digest(of: part, bytes: 130)
        #expect(cut.versions.map(\.peer) == [peers[0]] && cut.last == peers[0])
    }
}
