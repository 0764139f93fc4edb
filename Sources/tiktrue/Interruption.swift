import Foundation

/// Ctrl-C as something that can be waited for, so that it ends an answer and not the program.
///
/// The signal's handler may do next to nothing, so it writes one byte into a pipe, and whoever waits for input waits for the
/// pipe's other end too.
enum Interruption {
    /// Readable when Ctrl-C was pressed. Nil where the system gave no pipe; Ctrl-C ends the program then, as it always does.
    static func install() -> Int32? {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        // Touched here first, so that the handler finds the variable initialised.
        interruptionPipe = ends[1]
        signal(SIGINT) { _ in
            let saved = errno
            var byte: UInt8 = 0
            _ = write(interruptionPipe, &byte, 1)
            errno = saved
        }
        return ends[0]
    }

    /// Forgets what was pressed so far.
    static func drain(_ descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 64)
        while read(descriptor, &buffer, buffer.count) > 0 {}
    }
}

/// Written once, before the handler is installed, and only read after that.
nonisolated(unsafe) private var interruptionPipe: Int32 = -1
