import Glibc

/// Which part of a split model a GGUF file is.
///
/// Models above some 50 GB are published as several files, `NAME-00001-of-00003.gguf` and so on. The first holds the
/// metadata. Every one holds some of the tensors, with a table, offsets and an alignment of its own, and three entries:
/// `split.no`, counted from 0, `split.count`, and `split.tensors.count`, of all parts together.
struct GGUFSplit: Equatable {
    /// Counted from 1, as in the file's name.
    let number: Int
    let count: Int
    let tensorCount: Int?

    /// Of the entries that say how a file is split, and nothing about the model.
    static let prefix = "split."

    enum Limit {
        /// One is some 50 GB.
        static let parts: UInt64 = 1024
    }

    /// nil for a file that is a whole model, one that was put together again too.
    init?(_ metadata: GGUFMetadata) throws(ModelFileError) {
        guard let count = try metadata.integer("split.count"), count > 1 else { return nil }
        guard count <= Limit.parts else {
            throw .implausible(what: "split.count", value: "\(count)", allowed: "up to \(Limit.parts)")
        }
        guard let index = try metadata.integer("split.no") else { throw .missing(what: "split.no") }
        guard index < count else {
            throw .implausible(what: "split.no", value: "\(index)", allowed: "0 to \(count - 1)")
        }
        number = Int(index) + 1
        self.count = Int(count)
        tensorCount = try metadata.integer("split.tensors.count").map { Int(clamping: $0) }
    }
}

/// What a part of a split model is called: `NAME-00002-of-00003.gguf`.
public struct GGUFPartName: Sendable, Equatable {
    /// What the names of all parts begin with; of a path, with the directories.
    public let stem: String
    /// Counted from 1.
    public let number: Int
    public let count: Int

    init(stem: String, number: Int, count: Int) {
        self.stem = stem
        self.number = number
        self.count = count
    }

    /// nil for a name of another form.
    public init?(_ name: String) {
        let suffix = Array(name.utf8.suffix(Self.suffixBytes))
        guard suffix.count == Self.suffixBytes, name.utf8.count > Self.suffixBytes,
            let number = Self.number(suffix[1..<6]), let count = Self.number(suffix[10..<15]),
            count >= 1, (1...count).contains(number)
        else { return nil }
        let stem = String(decoding: name.utf8.dropLast(Self.suffixBytes), as: UTF8.self)
        self.init(stem: stem, number: number, count: count)
        guard fileName.utf8.elementsEqual(name.utf8) else { return nil }
    }

    public var fileName: String { "\(stem)-\(Self.digits(number))-of-\(Self.digits(count)).gguf" }

    func part(_ number: Int) -> GGUFPartName { GGUFPartName(stem: stem, number: number, count: count) }

    private static let suffixBytes = "-00001-of-00003.gguf".utf8.count

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard digits.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func digits(_ number: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, 5 - text.count)) + text
    }
}

extension GGUFDocument {
    /// A GGUF file, or the whole model of which it is a part: then all parts lie in one directory.
    ///
    /// - Throws: `ModelFileError`, with the name of the part that is at fault.
    init(path: String) throws(ModelFileError) {
        let named = try GGUFDocument(MappedFile(path: path))
        guard let split = try GGUFSplit(named.metadata) else {
            self = named
            return
        }
        guard let name = GGUFPartName(path), name.number == split.number, name.count == split.count else {
            throw .misnamedPart(path: path, number: split.number, count: split.count)
        }
        var documents: [GGUFDocument] = []
        var found = 0
        for number in 1...split.count {
            let part = name.part(number)
            let document = number == name.number ? named : try Self.part(part)
            try naming(Self.lastComponent(part.fileName)) { () throws(ModelFileError) in
                try document.check(number: number, of: split, first: documents.first ?? document)
            }
            documents.append(document)
            found += document.tensors.count
            guard found <= Limit.tensors else {
                throw .implausible(
                    what: "the number of tensors", value: "\(found) in \(number) parts",
                    allowed: "up to \(Limit.tensors)")
            }
        }
        if let expected = split.tensorCount, expected != found {
            throw .malformed(what: "split.tensors.count", reason: "the parts hold \(found) tensors and not \(expected)")
        }
        try self.init(joining: documents)
    }

    private static func part(_ name: GGUFPartName) throws(ModelFileError) -> GGUFDocument {
        var status = stat()
        if stat(name.fileName, &status) != 0, errno == ENOENT {
            throw .missingPart(path: name.fileName, number: name.number, count: name.count)
        }
        return try naming(lastComponent(name.fileName)) { () throws(ModelFileError) in
            try GGUFDocument(MappedFile(path: name.fileName))
        }
    }

    /// That this is the part that its name says, and of the same model as the first.
    private func check(
        number: Int, of split: GGUFSplit, first: GGUFDocument
    ) throws(ModelFileError) {
        guard let own = try GGUFSplit(metadata) else {
            throw .malformed(what: "split.count", reason: "it is no part of a split model")
        }
        guard own.number == number, own.count == split.count else {
            throw .malformed(
                what: "split.no",
                reason: "it is part \(own.number) of \(own.count) and not \(number) of \(split.count)")
        }
        guard own.tensorCount == split.tensorCount else {
            throw .malformed(
                what: "split.tensors.count", reason: "it is a part of another model than the file that was named")
        }
        // Parts behind the first say nothing of the model, or the same.
        for key in ["general.architecture", "general.name"] {
            guard let value = try metadata.string(key) else { continue }
            guard try first.metadata.string(key) == value else {
                throw .malformed(what: key, reason: "it is a part of another model than the first")
            }
        }
    }

    private static func lastComponent(_ path: String) -> String {
        String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
    }
}
