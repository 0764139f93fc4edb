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
