import Foundation
import Simulator

/// Ctrl-C ends the simulation with what was found so far; a second one ends the program.
final class SimulationInterruption: Sendable {
    private let pressed = Interruption.install()

    func wasPressed() -> Bool {
        guard let pressed else { return false }
        var byte: UInt8 = 0
        guard read(pressed, &byte, 1) == 1 else { return false }
        signal(SIGINT, SIG_DFL)
        return true
    }
}

/// The same seed in another process: whatever differs between processes, such as the salt of hashes, must not matter.
enum OtherProcess {
    @Sendable static func run(_ task: SimulationTask) -> Runner.Elsewhere {
        guard let program else { return .failed("this program does not know its own file") }
        let process = Process()
        let answer = Pipe()
        process.executableURL = program
        process.arguments = task.arguments + ["--trace-hash"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = answer
        process.standardError = FileHandle.nullDevice
        do { try process.run() } catch { return .failed("\(error.localizedDescription)") }
        let words = String(decoding: answer.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        if process.terminationReason == .uncaughtSignal {
            return process.terminationStatus == SIGINT ? .interrupted : .failed("signal \(process.terminationStatus)")
        }
        guard process.terminationStatus == 0,
            let hash = UInt64(words.trimmingCharacters(in: .whitespacesAndNewlines), radix: 16)
        else { return .failed("exit code \(process.terminationStatus)") }
        return .traceHash(hash)
    }

    /// By way of /proc also where the file has been replaced by a newer one in the meantime.
    private static var program: URL? {
        let itself = "/proc/self/exe"
        if FileManager.default.fileExists(atPath: itself) { return URL(fileURLWithPath: itself) }
        return Bundle.main.executableURL
    }
}

/// A failed precondition ends the whole program: this says first which seed it was.
enum TrapNotice {
    /// What a Swift trap, a failed precondition and a wild pointer raise.
    private static let signals = [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE]

    static func install() {
        guard trapKey.isMade, formerActions == nil else { return }
        let former = UnsafeMutablePointer<sigaction>.allocate(capacity: numbersMax)
        former.initialize(repeating: sigaction(), count: numbersMax)
        formerActions = former
        for number in signals {
            var action = sigaction()
            #if canImport(Darwin)
                action.__sigaction_u.__sa_handler = tell
            #else
                action.__sigaction_handler.sa_handler = tell
            #endif
            sigaction(number, &action, former + Int(number))
        }
    }

    /// What to say if this thread traps from now on. The text before it is forgotten.
    static func announce(_ text: String) {
        guard trapKey.isMade else { return }
        let old = pthread_getspecific(trapKey.key)
        pthread_setspecific(trapKey.key, strdup(text))
        free(old)
    }

    /// Inside a signal handler next to nothing is allowed; writing is, and giving the signal back to whom it belonged:
    /// the instruction is run again after it, and then ends the program as it would have without us.
    private static let tell: @convention(c) (Int32) -> Void = { number in
        if let text = pthread_getspecific(trapKey.key) {
            _ = write(2, text, strlen(text.assumingMemoryBound(to: CChar.self)))
        }
        if let formerActions { sigaction(number, formerActions + Int(number), nil) }
    }

    private static let numbersMax = 64
}

/// Made before the first handler is installed.
private let trapKey: (key: pthread_key_t, isMade: Bool) = {
    var key = pthread_key_t()
    let isMade = pthread_key_create(&key, { free($0) }) == 0
    return (key, isMade)
}()

/// Written once, on the main thread, before the first handler is installed, and only read after that: by handlers.
nonisolated(unsafe) private var formerActions: UnsafeMutablePointer<sigaction>?
