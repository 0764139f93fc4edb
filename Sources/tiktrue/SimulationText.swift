import Foundation
import Simulator

/// What people read of a simulation.
enum SimulationText {
    private static let barWidth = 20

    static func progress(_ progress: Runner.Progress, name: String) -> String {
        let done = Int((progress.fraction * Double(barWidth)).rounded(.down))
        let bar = String(repeating: "█", count: done) + String(repeating: "·", count: barWidth - done)
        let failed = progress.failed == 0 ? "" : ", \(progress.failed) failed"
        return "\(name) \(bar) \(progress.finished) of \(progress.total) seeds\(failed)"
    }

    static func report(_ document: SimulationDocument) -> String {
        var facts = Facts()
        let seeds = document.seeds
        facts.add("scenario", document.scenario + (seeds.first.map { ", \(seedsInWords($0, seeds.last ?? $0))" } ?? ""))
        facts.add(
            "passed",
            "\(seeds.finished - document.failed.count) of \(seeds.asked)"
                + (document.interrupted ? ", interrupted" : ""))
        facts.add("simulated", speed(document))
        facts.add("events", "\(document.events)")
        if let elections = document.elections {
            facts.add(
                "elections",
                "\(elections.count) after a leader's death: half within \(decimal(elections.half, places: 2)) s, "
                    + "99 % within \(decimal(elections.most, places: 2)) s, the longest "
                    + "\(decimal(elections.longest, places: 2)) s")
        }
        facts.add("repeated", "\(document.runTwice) twice, \(document.runElsewhere) in another process")
        var text = facts.rendered()
        if !document.coverage.isEmpty {
            text += "\nreached\n" + counts(document.coverage)
        }
        if !document.neverReached.isEmpty {
            text += "\nnever reached\n" + wrapped(document.neverReached)
        }
        for (index, failure) in document.failed.enumerated() {
            text += "\n" + Self.failure(failure, showsDiagram: index == 0)
        }
        return text
    }

    /// One line for standard error: why the exit code is not 0. Nil where it is.
    static func reasonOfFailure(_ document: SimulationDocument) -> String? {
        let seeds = document.seeds
        if let first = document.failed.first {
            let how = "\(document.failed.count) of \(count(seeds.finished, "seed")) failed"
            let when = document.interrupted ? " before the interruption" : ""
            return "\(how)\(when); replay the first with: \(first.replay)"
        }
        guard document.interrupted else { return nil }
        return "Interrupted after \(seeds.finished) of \(count(seeds.asked, "seed")); none of them failed."
    }

    private static func failure(_ failure: SimulationDocument.Failure, showsDiagram: Bool) -> String {
        let moment = decimal(failure.at, places: 3)
        var text =
            "\(failure.scenario), seed \(failure.seed) broke '\(failure.invariant)' at \(moment) s: "
            + Visible.word(failure.what) + "\n"
        if showsDiagram, !failure.diagram.isEmpty {
            text += "\n" + failure.diagram.map { "  " + Visible.text($0) + "\n" }.joined() + "\n"
        }
        return text + "  replay: \(failure.replay)\n"
    }

    /// Why not all of them ran.
    private static func ending(_ document: SimulationDocument) -> String {
        if document.interrupted { return ", interrupted" }
        return document.seeds.finished < document.seeds.asked ? "; --keep-going goes on behind the first failure" : ""
    }

    private static func seedsInWords(_ first: UInt64, _ last: UInt64) -> String {
        first == last ? "seed \(first)" : "seeds \(first) to \(last)"
    }

    private static func speed(_ document: SimulationDocument) -> String {
        let text = "\(decimal(document.simulatedSeconds, places: 1)) s in \(decimal(document.wallSeconds, places: 1)) s"
        guard document.wallSeconds > 0.001 else { return text }
        return text + ", \(decimal(document.simulatedSeconds / document.wallSeconds, places: 0)) times real time"
    }

    private static func counts(_ coverage: [String: Int]) -> String {
        var facts = Facts()
        for (name, count) in coverage.sorted(by: { $0.key < $1.key }) { facts.add("  " + name, "\(count)") }
        return facts.rendered()
    }

    /// Names in lines that fit a terminal.
    private static func wrapped(_ names: [String]) -> String {
        var lines: [String] = []
        for (index, name) in names.enumerated() {
            let word = name + (index + 1 < names.count ? "," : "")
            if let last = lines.last, last.count + 1 + word.count <= Table.widthLimit {
                lines[lines.count - 1] = last + " " + word
            } else {
                lines.append("  " + word)
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    private static func decimal(_ value: Double, places: Int) -> String { String(format: "%.\(places)f", value) }
}
