import Foundation
import Identity
import Testing

@testable import Storage

@Suite("The identity file")
struct IdentityFileTests {
    let scratch: ScratchDirectory
    init() throws { scratch = try ScratchDirectory() }
    private var path: String { scratch.file("identity.key") }

    @Test("is made on the first start and read on the next")
    func persists() throws {
        let first = try IdentityFile.loadOrCreate(at: path)
        #expect(try IdentityFile.loadOrCreate(at: path).peer == first.peer)
    }

    @Test("is readable by its owner only, and leaves no other file behind")
    func narrowMode() throws {
        _ = try IdentityFile.loadOrCreate(at: path)
        #expect(mode(of: path) == 0o600)
        #expect(try scratch.names() == ["identity.key"])
    }

    @Test("a crash before the rename leaves nothing in the way")
    func unfinishedIsReplaced() throws {
        try scratch.write("half", to: "identity.key.new")
        #expect(throws: Never.self) { try IdentityFile.loadOrCreate(at: path) }
    }

    @Test("is refused when others can read it", arguments: [0o644, 0o640, 0o604, 0o660, 0o601])
    func othersCanRead(mode: Int) throws {
        _ = try IdentityFile.loadOrCreate(at: path)
        chmod(path, mode_t(mode))
        let refusal = #expect(throws: StorageError.self) { try IdentityFile.loadOrCreate(at: path) }
        #expect(refusal == .identityReadableByOthers(path: path, mode: mode))
        #expect("\(refusal!)".contains("chmod 600"))
    }

    @Test(
        "is refused when it is damaged, and stays as it is",
        arguments: [
            "", "tiktrue identity 1\n", "tiktrue identity 1\nabcd\n",
            "tiktrue identity 2\n\(String(repeating: "0", count: 64))\n",
            "tiktrue identity 1\n\(String(repeating: "g", count: 64))\n",
            "tiktrue identity 1\n\(String(repeating: "0", count: 64))",
            "tiktrue identity 1\n\(String(repeating: "0", count: 64))\nmore\n",
            String(repeating: "x", count: 5000),
        ])
    func damaged(text: String) throws {
        try scratch.write(text, to: "identity.key")
        chmod(path, 0o600)
        #expect(throws: StorageError.identityMalformed(path: path)) { try IdentityFile.loadOrCreate(at: path) }
        #expect(try scratch.bytes(of: "identity.key") == Array(text.utf8))
    }

    @Test("a link in its place is refused")
    func link() throws {
        _ = try IdentityFile.loadOrCreate(at: scratch.file("elsewhere"))
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: scratch.file("elsewhere"))
        #expect(throws: StorageError.identityMalformed(path: path)) { try IdentityFile.loadOrCreate(at: path) }
    }
}
