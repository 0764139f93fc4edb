import Identity
import Testing
import Wire

@testable import Chain
@testable import Peer

@Suite("What waits to be computed")
struct ComputeQueueTests {
    private static let network = NetworkID(digest: Digest.of([1]))

    private static func key(_ session: UInt64) -> StageKey {
        StageKey(session: SessionID(high: 0, low: session), firstBlock: 0)
    }

    private static func work(
        _ session: UInt64, _ count: Int, blocks: BlockRange = BlockRange(0...3), number: UInt64 = 1,
        format: CacheFormat = .f16
    ) -> StageWork {
        StageWork(
            key: key(session), network: network, blocks: blocks, first: .zero,
            input: .tokens(Array(repeating: 1, count: count)), output: .hidden,
            ticket: StageTicket(incarnation: session, number: number), cacheFormat: format)
    }

    /// What the queue gives, one line for each: the sessions of a batch, or "job".
    private static func order(_ jobs: [ComputeJob]) -> [[UInt64]] {
        var queue = ComputeQueue()
        for job in jobs { queue.append(job) }
        var order: [[UInt64]] = []
        while let next = queue.next() {
            switch next {
            case .works(let works): order.append(works.map(\.ticket.incarnation))
            case .job: order.append([])
            }
        }
        #expect(queue.isEmpty)
        return order
    }

    @Test("work on caches of another format is not taken together")
    func otherFormat() {
        let works = [Self.work(1, 1), Self.work(2, 1, format: .q8_0), Self.work(3, 1), Self.work(4, 1, format: .q8_0)]
        #expect(Self.order(works.map(ComputeJob.work)) == [[1, 3], [2, 4]])
    }

    @Test("work on the same blocks is taken together, other work afterwards, each in its order")
    func together() {
        let other = Self.work(3, 1, blocks: BlockRange(4...5))
        let works = [Self.work(1, 1), Self.work(2, 1), other, Self.work(4, 1)]
        #expect(Self.order(works.map(ComputeJob.work)) == [[1, 2, 4], [3]])
    }

    @Test("work is given up with whatever is asked of its cache afterwards")
    func givenUp() {
        let jobs: [ComputeJob] = [.work(Self.work(1, 64)), .work(Self.work(2, 1)), .cache(Self.key(1)) {}]
        #expect(Self.order(jobs) == [[2], []])
    }

    @Test("a stage's work waits for what was asked of its cache before, and the others do not")
    func keepsOrderOfAStage() {
        let jobs: [ComputeJob] = [
            .work(Self.work(1, 1)), .cache(Self.key(2)) {}, .work(Self.work(2, 1)), .work(Self.work(3, 1)),
        ]
        #expect(Self.order(jobs) == [[1, 3], [], [2]])
    }

    @Test("two computations of one stage are never in one batch")
    func oneOfAStage() {
        let jobs: [ComputeJob] = [
            .work(Self.work(1, 1)), .work(Self.work(1, 1, number: 2)), .work(Self.work(2, 1)),
        ]
        #expect(Self.order(jobs) == [[1, 2], [1]])
    }

    @Test("nothing overtakes what concerns everything")
    func barrier() {
        let jobs: [ComputeJob] = [.work(Self.work(1, 1)), .all {}, .work(Self.work(2, 1))]
        #expect(Self.order(jobs) == [[1], [], [2]])
    }

    @Test("one piece of a prompt in a batch at most, beside what decodes, and no more positions than kernels take")
    func bounds() {
        let pieces: [ComputeJob] = [.work(Self.work(1, 64)), .work(Self.work(2, 64)), .work(Self.work(3, 1))]
        #expect(Self.order(pieces) == [[1, 3], [2]])
        let many = (1...100).map { ComputeJob.work(Self.work(UInt64($0), 2)) }
        #expect(Self.order(many).map(\.count) == [64, 36])
    }
}
