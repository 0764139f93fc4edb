import Foundation
import Simulator
import Synchronization
import Wire

/// Shows that the simulator finds what it is there to find: breaks the cores on purpose, in one way after the other,
/// and waits for the checker whose business it is.
@main
enum Mutants {
    static func main() {
        let options: Options
        do {
            options = try Options(Array(CommandLine.arguments.dropFirst()))
        } catch {
            end("Error: \(error.sentence)\n\(Options.usage)", code: 2)
        }
        #if MUTANTS
            do {
                if options.trial != nil { return try Trial.run(options) }
                exit(try hunt(options) ? 0 : 1)
            } catch {
                end("\(error)", code: 1)
            }
        #else
            _ = options
            end("This program was built without its mutants; run tools/mutants.", code: 1)
        #endif
    }

    private static func hunt(_ options: Options) throws -> Bool {
        let wanted = options.only.isEmpty ? Mutant.allCases.filter { $0 != .none } : options.only
        let hunts = wanted.map { mutant in
            let expectation = Expectation.of(mutant) ?? Expectation([], world: nil)
            let worlds = options.whole ? [] : expectation.world.map { [$0] } ?? []
            return hunt(
                mutant, expectation, in: worlds + expectation.scenarios, seeds: options.seeds, seconds: options.seconds)
        }
        // Without a mutant nothing may be found: a checker that cries wolf kills every mutant.
        let arenas = Set(hunts.flatMap(\.arenas)).sorted()
        for arena in arenas { _ = try Arena(arena) }
        let calm = hunt(
            .none, Expectation([], world: nil), in: arenas, seeds: options.clean, seconds: options.seconds * 5)
        if !options.json { say(MutantTable.head) }
        let verdicts = each([calm] + hunts, jobs: options.jobs ?? ProcessInfo.processInfo.activeProcessorCount) {
            if !options.json { say(MutantTable.row($0)) }
        }
        if options.json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            say(String(decoding: try encoder.encode(verdicts), as: UTF8.self))
        } else {
            say(MutantTable.sum(verdicts))
        }
        return verdicts[0].alsoBroke.isEmpty && verdicts.dropFirst().allSatisfy(\.killed)
    }

    private static func hunt(
        _ mutant: Mutant, _ expectation: Expectation, in arenas: [String], seeds: Int, seconds: Int
    ) -> MutantHunt {
        MutantHunt(
            program: program, mutant: mutant, expectation: expectation, arenas: arenas, seeds: seeds, seconds: seconds)
    }

    /// All hunts, so many at a time. `told` hears of each verdict as soon as it is its turn, in the order of the hunts.
    private static func each(
        _ hunts: [MutantHunt], jobs: Int, told: @escaping @Sendable (Verdict) -> Void
    ) -> [Verdict] {
        struct Desk {
            var next = 0
            var verdicts: [Int: Verdict] = [:]
            var told = 0
        }
        let desk = Mutex(Desk())
        let group = DispatchGroup()
        for _ in 0..<min(max(1, jobs), hunts.count) {
            group.enter()
            Thread {
                while true {
                    let place = desk.withLock { desk in
                        defer { desk.next += 1 }
                        return desk.next
                    }
                    guard place < hunts.count else { break }
                    let verdict = hunts[place].run()
                    desk.withLock { desk in
                        desk.verdicts[place] = verdict
                        while let next = desk.verdicts[desk.told] {
                            told(next)
                            desk.told += 1
                        }
                    }
                }
                group.leave()
            }.start()
        }
        group.wait()
        return desk.withLock { desk in hunts.indices.compactMap { desk.verdicts[$0] } }
    }

    /// At once, also in a pipe: the next row may take minutes.
    private static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

    private static var program: URL {
        let itself = "/proc/self/exe"
        if FileManager.default.fileExists(atPath: itself) { return URL(fileURLWithPath: itself) }
        return Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
    }

    private static func end(_ text: String, code: Int32) -> Never {
        FileHandle.standardError.write(Data((text + "\n").utf8))
        exit(code)
    }
}

/// The table that people read.
enum MutantTable {
    static let head = line("MUTANT", "KILLED BY", "SEEDS", "IN")

    static func sum(_ verdicts: [Verdict]) -> String {
        let mutants = verdicts.dropFirst()
        let killed = mutants.filter(\.killed)
        return "\(killed.count) of \(mutants.count) mutants killed by the checker that ought to, "
            + "within \(killed.map(\.seeds).max() ?? 0) seeds"
    }

    static func row(_ verdict: Verdict) -> String {
        let others = verdict.alsoBroke.isEmpty ? "" : " (also \(verdict.alsoBroke.joined(separator: ", ")))"
        guard verdict.mutant != Mutant.none.rawValue else {
            let what = verdict.alsoBroke.isEmpty ? "-" : "FALSE ALARM" + others
            return line("none", what, "\(verdict.seeds)", "")
        }
        if verdict.expected.isEmpty { return line(verdict.mutant, "NO CHECKER NAMED" + others, "\(verdict.seeds)", "") }
        guard verdict.killed, let by = verdict.killedBy else {
            return line(
                verdict.mutant, "SURVIVED" + others, "\(verdict.seeds)",
                "wanted: \(verdict.expected.joined(separator: ", "))")
        }
        let place = verdict.scenario.map { "\($0) --seed \(verdict.seed ?? 0)" } ?? ""
        return line(verdict.mutant, by + others, "\(verdict.seeds)", place)
    }

    private static func line(_ mutant: String, _ by: String, _ seeds: String, _ place: String) -> String {
        let name = mutant.padding(toLength: max(30, mutant.count), withPad: " ", startingAt: 0)
        let checker = by.padding(toLength: max(24, by.count), withPad: " ", startingAt: 0)
        let count = String(repeating: " ", count: max(0, 6 - seeds.count)) + seeds
        let line = "\(name) \(checker) \(count)  \(place)"
        return String(line.reversed().drop { $0 == " " }.reversed())
    }
}
