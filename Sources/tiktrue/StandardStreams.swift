import Foundation

/// Standard output, written at once: a token is seen when it is there, also in a pipe.
enum StandardOutput {
    static var isTerminal: Bool { isatty(1) == 1 }

    static func write(_ text: String) { writeAll(text, to: 1) }

    /// One JSON document with its keys in a fixed order.
    static func write(document: some Encodable, compact: Bool = false) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if !compact { encoder.outputFormatting.insert(.prettyPrinted) }
        write(String(decoding: try encoder.encode(document), as: UTF8.self) + "\n")
    }
}

/// Everything that is not the answer goes here.
enum StandardError {
    static var isTerminal: Bool { isatty(2) == 1 }

    static func write(_ text: String) { writeAll(text, to: 2) }
}

private func writeAll(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var written = 0
    while written < bytes.count {
        let count = bytes.withUnsafeBytes { buffer in
            Foundation.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
        }
        if count >= 0 {
            written += count
        } else if errno == EAGAIN {
            var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&wait, 1, -1)
        } else if errno != EINTR {
            let reason = errno
            guard descriptor == 1 else { return }
            // Nobody reads any more. There is nothing left to say, and nobody to say it to.
            if reason == EPIPE { exit(0) }
            StandardError.write("The output cannot be written: \(String(cString: strerror(reason)))\n")
            exit(Exit.failed)
        }
    }
}

/// Text from models and from other peers, made safe for a terminal.
enum Visible {
    /// Control characters could move the cursor or retitle the window; only line feeds and tabs pass.
    static func text(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { isHarmless($0) || $0 == "\n" || $0 == "\t" }))
    }

    /// The same for a name in a line.
    static func word(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter(isHarmless)))
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory != .control
    }
}

/// One line on standard error that tells how far long work has come. Quiet unless a person watches.
final class ProgressLine {
    private let isWanted: Bool
    private var isShown = false

    init(isWanted: Bool = StandardError.isTerminal) { self.isWanted = isWanted }

    func show(_ text: String, fraction: Double?) {
        guard isWanted else { return }
        var line = Visible.word(text)
        if let fraction, fraction.isFinite {
            line += " \(Int((min(max(fraction, 0), 1) * 100).rounded()))%"
        }
        StandardError.write("\r\u{1b}[K" + line.prefix(100))
        isShown = true
    }

    func clear() {
        guard isShown else { return }
        StandardError.write("\r\u{1b}[K")
        isShown = false
    }
}
