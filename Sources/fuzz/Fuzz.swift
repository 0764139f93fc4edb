import Foundation

/// Tries the decoders of everything that comes from outside with inputs that were never meant for them. tools/fuzz
/// builds this with libFuzzer, which looks for inputs that reach new code, and runs it; without libFuzzer it can replay
/// inputs, and no more.
///
///     fuzz targets                          their names
///     fuzz seeds TARGET FOLDER              writes well-formed inputs
///     fuzz replay TARGET FILE...            reads each file's bytes as an input
///     fuzz search TARGET [OPTION|FOLDER]... libFuzzer's own options and folders
@main
enum Fuzz {
    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        switch (words.first, words.count) {
        case ("targets", 1): FuzzTarget.all.forEach { print($0.name) }
        case ("seeds", 3): writeSeeds(of: target(words[1]), into: words[2])
        case ("replay", 3...): words.dropFirst(2).forEach { replay($0, on: target(words[1])) }
        case ("search", 2...): search(target(words[1]), Array(words.dropFirst(2)))
        default: end("usage: fuzz targets | seeds TARGET FOLDER | replay TARGET FILE... | search TARGET ...", code: 2)
        }
    }

    private static func target(_ name: String) -> FuzzTarget {
        guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
            end(
                "There is no target '\(name)'. There are: \(FuzzTarget.all.map(\.name).joined(separator: ", "))",
                code: 2)
        }
        return target
    }

    private static func writeSeeds(of target: FuzzTarget, into folder: String) {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (place, seed) in target.seeds().enumerated() {
                try Data(seed.prefix(target.bytesMax)).write(to: URL(fileURLWithPath: "\(folder)/\(place)"))
            }
        } catch {
            end("The first inputs cannot be written: \(error.localizedDescription)", code: 1)
        }
    }

    private static func replay(_ path: String, on target: FuzzTarget) {
        guard let bytes = FileManager.default.contents(atPath: path) else { end("\(path) cannot be read.", code: 1) }
        print("\(path): \(bytes.count) bytes", terminator: "")
        fflush(nil)
        Watch(target).over { target.read(Array(bytes)) }
        print(", fine")
    }

    private static func search(_ target: FuzzTarget, _ options: [String]) {
        #if FUZZ
            exit(LibFuzzer.run(target, options))
        #else
            end("This program was built without libFuzzer; run tools/fuzz.", code: 1)
        #endif
    }

    private static func end(_ text: String, code: Int32) -> Never {
        FileHandle.standardError.write(Data((text + "\n").utf8))
        exit(code)
    }
}
