import Foundation

/// Sees that one input costs no more time and memory than its target allows. One that never ends is for whoever runs
/// the program.
struct Watch {
    let target: FuzzTarget

    init(_ target: FuzzTarget) { self.target = target }

    func over(_ work: () -> Void) {
        let before = Usage.now
        work()
        let after = Usage.now
        let seconds = after.seconds - before.seconds
        if seconds > target.secondsMax {
            broken("it took \(seconds) s; \(target.name) may take \(target.secondsMax) s")
        }
        let grown = (after.peakKiB - before.peakKiB) / 1024
        if grown > target.growthMiB {
            broken("it took \(grown) MiB of memory; \(target.name) may take \(target.growthMiB) MiB")
        }
    }

    private struct Usage {
        /// Processor time of this thread.
        let seconds: Double
        /// The most memory that the process ever had; it never falls.
        let peakKiB: Int

        static var now: Usage {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return Usage(seconds: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9, peakKiB: usage.ru_maxrss)
        }
    }
}
