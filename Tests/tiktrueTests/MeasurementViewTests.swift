import Foundation
import Peer
import Testing

@testable import tiktrue

@Suite("What people read of a measurement")
struct MeasurementViewTests {
    private func read<Document: Decodable>(_ json: String) throws -> Document {
        try JSONDecoder().decode(Document.self, from: Data(json.utf8))
    }

    @Test("the format in which bench kept keys and values, above its table")
    func bench() throws {
        let document: BenchDocument = try read(
            """
            {"model": "m", "instructions": "avx2", "threads": 1, "prefill_tokens_per_second": 2,
             "decode_tokens_per_second": 3, "context": 1, "sequences": 1, "cache_format": "q8_0",
             "hop_ms": {"p50": 1, "p99": 2}, "memory": {"weights": 5, "file": 6}, "runs": []}
            """)
        let head = try #require(Views.bench(document).split(separator: "THREADS").first)
        #expect(head.contains("\ncache         q8_0\n"))
    }

    @Test("the format in which perplexity kept them")
    func perplexity() throws {
        let document: PerplexityDocument = try read(
            """
            {"model": "m", "threads": 1, "context": 512, "cache_format": "q8_0", "perplexity": 20, "standard_error": 1,
             "tokens": 1024, "scored_tokens": 510, "windows": 2, "seconds": 3}
            """)
        #expect(Views.perplexity(document).contains("\ncache       q8_0\n"))
    }
}
