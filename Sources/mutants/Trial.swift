import Foundation
import Simulator
import Wire

/// The child's side: seed after seed with one mutant in the core, told line by line, so that whoever reads knows how
/// far it came also where the core traps.
///
///     try power-cut 3
///     broke power-cut 3 durable
///     end
enum Trial {
    #if MUTANTS
        static func run(_ options: Options) throws {
            let arenas = try options.scenarios.map { try Arena($0) }
            guard let mutant = options.trial, !arenas.isEmpty else { return }
            activeMutant = mutant
            let end = ContinuousClock.now + .seconds(options.seconds)
            for number in options.from..<max(options.from, options.seeds) {
                let (arena, seed) = turn(number, among: arenas)
                say("try \(arena.name) \(seed)")
                switch arena.run(seed: seed, until: end) {
                case .ran(nil): continue
                case .ran(let invariant?): say("broke \(arena.name) \(seed) \(invariant)")
                case .late: return say("end")
                }
            }
            say("end")
        }
    #endif

    /// The world of the one core has the first turns, since they cost next to nothing; then all others by turns, so
    /// that one in which it never shows costs little.
    private static func turn(_ number: Int, among arenas: [Arena]) -> (Arena, seed: UInt64) {
        let first = 200
        guard arenas.count > 1, arenas[0].isOneCore, !arenas[1].isOneCore else {
            return (arenas[number % arenas.count], UInt64(number / arenas.count + 1))
        }
        if number < first { return (arenas[0], UInt64(number + 1)) }
        let (others, rest) = (arenas.dropFirst(), number - first)
        return (others[1 + rest % others.count], UInt64(rest / others.count + 1))
    }

    private static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    }
}

/// The parent's side of a trial.
struct Verdict: Encodable, Sendable {
    var mutant: String
    var expected: [String]
    var killed = false
    /// The invariant that was broken, where it is one of the expected.
    var killedBy: String?
    var scenario: String?
    var seed: UInt64?
    /// How many seeds it took, or how many it survived.
    var seeds = 0
    /// Invariants that others broke before, whose business it is not.
    var alsoBroke: [String] = []
    var seconds = 0.0

    enum CodingKeys: String, CodingKey {
        case mutant, expected, killed, scenario, seed, seeds, seconds
        case killedBy = "killed_by"
        case alsoBroke = "also_broke"
    }
}

/// Starts children for one mutant until it is killed, or has survived what it may.
struct MutantHunt: Sendable {
    let program: URL
    let mutant: Mutant
    let expectation: Expectation
    let arenas: [String]
    let seeds: Int
    let seconds: Int

    func run() -> Verdict {
        let began = ContinuousClock.now
        var verdict = Verdict(mutant: mutant.rawValue, expected: expectation.checkers)
        while !verdict.killed, verdict.seeds < seeds {
            let left = Double(seconds) - (ContinuousClock.now - began) / .seconds(1)
            guard left >= 1, read(child(from: verdict.seeds, seconds: Int(left)), into: &verdict) else { break }
        }
        verdict.seconds = (ContinuousClock.now - began) / .seconds(1)
        return verdict
    }

    private struct Ended {
        let lines: [Substring]
        /// "trap" or "hang", where it did not end by itself.
        let manner: String?
    }

    /// False where there is nothing more to find.
    private func read(_ ended: Ended, into verdict: inout Verdict) -> Bool {
        var last: (scenario: String, seed: UInt64)?
        for line in ended.lines {
            let words = line.split(separator: " ").map(String.init)
            guard words.count >= 3, let seed = UInt64(words[2]) else { continue }
            last = (words[1], seed)
            if words[0] == "try" { verdict.seeds += 1 }
            if words[0] == "broke", words.count == 4 {
                note(words[3], scenario: words[1], seed: seed, in: &verdict)
                if verdict.killed { return false }
            }
        }
        guard let manner = ended.manner, let last else { return false }
        note(manner, scenario: last.scenario, seed: last.seed, in: &verdict)
        return !verdict.killed
    }

    private func note(_ checker: String, scenario: String, seed: UInt64, in verdict: inout Verdict) {
        if expectation.checkers.contains(checker) {
            verdict.killed = true
            verdict.killedBy = checker
            verdict.scenario = scenario
            verdict.seed = seed
        } else if !verdict.alsoBroke.contains(checker) {
            verdict.alsoBroke.append(checker)
        }
    }

    /// Runs until it ends, is late, or has broken what it should.
    private func child(from number: Int, seconds: Int) -> Ended {
        let process = Process()
        process.executableURL = program
        process.arguments =
            ["--trial", mutant.rawValue, "--from", "\(number)", "--seeds", "\(seeds)", "--seconds", "\(seconds)"]
            + arenas.flatMap { ["--scenario", $0] }
        let pipe = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        // A trap's words; the table says which seed shows them.
        process.standardError = FileHandle.nullDevice
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        do { try process.run() } catch { return Ended(lines: [], manner: nil) }
        // The child keeps the time itself; one whose core runs in circles cannot.
        let last = ContinuousClock.now + .seconds(seconds + 10)
        var isLate = false
        var text: [UInt8] = []
        reading: while true {
            var waiting = pollfd(fd: pipe.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
            if ContinuousClock.now >= last {
                isLate = true
                break
            }
            guard poll(&waiting, 1, 200) > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = Foundation.read(waiting.fd, &buffer, buffer.count)
            if count <= 0 { break }
            text += buffer.prefix(count)
            for line in String(decoding: text, as: UTF8.self).split(separator: "\n") where line.hasPrefix("broke ") {
                if let checker = line.split(separator: " ").last, expectation.checkers.contains(String(checker)) {
                    break reading
                }
            }
        }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        let endedItself = lines.last == "end" || lines.contains { $0.hasPrefix("broke ") && isKilling($0) }
        return Ended(lines: lines, manner: isLate ? "hang" : endedItself ? nil : "trap")
    }

    private func isKilling(_ line: Substring) -> Bool {
        line.split(separator: " ").last.map { expectation.checkers.contains(String($0)) } ?? false
    }
}
