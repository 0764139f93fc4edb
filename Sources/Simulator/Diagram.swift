import Wire

/// The last events of some machines, a column for each:
///
///     seconds          host0               host1
///       12.034210   | append 4 7 ──────────▶            |
///       12.034880   |                     ▶ append 4 7  |
///
/// An arrow leaves a machine towards the one that it speaks to, and ends where the message is taken.
enum Diagram {
    private static let column = 26

    static func lines(_ entries: [Trace.Entry], hosts: [Int]) -> [String] {
        guard !entries.isEmpty, !hosts.isEmpty else { return [] }
        var lines = [pad("seconds", 13) + hosts.map { pad("machine \($0)", column) }.joined()]
        for entry in entries {
            guard let place = hosts.firstIndex(of: entry.host) else { continue }
            var cells = Array(repeating: pad("│", column), count: hosts.count)
            cells[place] = pad("│ " + cell(entry, hosts: hosts, place: place), column)
            lines.append(seconds(entry.time) + " " + cells.joined())
        }
        return lines
    }

    static func line(_ entry: Trace.Entry) -> String {
        let other = entry.other.map { entry.direction == .does ? " → \($0)" : " ← \($0)" } ?? ""
        return "\(seconds(entry.time)) \(pad("machine \(entry.host)", 12))\(entry.direction == .does ? "  " : "")"
            + words(entry.mark) + other
    }

    private static func cell(_ entry: Trace.Entry, hosts: [Int], place: Int) -> String {
        let text = words(entry.mark)
        guard let other = entry.other else { return text }
        let column = hosts.firstIndex(of: other)
        let isRight = (column ?? other) > place
        switch (entry.direction, column) {
        case (.does, nil): return "\(text) → \(other)"
        case (.does, _?): return isRight ? "\(text) ──▶ \(other)" : "\(other) ◀── \(text)"
        case (.takes, nil): return "← \(other) \(text)"
        case (.takes, _?): return isRight ? "◀─ \(other) \(text)" : "\(other) ─▶ \(text)"
        }
    }

    static func words(_ mark: Mark) -> String {
        switch (mark.first, mark.second) {
        case (0, 0): mark.name
        case (let first, 0): "\(mark.name) \(number(first))"
        case (let first, let second): "\(mark.name) \(number(first)) \(number(second))"
        }
    }

    /// Large numbers are names, of which a few digits do.
    private static func number(_ value: UInt64) -> String {
        value < 1_000_000_000 ? String(value) : "#" + String(value >> 40, radix: 16)
    }

    static func seconds(_ time: Instant) -> String {
        let microseconds = time.nanoseconds / 1000
        let fraction = String(microseconds % 1_000_000 + 1_000_000).dropFirst()
        let whole = String(microseconds / 1_000_000)
        return String(repeating: " ", count: max(0, 5 - whole.count)) + whole + "." + fraction
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        // A character more than fits is cut, so that columns stay columns.
        let short = text.count < width ? text : String(text.prefix(width - 1))
        return short + String(repeating: " ", count: width - short.count)
    }
}

extension World {
    private static let machinesShown = 5
    private static let linesShown = 60

    /// What these machines did last, and where there is room, what those did whom they spoke with.
    func drawDiagram(of concerned: [Int]) {
        guard trace.keeps else { return }
        var shown = Array(concerned.prefix(World.machinesShown))
        let latest = trace.latest(of: shown, count: World.linesShown)
        for entry in latest.reversed() {
            guard shown.count < min(World.machinesShown, 3), let other = entry.other, !shown.contains(other) else {
                continue
            }
            shown.append(other)
        }
        shown.sort()
        diagram = Diagram.lines(trace.latest(of: shown, count: World.linesShown), hosts: shown)
    }
}
