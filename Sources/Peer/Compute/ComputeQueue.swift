import Chain

/// What the compute thread is asked to do.
enum ComputeJob: Sendable {
    case work(StageWork)
    /// Concerns the cache of one stage alone.
    case cache(StageKey, @Sendable () -> Void)
    /// Concerns everything.
    case all(@Sendable () -> Void)
}

/// Jobs in the order in which they were asked for. Work that waits for the same blocks is taken together, so that the weights are
/// read once for all of it; jobs on one stage, and those that concern everything, keep their place.
struct ComputeQueue: Sendable {
    enum Next {
        case works([StageWork])
        case job(@Sendable () -> Void)
    }

    /// Positions of one batch: as many as the kernels take at once.
    static let positions = 128
    /// More positions than this are a piece of a prompt. There is one in a batch at most: what decodes beside it waits for it.
    static let fewPositions = 16

    /// Answers with a format in a batch: where each stands in it may take long to find.
    static let formats = 4

    private var jobs: [ComputeJob] = []

    var isEmpty: Bool { jobs.isEmpty }

    mutating func append(_ job: ComputeJob) {
        // Whoever asks something of a stage's cache has given up what it had asked to be computed on it: nobody waits for that.
        if case .cache(let key, _) = job {
            jobs.removeAll { if case .work(let work) = $0 { work.key == key } else { false } }
        }
        jobs.append(job)
    }

    mutating func next() -> Next? {
        guard let first = jobs.first else { return nil }
        switch first {
        case .cache(_, let job), .all(let job):
            jobs.removeFirst()
            return .job(job)
        case .work(let work):
            return .works(takeBatch(with: work))
        }
    }

    private mutating func takeBatch(with first: StageWork) -> [StageWork] {
        var batch: [StageWork] = []
        var taken: [Int] = []
        // Stages of which something earlier stays in the queue, or is in the batch.
        var passed: Set<StageKey> = []
        var count = 0
        var hasPiece = false
        var formats = 0
        search: for (index, job) in jobs.enumerated() {
            switch job {
            case .all: break search
            case .cache(let key, _): passed.insert(key)
            case .work(let work):
                let isPiece = work.count > Self.fewPositions
                let isFree = !(isPiece && hasPiece) && !(work.output.hasFormat && formats == Self.formats)
                let fits = batch.isEmpty || (count + work.count <= Self.positions && isFree)
                let isAlike =
                    work.network == first.network && work.blocks == first.blocks
                    && work.cacheFormat == first.cacheFormat
                if isAlike, fits, !passed.contains(work.key) {
                    batch.append(work)
                    taken.append(index)
                    count += work.count
                    hasPiece = hasPiece || isPiece
                    if work.output.hasFormat { formats += 1 }
                }
                passed.insert(work.key)
            }
            if count >= Self.positions { break }
        }
        for index in taken.reversed() { jobs.remove(at: index) }
        return batch
    }
}

extension StageWork.Output {
    fileprivate var hasFormat: Bool {
        if case .token(let settings, _, _) = self { settings.format != nil } else { false }
    }
}
