import ArgumentParser
import Foundation
import Simulator

struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Run the real peers' decisions in a simulated world full of faults.",
        discussion: """
            SCENARIO is `swarm`, which draws everything at random, or a story: a file, or the name of one in \
            Simulations. A seed decides everything, so that whatever failed once can be shown again. \
            docs/simulation.md has the rest.
            """)

    @Argument(help: ArgumentHelp("swarm, a file, or a name in Simulations.", valueName: "scenario"))
    var scenario: String?
    @Option(help: "Run this seed.")
    var seed: UInt64?
    @Option(help: ArgumentHelp("Run these seeds. (default: 1-20)", valueName: "first-last"))
    var seeds: SeedRange?
    @Option(help: "So many machines instead of what the scenario says.")
    var peers: Int?
    @Flag(help: "Print everything that happens; with --seed.")
    var trace = false
    @Flag(help: "Do not end with the first seed that fails.")
    var keepGoing = false
    @Option(help: "Seeds at a time. (default: one for each core)")
    var jobs: Int?
    @Flag(help: ArgumentHelp("Replay all seeds of \(PastSeed.file), which failed once."))
    var past = false
    /// What the determinism check asks another process.
    @Flag(help: .hidden)
    var traceHash = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if past {
            guard scenario == nil, seed == nil, seeds == nil, peers == nil, !trace, !traceHash else {
                throw ValidationError("'--past' stands alone: its file says which scenarios and seeds")
            }
        } else if scenario == nil {
            throw ValidationError("Missing expected argument '<scenario>'")
        }
        if seed != nil, seeds != nil { throw ValidationError("'--seed' and '--seeds' do not go together") }
        if let peers, !(1...1000).contains(peers) { throw ValidationError("'--peers' takes 1 to 1000") }
        if let jobs, !(1...1024).contains(jobs) { throw ValidationError("'--jobs' takes 1 to 1024") }
        if trace || traceHash, seed == nil { throw ValidationError("'--trace' needs one seed: '--seed <seed>'") }
    }

    func run() throws {
        if past { return try runPast() }
        let chosen = try SimulateCommand.found { try SimulationChoice(word: scenario ?? "", peers: peers) }
        if traceHash { return printTraceHash(of: chosen) }
        if trace { return try runTraced(chosen) }
        let range = seed.map { $0...$0 } ?? seeds?.range ?? 1...20
        let report = run(
            range.count, named: chosen.scenario.name, task: { chosen.task(seed: range.lowerBound + UInt64($0)) })
        try show(report, document: document(of: report, scenario: chosen.scenario.name, seeds: range))
    }

    private func runPast() throws {
        let tasks = try SimulateCommand.found {
            try PastSeed.read().map { try SimulationChoice(word: $0.scenario, peers: $0.peers).task(seed: $0.seed) }
        }
        let report = run(tasks.count, named: "past seeds", goesOn: true) { tasks[$0] }
        try show(report, document: document(of: report, scenario: "past", seeds: nil))
    }

    private func run(
        _ count: Int, named name: String, goesOn: Bool = false, task: @escaping @Sendable (Int) -> SimulationTask
    ) -> SimulationReport {
        var runner = Runner { Simulation(scenario: $0, seed: $1, keepsTrace: false) }
        runner.jobs = jobs ?? ProcessInfo.processInfo.activeProcessorCount
        runner.keepsGoing = keepGoing || goesOn
        runner.runElsewhere = OtherProcess.run
        runner.willRun = { TrapNotice.announce("Seed \($0.seed) ended the program. Replay: \($0.replay)\n") }
        TrapNotice.install()
        let interruption = SimulationInterruption()
        let line = ProgressLine()
        defer { line.clear() }
        return runner.run(
            count, task: task, shouldStop: interruption.wasPressed,
            progress: { line.show(SimulationText.progress($0, name: name), fraction: $0.fraction) })
    }

    /// One seed on this thread, everything that happens on standard output.
    private func runTraced(_ chosen: SimulationChoice) throws {
        let task = chosen.task(seed: seed ?? 0)
        let interruption = SimulationInterruption()
        var engine = Simulation(scenario: task.scenario, seed: task.seed, keepsTrace: true)
        var wasStopped = false
        let result = engine.run(
            shouldStop: {
                if !wasStopped { wasStopped = interruption.wasPressed() }
                return wasStopped
            }, progress: { _ in })
        // With --json the document stands alone on standard output.
        let print = output.json ? StandardError.write : { StandardOutput.write($0) }
        for line in engine.traceLines { print(Visible.text(line) + "\n") }
        var report = SimulationReport(asked: 1)
        report.wasInterrupted = wasStopped
        report.wallSeconds = result.wallSeconds
        if !wasStopped { report.outcomes = [SimulationOutcome(result: result, replay: task.replay)] }
        try show(
            report,
            document: document(of: report, scenario: task.scenario.name, seeds: task.seed...task.seed))
    }

    private func printTraceHash(of chosen: SimulationChoice) {
        let task = chosen.task(seed: seed ?? 0)
        var engine = Simulation(scenario: task.scenario, seed: task.seed, keepsTrace: false)
        let result = engine.run(shouldStop: { false }, progress: { _ in })
        StandardOutput.write(String(result.traceHash, radix: 16) + "\n")
    }

    private func document(
        of report: SimulationReport, scenario: String, seeds: ClosedRange<UInt64>?
    ) -> SimulationDocument {
        report.document(scenario: scenario, seeds: seeds, coverageNames: Coverage.allNames)
    }

    private func show(_ report: SimulationReport, document: SimulationDocument) throws {
        try output.show(document, SimulationText.report(document))
        guard let sentence = SimulationText.reasonOfFailure(document) else { return }
        StandardError.write(sentence + "\n")
        throw ExitCode(Exit.failed)
    }

    /// A mistake in a scenario file begins with the file's name, as it is: no capital letter is put upon it.
    private static func found<Found>(_ find: () throws -> Found) throws -> Found {
        do {
            return try find()
        } catch let error as ScenarioFileError {
            StandardError.write(Visible.word("\(error)") + "\n")
            throw ExitCode(Exit.failed)
        }
    }
}

/// `17` or `1-500`.
struct SeedRange: ExpressibleByArgument {
    /// A week on a large machine.
    static let countMax: UInt64 = 100_000_000

    let range: ClosedRange<UInt64>

    init?(argument: String) {
        let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0) }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last,
            last - first < SeedRange.countMax
        else { return nil }
        range = first...last
    }
}

/// A scenario as asked for.
struct SimulationChoice: Sendable {
    let scenario: Scenario
    private let words: [String]
    private let peers: Int?

    init(word: String, peers: Int?) throws {
        let entry = try ScenarioLibrary.find(word)
        self.peers = peers
        words = ["simulate", entry.word]
        guard let peers else {
            scenario = entry.scenario
            return
        }
        guard let scenario = entry.scenario.with(peers: peers) else {
            throw SimulationRefusal.tooFewMachines(scenario: entry.scenario.name, peers: peers)
        }
        self.scenario = scenario
    }

    func task(seed: UInt64) -> SimulationTask {
        let arguments = words + ["--seed", "\(seed)"] + (peers.map { ["--peers", "\($0)"] } ?? [])
        return SimulationTask(scenario: scenario, seed: seed, arguments: arguments)
    }
}

enum SimulationRefusal: Error, CustomStringConvertible {
    case tooFewMachines(scenario: String, peers: Int)

    var description: String {
        switch self {
        case .tooFewMachines(let scenario, let peers):
            "the timeline of \(scenario) needs more than \(peers) machines; give it more with --peers"
        }
    }
}
