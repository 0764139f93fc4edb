import Foundation
import Testing

@testable import Inference

/// The model that the fixtures were recorded from.
enum RealModel {
    struct Absent: Error, CustomStringConvertible {
        let path: String
        var description: String {
            "There is no model at \(path): run tools/fetch-model, or name the file in TIKTRUE_MODEL."
        }
    }

    static func path() throws -> String {
        let environment = ProcessInfo.processInfo.environment
        let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory() + "/.cache"
        let path = environment["TIKTRUE_MODEL"] ?? cache + "/tiktrue/models/SmolLM2-135M-Instruct.Q4_1.gguf"
        guard FileManager.default.fileExists(atPath: path) else { throw Absent(path: path) }
        return path
    }

    static func open() throws -> ModelFile { try ModelFile(path: path()) }
}

/// Files recorded by tools/fixtures.
enum Fixture {
    static func data(_ name: String) throws -> Data {
        let url = try #require(
            Bundle.module.url(forResource: "Fixtures", withExtension: nil)?.appendingPathComponent(name))
        return try Data(contentsOf: url)
    }

    static func decode<Value: Decodable>(_ type: Value.Type, from name: String) throws -> Value {
        try JSONDecoder().decode(type, from: data(name))
    }
}
