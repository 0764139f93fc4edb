import Testing

@testable import Inference

@Suite("Against the reference tokenizer, the real model's")
struct TokenAgreementTests {
    struct Recorded: Decodable {
        let text: String
        let special: [Int32]
        let plain: [Int32]
    }

    let recorded: [Recorded]
    let tokenizer: Tokenizer

    init() throws {
        recorded = try Fixture.decode([Recorded].self, from: "tokens.json")
        tokenizer = try ModelMetadata(RealModel.open()).tokenizer
    }

    @Test("token ids of a page of mixed text and of many small ones are the same")
    func encode() throws {
        try #require(recorded.count > 30 && recorded[0].text.utf8.count > 5000)
        for case_ in recorded {
            let name = String(case_.text.prefix(40))
            #expect(tokenizer.encode(case_.text, parseSpecial: true) == case_.special, "\(name)")
            #expect(tokenizer.encode(case_.text, parseSpecial: false) == case_.plain, "\(name)")
        }
    }

    @Test("token ids of a megabyte of made-up text with broken bytes are the same")
    func sample() throws {
        try TokenizerKindTests.check(
            tokenizer, Fixture.decode(TokenizerKindTests.Expected.self, from: "sample.json"), "SmolLM2")
    }

    @Test("text comes back from its tokens, but for the control characters that the vocabulary lacks")
    func roundTrip() {
        for case_ in recorded {
            for ids in [case_.special, case_.plain] {
                #expect(String(decoding: tokenizer.decode(ids), as: UTF8.self) == case_.text)
            }
        }
    }

    @Test("the special tokens are those of the file")
    func specials() {
        #expect(tokenizer.vocabulary.count == 49152)
        #expect(tokenizer.vocabulary.beginningOfSequence == 1)
        #expect(tokenizer.vocabulary.endOfSequence == 2)
        #expect(tokenizer.addsBeginningOfSequence == false)
        #expect(tokenizer.isEndOfGeneration(2))
        #expect(tokenizer.isEndOfGeneration(0))
        #expect(!tokenizer.isEndOfGeneration(1))
    }
}

@Suite("The real model's metadata")
struct RealMetadataTests {
    @Test("make of a question the prompt that the reference recorded")
    func prompt() throws {
        struct Recorded: Decodable { let tokens: [Int32] }
        let metadata = try ModelMetadata(RealModel.open())
        let question = ChatMessage(role: "user", content: "What is the capital of France?")
        let recorded = try Fixture.decode([Recorded].self, from: "logits.json").map(\.tokens)
        #expect(recorded.contains(try metadata.promptTokens(for: [question])))
    }

    @Test("give its published parameters")
    func hyperparameters() throws {
        #expect(
            try RealModel.open().hyperparameters
                == Hyperparameters(
                    architecture: "llama", layerCount: 30, embeddingWidth: 576, feedForwardWidth: 1536, headCount: 9,
                    keyValueHeadCount: 3, headDimension: 64, ropeDimension: 64, ropeBase: 100_000, rmsEpsilon: 1e-5,
                    vocabularySize: 49152, contextLength: 8192, tiedEmbeddings: true))
    }
}
