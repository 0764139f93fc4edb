/// Rows in aligned columns, cut to a width that fits a terminal.
struct Table {
    struct Column {
        let title: String
        /// Aligned to the right.
        let isNumber: Bool
        /// Never narrower than this when the table must shrink.
        let minimum: Int

        init(_ title: String, isNumber: Bool = false, minimum: Int = 8) {
            self.title = title
            self.isNumber = isNumber
            self.minimum = minimum
        }
    }

    /// Of a whole line, indentation included.
    static let widthLimit = 100
    private static let gap = "  "

    let columns: [Column]
    var rows: [[String]] = []
    var indentation = 0

    init(_ columns: [Column], indentation: Int = 0) {
        self.columns = columns
        self.indentation = indentation
    }

    mutating func add(_ row: [String]) { rows.append(row.map(Visible.word)) }

    func rendered() -> String {
        let widths = fittedWidths()
        let lines = ([columns.map(\.title)] + rows).map { row in
            var line = String(repeating: " ", count: indentation)
            for (index, column) in columns.enumerated() {
                let cell = Table.cut(index < row.count ? row[index] : "", to: widths[index])
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                line += (index == 0 ? "" : Table.gap) + (column.isNumber ? padding + cell : cell + padding)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }
        return lines.joined()
    }

    /// The widths that the cells want; while that is too wide, the widest column that may shrink gives up one.
    private func fittedWidths() -> [Int] {
        var widths = columns.indices.map { index in
            rows.reduce(columns[index].title.count) { max($0, index < $1.count ? $1[index].count : 0) }
        }
        let frame = indentation + Table.gap.count * (columns.count - 1)
        while frame + widths.reduce(0, +) > Table.widthLimit {
            let candidates = widths.indices.filter { widths[$0] > max(columns[$0].minimum, columns[$0].title.count) }
            guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
        }
        return widths
    }

    private static func cut(_ cell: String, to width: Int) -> String {
        cell.count <= width ? cell : cell.prefix(max(width - 1, 0)) + "…"
    }
}

/// Names and values, one pair to a line.
struct Facts {
    private var pairs: [(String, String)] = []

    mutating func add(_ name: String, _ value: String) { pairs.append((name, Visible.word(value))) }

    func rendered() -> String {
        let width = pairs.reduce(0) { max($0, $1.0.count) }
        return pairs.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value + "\n"
        }.joined()
    }
}
