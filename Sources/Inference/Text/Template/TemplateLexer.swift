/// One word of a template's source.
struct TemplateToken: Equatable {
    enum Kind: Equatable {
        /// Text between the tags.
        case data(TemplateText)
        case variableBegin, variableEnd, blockBegin, blockEnd
        case name(String)
        case integer(Int)
        case real(Double)
        case text(TemplateText)
        case symbol(String)
        case end
    }

    let kind: Kind
    let line: Int
}

/// Cuts a Jinja source into tokens, with the treatment of white space that chat templates are written for:
/// `trim_blocks` (the line break behind a block tag goes), `lstrip_blocks` (blanks before a block tag that begins its
/// line go), no trailing line break, and `-` or `+` at a tag's ends to strip more or nothing.
struct TemplateLexer {
    private let source: TemplateText
    private var position = 0
    private var line = 1
    private var tokens: [TemplateToken] = []
    /// Whether what comes next stands at the beginning of a line.
    private var atLineStart = true

    private enum Tag {
        case variable, block, comment
    }

    static func tokens(of source: String) throws(TemplateError) -> [TemplateToken] {
        var lexer = TemplateLexer(source)
        guard lexer.source.count <= TemplateLimit.sourceScalars else {
            throw .limit(what: "a source of \(lexer.source.count) characters")
        }
        try lexer.run()
        return lexer.tokens
    }

    private init(_ source: String) {
        var text: TemplateText = []
        for scalar in source.unicodeScalars {
            if scalar == "\n", text.last == "\r" { text.removeLast() }
            text.append(scalar)
        }
        text = text.map { $0 == "\r" ? "\n" : $0 }
        if text.last == "\n" { text.removeLast() }
        self.source = text
    }

    private mutating func run() throws(TemplateError) {
        while position < source.count {
            guard let (start, tag) = nextTag() else {
                add(.data(Array(source[position...])))
                position = source.count
                break
            }
            addData(upTo: start, before: tag)
            move(to: start + 2)
            if at("-") || at("+") { move(to: position + 1) }
            switch tag {
            case .comment: try skipComment()
            case .variable: try readTag(tag)
            case .block: if try !readRaw() { try readTag(tag) }
            }
        }
        add(.end)
    }

    private func nextTag() -> (Int, Tag)? {
        var index = position
        while index + 1 < source.count {
            if source[index] == "{" {
                switch source[index + 1] {
                case "{": return (index, .variable)
                case "%": return (index, .block)
                case "#": return (index, .comment)
                default: break
                }
            }
            index += 1
        }
        return nil
    }

    private mutating func addData(upTo end: Int, before tag: Tag) {
        var data = source[position..<end]
        let sign = end + 2 < source.count ? source[end + 2] : " "
        if sign == "-" {
            while let last = data.last, last.isPythonSpace { data.removeLast() }
        } else if tag != .variable, sign != "+" {
            let lineStart = data.lastIndex(of: "\n").map { $0 + 1 }
            if lineStart != nil || atLineStart {
                let blanks = data[(lineStart ?? data.startIndex)...]
                if blanks.allSatisfy(\.isPythonSpace) { data.removeLast(blanks.count) }
            }
        }
        if !data.isEmpty { add(.data(Array(data))) }
    }

    private mutating func skipComment() throws(TemplateError) {
        while position < source.count {
            if at("#}") || at("-#}") || at("+#}") {
                endTag(.comment)
                return
            }
            move(to: position + 1)
        }
        throw .syntax(line: line, problem: "a comment does not end")
    }

    /// Steps over the end of a tag and the white space that goes with it.
    private mutating func endTag(_ tag: Tag) {
        let sign = source[position]
        move(to: position + (sign == "-" || sign == "+" ? 3 : 2))
        atLineStart = false
        if sign == "-" {
            while position < source.count, source[position].isPythonSpace {
                atLineStart = source[position] == "\n"
                move(to: position + 1)
            }
        } else if sign != "+", tag != .variable, at("\n") {
            move(to: position + 1)
            atLineStart = true
        }
    }

    /// `{% raw %}` to `{% endraw %}`: text whatever it looks like.
    private mutating func readRaw() throws(TemplateError) -> Bool {
        let (start, startLine) = (position, line)
        skipSpaces()
        guard takeName() == "raw" else {
            (position, line) = (start, startLine)
            return false
        }
        skipSpaces()
        guard at("%}") || at("-%}") else { throw .syntax(line: line, problem: "\"raw\" is followed by something") }
        endTag(.variable)
        let contents = position
        while position < source.count {
            let tagStart = position
            if at("{%") {
                let hasSign =
                    tagStart + 2 < source.count && (source[tagStart + 2] == "-" || source[tagStart + 2] == "+")
                move(to: tagStart + (hasSign ? 3 : 2))
                skipSpaces()
                if takeName() == "endraw" {
                    skipSpaces()
                    guard at("%}") || at("-%}") || at("+%}") else {
                        throw .syntax(line: line, problem: "\"endraw\" is followed by something")
                    }
                    let end = position
                    position = contents
                    addData(upTo: tagStart, before: .block)
                    position = end
                    endTag(.block)
                    return true
                }
            }
            move(to: max(position, tagStart + 1))
        }
        throw .syntax(line: startLine, problem: "\"raw\" does not end")
    }

