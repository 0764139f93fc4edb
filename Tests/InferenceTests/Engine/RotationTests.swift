import CKernels
import Foundation
import Testing

@testable import Inference

/// Against what the definitions give in double precision (tools/fixtures/record-rotations.py).
@Suite("Rotary embeddings")
struct RotationTests {
    struct Recorded: Decodable, CustomTestStringConvertible {
        let name: String
        /// `config.json` as a text.
        let config: String
        /// The angle per position of each pair.
        let frequencies: [Double]
        let magnitude: Double

        var testDescription: String { name }
        func parsed() throws -> JSONValue { try JSONValue(parsing: config) }
    }

    static let recorded = (try? Fixture.decode([Recorded].self, from: "rotations.json")) ?? []

    private func frequencies(_ rotary: Rotary) -> [Double] {
        var result = [Double](repeating: 0, count: rotary.dimension / 2)
        (rotary.divisors ?? []).withUnsafeBufferPointer {
            var kernelRotary = rotary.kernelRotary(divisors: rotary.divisors == nil ? nil : $0.baseAddress)
            tk_rotation_frequencies(&kernelRotary, &result)
        }
        return result
    }

    private func expect(_ rotary: Rotary, _ frequencies: [Double], magnitude: Double) {
        let found = self.frequencies(rotary)
        #expect(found.count == frequencies.count)
        for (pair, (one, other)) in zip(found, frequencies).enumerated() {
            // Parameters are single precision.
            #expect(abs(one / other - 1) < 1e-6, "pair \(pair): \(one) and not \(other)")
        }
        #expect(abs(Double(rotary.magnitude) / magnitude - 1) < 1e-6, "\(rotary.magnitude) and not \(magnitude)")
    }

    @Test(
        "turn as a model's config.json asks for, however its tensors are stored",
        arguments: recorded.filter { $0.name != "ntk" }, [StorageConvention.gguf, .transformers])
    func asConfigured(_ recorded: Recorded, convention: StorageConvention) throws {
        let model = try SafetensorsConfiguration(try recorded.parsed()).hyperparameters(convention)
        let rotary = try #require(model.layers[5].attention).rotary
        expect(rotary, recorded.frequencies, magnitude: recorded.magnitude)
        #expect(rotary.pairs == (model.architecture == "llama" && convention == .gguf ? .adjacent : .halves))
        guard model.architecture == "gemma3" else { return }
        // Layers with a window turn by a base of their own, which is never scaled.
        let local = try #require(model.layers[0].attention).rotary
        expect(local, (0..<128).map { pow(10000, -Double($0) / 128) }, magnitude: 1)
    }

    @Test("turn as a scaling by itself says, without a model file", arguments: recorded)
    func asDescribed(_ recorded: Recorded) throws {
        let config = try recorded.parsed()
        guard let scaling = config["rope_scaling"], let base = config["rope_theta"]?.real else { return }
        func number(_ key: String, _ usual: Double = .nan) -> Float { Float(scaling[key]?.real ?? usual) }
        var rotary = Rotary(dimension: 2 * recorded.frequencies.count, base: Float(base), pairs: .halves)
        let context = try #require(config["max_position_embeddings"]?.real)
        switch scaling["rope_type"]?.string ?? scaling["type"]?.string {
        case "linear": rotary.scaling = .linear(factor: number("factor"))
        case "dynamic":
            rotary.scaling = .ntk(
                factor: number("factor") * number("length") / Float(context) - (number("factor") - 1))
        case "yarn":
            rotary.scaling = .yarn(
                factor: number("factor"), originalContext: number("original_max_position_embeddings", context),
                slow: number("beta_slow", 1), fast: number("beta_fast", 32))
        case "llama3":
            rotary.scaling = .llama3(
                factor: number("factor"), originalContext: number("original_max_position_embeddings"),
                low: number("low_freq_factor"), high: number("high_freq_factor"))
        default: return
        }
        expect(rotary, recorded.frequencies, magnitude: 1)
    }

    @Test("All methods are among what was recorded, and more than a few models")
    func methods() {
        #expect(Self.recorded.count == 15)
        for method in ["linear", "ntk", "yarn", "llama 3.1", "longrope, long"] {
            #expect(Self.recorded.contains { $0.name == method })
        }
    }

    @Test("Cosines and sines are those of the angle, up to the last of a million positions")
    func angles() {
        let rotary = Rotary(dimension: 64, base: 10000, pairs: .halves)
        let frequencies = frequencies(rotary)
        for position: Int32 in [0, 1, 2, 63, 1000, 131_071, 1_048_575] {
            var (cosines, sines) = ([Float](repeating: 0, count: 32), [Float](repeating: 0, count: 32))
            tk_rotation(position, frequencies, 32, 1.5, &cosines, &sines)
            for pair in 0..<32 {
                let angle = Double(position) * frequencies[pair]
                #expect(abs(Double(cosines[pair]) - 1.5 * cos(angle)) < 1e-7)
                #expect(abs(Double(sines[pair]) - 1.5 * sin(angle)) < 1e-7)
            }
        }
    }

    @Test(
        "What the description cannot say is refused by name",
        arguments: [
            "\"rope_type\":\"dynamic\",\"factor\":2", "\"rope_type\":\"yarn\",\"factor\":2,\"truncate\":false",
            "\"rope_type\":\"longrope\",\"long_factor\":[1],\"short_factor\":[1,2]",
            "\"rope_type\":\"spiral\"",
        ])
    func refused(scaling: String) throws {
        let config = """
            {"architectures":["LlamaForCausalLM"],"hidden_size":64,"num_attention_heads":2,"intermediate_size":64,
            "num_hidden_layers":1,"vocab_size":3,"max_position_embeddings":64,"rope_scaling":{\(scaling),
            "original_max_position_embeddings":32}}
            """
        #expect(throws: ModelFileError.self) { try SafetensorsConfiguration(JSONValue(parsing: config)) }
    }
}
