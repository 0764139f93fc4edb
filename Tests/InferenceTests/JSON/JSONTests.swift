import Foundation
import Testing

@testable import Inference

@Suite("JSON")
struct JSONTests {
    @Test(
        "is read and written again",
        arguments: [
            "null", "true", "-1.5", "0", "9223372036854775807", "\"a\\\"\\\\\\n\\u0001\"", "[]", "{}",
            "[1,[2,{\"a\":null,\"b\":[false]}]]", "\"\u{1F680}\u{e9}\"",
        ])
    func again(text: String) throws {
        #expect(try JSONValue(parsing: text).text == text)
    }

    @Test("takes white space, escapes, surrogate pairs and large numbers")
    func forms() throws {
        #expect(try JSONValue(parsing: " [ 1 ,\t2 ]\n") == .array([.integer(1), .integer(2)]))
        #expect(try JSONValue(parsing: "\"\\ud83d\\ude80\\/\\u00e9\"") == .string("\u{1F680}/\u{e9}"))
        #expect(try JSONValue(parsing: "1e3") == .real(1000))
        #expect(try JSONValue(parsing: "9223372036854775808") == .real(9223372036854775808))
        guard case .real(let zero) = try JSONValue(parsing: "-0") else { throw JSONError.limit(what: "") }
        #expect(zero.sign == .minus)
    }

    @Test(
        "that is none is refused",
        arguments: [
            "", " ", "nul", "01", "1.", ".5", "+1", "1e", "-", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":1,}", "{a:1}",
            "\"", "\"\n\"", "\"\\x\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "1 2", "[",
            "{\"a\":1,\"a\":2}",
            "NaN", "\u{FEFF}1", "\"\\u00g0\"", "]",
        ])
    func malformed(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test("keeps the order of keys, and tells texts apart that only look alike")
    func keys() throws {
        let object = try #require(try JSONValue(parsing: "{\"b\":1,\"a\":2,\"\u{e9}\":3,\"e\u{301}\":4}").object)
        #expect(object.keys.map { Array($0.utf8) } == ["b", "a", "\u{e9}", "e\u{301}"].map { Array($0.utf8) })
        #expect(object["e\u{301}"] == .integer(4))
    }

    @Test("has bounds")
    func bounds() {
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(throws: JSONError.limit(what: "more than 64 levels")) { try JSONValue(parsing: deep) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: "[1,2,3]", limits: .init(values: 3)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: "[1,2,3]", limits: .init(bytes: 3)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test("agrees with Foundation on damaged documents")
    func mutations() throws {
        let document = Array(
            "{\"a\":[1,-2.5e3,true,null,\"x\\n\\u00e9\\ud83d\\ude80\"],\"b\":{\"c\":\"d\"},\"e\":[]}".utf8)
        var generator = SplitMix(state: 9)
        for _ in 0..<3000 {
            var bytes = document
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...2, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &generator)
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &generator)], at: place)
                }
            }
            // Foundation takes what is not JSON, keys that stand twice among it: compared is only what we take.
            guard (try? JSONValue(parsing: bytes)) != nil else { continue }
            #expect(
                throws: Never.self, "\(String(decoding: bytes, as: UTF8.self))",
                performing: {
                    _ = try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
                })
        }
    }
}