    private mutating func readTag(_ tag: Tag) throws(TemplateError) {
        add(tag == .variable ? .variableBegin : .blockBegin)
        let closing = tag == .variable ? "}}" : "%}"
        var brackets = 0
        while true {
            skipSpaces()
            guard position < source.count else { throw .syntax(line: line, problem: "a tag does not end") }
            if brackets == 0, at(closing) || at("-" + closing) || at("+" + closing) {
                endTag(tag)
                add(tag == .variable ? .variableEnd : .blockEnd)
                return
            }
            let scalar = source[position]
            if scalar == "\"" || scalar == "'" {
                try readText(quote: scalar)
            } else if ("0"..."9").contains(scalar) {
                try readNumber()
            } else if let name = takeName() {
                guard name.utf8.count <= TemplateLimit.nameScalars else {
                    throw .limit(what: "a name of \(name.utf8.count) characters")
                }
                add(.name(name))
            } else {
                let symbol = try takeSymbol()
                if ["(", "[", "{"].contains(symbol) { brackets += 1 }
                if [")", "]", "}"].contains(symbol) { brackets = max(0, brackets - 1) }
                add(.symbol(symbol))
            }
        }
    }

    private mutating func takeSymbol() throws(TemplateError) -> String {
        for symbol in ["//", "**", "==", "!=", ">=", "<="] where at(symbol) {
            move(to: position + 2)
            return symbol
        }
        let symbol = String(Character(source[position]))
        guard "+-/*%~[](){}><=.:|,".contains(symbol) else {
            throw .syntax(line: line, problem: "\(quoted(symbol)) is out of place")
        }
        move(to: position + 1)
        return symbol
    }

    private mutating func takeName() -> String? {
        let start = position
        while position < source.count, source[position].isNamePart(first: position == start) { position += 1 }
        return position > start ? Array(source[start..<position]).string : nil
    }

    private mutating func readNumber() throws(TemplateError) {
        let start = position
        func isDigit(_ index: Int) -> Bool { index < source.count && ("0"..."9").contains(source[index]) }
        var end = position
        while isDigit(end) || (end < source.count && source[end] == "_") { end += 1 }
        var isReal = false
        if end < source.count, source[end] == ".", isDigit(end + 1) {
            isReal = true
            end += 1
            while isDigit(end) { end += 1 }
        }
        if end < source.count, source[end] == "e" || source[end] == "E" {
            let hasSign = end + 1 < source.count && (source[end + 1] == "-" || source[end + 1] == "+")
            let digits = end + (hasSign ? 2 : 1)
            if isDigit(digits) {
                isReal = true
                end = digits
                while isDigit(end) { end += 1 }
            }
        }
        let text = Array(source[start..<end]).string.filter { $0 != "_" }
        position = end
        if isReal, let number = Double(text) {
            add(.real(number))
        } else if let number = Int(text) {
            add(.integer(number))
        } else {
            throw .syntax(line: line, problem: "\(quoted(text)) is no number")
        }
    }

    private mutating func readText(quote: Unicode.Scalar) throws(TemplateError) {
        let startLine = line
        move(to: position + 1)
        var text: TemplateText = []
        while position < source.count {
            let scalar = source[position]
            if scalar == quote {
                move(to: position + 1)
                tokens.append(TemplateToken(kind: .text(text), line: startLine))
                return
            }
            if scalar == "\\" {
                try readEscape(into: &text)
            } else {
                text.append(scalar)
                move(to: position + 1)
            }
        }
        throw .syntax(line: startLine, problem: "a text in quotes does not end")
    }

    /// Python's escapes in texts.
    private mutating func readEscape(into text: inout TemplateText) throws(TemplateError) {
        guard position + 1 < source.count else { throw .syntax(line: line, problem: "a text in quotes does not end") }
        let letter = source[position + 1]
        move(to: position + 2)
        let simple: [Unicode.Scalar: Unicode.Scalar] = [
            "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}", "b": "\u{8}", "f": "\u{C}",
            "v": "\u{B}",
        ]
        let lengths: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]
        if letter == "\n" { return }
        if let scalar = simple[letter] {
            text.append(scalar)
        } else if let length = lengths[letter] {
            text.append(try takeCode(digits: length...length, radix: 16))
        } else if ("0"..."7").contains(letter) {
            position -= 1
            text.append(try takeCode(digits: 1...3, radix: 8))
        } else {
            text += ["\\", letter]
        }
    }

    private mutating func takeCode(digits: ClosedRange<Int>, radix: Int) throws(TemplateError) -> Unicode.Scalar {
        var end = position
        while end < source.count, end - position < digits.upperBound, let digit = Character(source[end]).hexDigitValue,
            digit < radix, source[end].isASCII
        {
            end += 1
        }
        guard end - position >= digits.lowerBound,
            let value = UInt32(Array(source[position..<end]).string, radix: radix),
            let scalar = Unicode.Scalar(value)
        else { throw .syntax(line: line, problem: "an escape in a text is no character") }
        position = end
        return scalar
    }

    // MARK: Moving on

    private func at(_ text: String) -> Bool { source[position...].starts(with: text.unicodeScalars) }

    private mutating func move(to end: Int) {
        while position < min(end, source.count) {
            if source[position] == "\n" { line += 1 }
            position += 1
        }
    }

    private mutating func skipSpaces() {
        while position < source.count, source[position].isPythonSpace { move(to: position + 1) }
    }

    private mutating func add(_ kind: TemplateToken.Kind) {
        tokens.append(TemplateToken(kind: kind, line: line))
    }
}

extension Unicode.Scalar {
    /// Python's `str.isspace`.
    var isPythonSpace: Bool {
        if isASCII { return value == 0x20 || (0x09...0x0D).contains(value) || (0x1C...0x1F).contains(value) }
        return properties.isWhitespace
    }

    fileprivate func isNamePart(first: Bool) -> Bool {
        switch self {
        case "a"..."z", "A"..."Z", "_": true
        case "0"..."9": !first
        default: false
        }
    }
}
