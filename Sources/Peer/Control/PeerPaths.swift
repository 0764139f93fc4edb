import Foundation
import Inference
import Storage
import Wire

/// Places and words that the command line needs before it speaks to a peer.
public enum PeerPaths {
    /// `$XDG_DATA_HOME/tiktrue`, or `~/.local/share/tiktrue`.
    public static var dataDirectory: String { DataPaths.defaultRoot() }

    /// The model that `tools/quickstart` fetches, in the cache.
    public static var defaultModel: String {
        DataPaths.cacheRoot() + "/models/SmolLM2-135M-Instruct.Q4_1.gguf"
    }

    /// Relative paths are taken from the working directory of this process.
    public static func absolute(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        return (whole as NSString).standardizingPath
    }

    /// A model's name as it is; what looks like a file is taken from the working directory of this process.
    public static func modelArgument(_ word: String) -> String {
        word.contains("/") || word.lowercased().hasSuffix(".gguf") ? absolute(word) : word
    }

    /// What a model is called when nobody names it: its file, without `.gguf` and without which part of a split model it
    /// is, or its directory.
    public static func modelName(forFile path: String) -> String {
        let file = (path as NSString).lastPathComponent
        if let part = GGUFPartName(file) { return part.stem }
        return file.lowercased().hasSuffix(".gguf") && file.count > 5 ? String(file.dropLast(5)) : file
    }

    /// The machine's name, up to the first dot.
    public static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "peer" }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.split(separator: ".").first.map(String.init) ?? "peer"
    }
}

/// What the command line checks before it asks the peer, so that wrong usage is told as such.
public enum ControlWords {
    /// Roles that an invitation or an admin can give.
    public static let roles = Role.allCases.map(\.description)
    public static let nameBytes = Limits.nameBytes
    /// How many voters a network may be told to have: with an even number one more may not be lost than with the odd one below it.
    public static let voters = NetworkPolicy.votersAllowed.filter { $0 % 2 == 1 }
    /// Seconds.
    public static let voterGrace = NetworkPolicy.graceAllowed
    /// In which conversations can keep keys and values.
    public static let cacheFormats = CacheFormat.allCases.map(\.description)

    /// How many events can be asked for at once: so many fit a line of the control socket, whatever they say.
    public static let events = 1...5000

    /// Whether the text could be an invitation at all; a peer decides whether it is one.
    public static func resemblesInvitation(_ text: String) -> Bool {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines).lowercased()
        return text.hasPrefix("tiktrue") && text.contains("-") && text.utf8.count >= 64
    }
}

extension ControlClient {
    /// A client of the peer that runs on this data directory. Nil is the usual one.
    public init(dataDirectory: String?) {
        self.init(socketPath: DataPaths(root: dataDirectory ?? PeerPaths.dataDirectory).controlSocket)
    }
}

extension PeerConfiguration {
    /// Reads `HOST:PORT`; nil where it is anything else.
    public static func endpoint(_ text: String) -> Endpoint? { Endpoint(text) }
}
