import Foundation
import Testing

@testable import Storage

@Suite("The data directory")
struct DataDirectoryTests {
    let scratch: ScratchDirectory
    init() throws { scratch = try ScratchDirectory() }

    @Test("is made with its parents, for its owner only")
    func isMade() throws {
        let directory = try DataDirectory(path: scratch.file("a/b"))
        #expect(mode(of: directory.paths.root) == 0o700)
    }

    @Test("refuses a second peer with one sentence that names the first")
    func refusesSecond() throws {
        let first = try DataDirectory(path: scratch.file("d"))
        let refusal = #expect(throws: StorageError.self) { try DataDirectory(path: scratch.file("d")) }
        #expect(refusal == .directoryInUse(path: first.paths.root, process: Int(getpid())))
        #expect("\(refusal!)".contains("another peer (process \(getpid())) runs on the data directory"))
    }

    @Test("is free again when its holder is gone")
    func isFreed() throws {
        do { _ = try DataDirectory(path: scratch.file("d")) }
        #expect(throws: Never.self) { try DataDirectory(path: scratch.file("d")) }
    }

    @Test("a file in its place is refused with a sentence")
    func fileInPlace() throws {
        try scratch.write("x", to: "d")
        let refusal = #expect(throws: StorageError.self) { try DataDirectory(path: scratch.file("d")) }
        #expect(
            refusal == .directoryUnusable(path: DataPaths(root: scratch.file("d")).root, reason: "Not a directory"))
    }
}

@Suite("Paths in the data directory")
struct DataPathsTests {
    let scratch: ScratchDirectory
    init() throws { scratch = try ScratchDirectory() }

    @Test("the default follows XDG_DATA_HOME")
    func followsXDG() {
        #expect(DataPaths.defaultRoot(environment: ["XDG_DATA_HOME": "/x", "HOME": "/h"]) == "/x/tiktrue")
    }

    @Test("the default is in the home directory where XDG_DATA_HOME is missing or relative")
    func defaultIsHome() {
        #expect(DataPaths.defaultRoot(environment: ["HOME": "/h"]) == "/h/.local/share/tiktrue")
        #expect(DataPaths.defaultRoot(environment: ["XDG_DATA_HOME": "x", "HOME": "/h"]) == "/h/.local/share/tiktrue")
    }

    @Test("the socket lies in the directory where its path fits")
    func shortSocketPath() {
        let paths = DataPaths(root: "/nonexistent/tiktrue")
        #expect(paths.controlSocket == "/nonexistent/tiktrue/control.sock")
    }

    @Test("a path of 107 bytes still fits a socket, one of 108 does not")
    func boundary() {
        let fits = DataPaths(root: "/" + String(repeating: "a", count: 107 - 1 - "/control.sock".count))
        #expect(fits.controlSocket == fits.root + "/control.sock")
        let tooLong = DataPaths(root: fits.root + "a")
        #expect(tooLong.controlSocket.hasPrefix("/tmp/tiktrue-\(geteuid())/"))
    }

    @Test("a long path gives peer and client the same short socket, in a directory for its owner only")
    func longSocketPath() throws {
        let long = scratch.file(String(repeating: "long", count: 30))
        let directory = try DataDirectory(path: long)
        let socket = DataPaths(root: long).controlSocket
        #expect(socket == directory.paths.controlSocket)
        #expect(socket.utf8.count <= DataPaths.socketPathBytes)
        #expect(mode(of: (socket as NSString).deletingLastPathComponent) == 0o700)
    }

    @Test("two long paths have two sockets")
    func longPathsDiffer() {
        let base = "/" + String(repeating: "a", count: 120)
        #expect(DataPaths(root: base + "1").controlSocket != DataPaths(root: base + "2").controlSocket)
    }

    @Test("a link to the directory leads to the same socket")
    func linksAreResolved() throws {
        _ = try DataDirectory(path: scratch.file("real"))
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file("link"), withDestinationPath: scratch.file("real"))
        #expect(
            DataPaths(root: scratch.file("link")).controlSocket == DataPaths(root: scratch.file("real")).controlSocket)
    }
}

@Suite("Failures of the system")
struct SystemFailureTests {
    @Test("a full disk is told as such")
    func diskFull() throws {
        let file = try OpenFile("/dev/full", flags: O_WRONLY)
        let failure = #expect(throws: StorageError.self) { try file.write([1, 2, 3]) }
        #expect(failure == .diskFull(path: "/dev/full"))
        #expect(failure?.isDiskFull == true)
    }

    @Test("anything else keeps the system's words")
    func otherFailure() {
        let failure = #expect(throws: StorageError.self) { _ = try OpenFile("/nonexistent/x", flags: O_RDONLY) }
        #expect(
            failure == .systemRefused(operation: "open", path: "/nonexistent/x", reason: "No such file or directory"))
    }
}
