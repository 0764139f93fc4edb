import NIOCore
import Testing
import Wire

@testable import Transport

@Suite("Cutting a stream into frames")
struct FrameParserTests {
    private let frames = [
        Frame.ping.encoded(), Sample.offer(3).encoded(), Sample.activation([1, 2, 3, 4]).encoded(),
        EncodedFrame(kind: 99, header: [], payload: Payload([5])), Sample.piece(300).encoded(),
    ]

    private func stream() -> ByteBuffer {
        var stream = ByteBuffer()
        for frame in frames {
            var buffer = frame.buffer(ByteBufferAllocator())
            stream.writeBuffer(&buffer)
        }
        return stream
    }

    @Test("a frame lies on a link as length, kind, header length, header, payload")
    func layout() {
        let buffer = EncodedFrame(kind: 7, header: [1, 2], payload: Payload([3, 4, 5])).buffer(ByteBufferAllocator())
        #expect(Array(buffer.readableBytesView) == [0, 0, 0, 10, 7, 0, 0, 0, 2, 1, 2, 3, 4, 5])
    }

    @Test("the frames of a stream are the same however it is cut", arguments: [1, 2, 3, 7, 9, 64, 1000])
    func cuts(_ size: Int) throws {
        var stream = stream()
        var parser = FrameParser()
        var found: [EncodedFrame] = []
        while stream.readableBytes > 0 {
            guard var part = stream.readSlice(length: min(size, stream.readableBytes)) else { break }
            while let frame = try parser.next(from: &part) { found.append(frame) }
            #expect(part.readableBytes == 0)
        }
        #expect(found == frames)
    }

    @Test("a length over the limits is refused with its fourth byte")
    func longFrame() throws {
        var parser = FrameParser(headerLimit: 10, payloadLimit: 20)
        var start = ByteBuffer(bytes: [0, 0, 0])
        let early = try parser.next(from: &start)
        #expect(early == nil)
        var last = ByteBuffer(bytes: [36])
        #expect(throws: WireError.tooLarge(what: "a frame", bytes: 36, limit: 35)) { try parser.next(from: &last) }
    }

    @Test("the longest frame within the limits is read")
    func longestFrame() throws {
        var parser = FrameParser(headerLimit: 10, payloadLimit: 20)
        let frame = EncodedFrame(
            kind: 1, header: [UInt8](repeating: 1, count: 10), payload: Payload([UInt8](repeating: 2, count: 20)))
        var buffer = frame.buffer(ByteBufferAllocator())
        let found = try parser.next(from: &buffer)
        #expect(found == frame)
    }

    @Test(
        "lengths that lie are refused",
        arguments: [
            [0, 0, 0, 0, 1, 0, 0, 0, 0],  // shorter than its own prefix
            [0, 0, 0, 4, 1, 0, 0, 0, 0],
            [0, 0, 0, 6, 1, 0, 0, 0, 2],  // a header longer than the frame
            [0, 0, 0, 5, 1, 0xff, 0xff, 0xff, 0xff],
            [0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0],
            [0, 0, 0, 5 + 21, 1, 0, 0, 0, 0],  // a payload over its limit, in a frame within
            [0, 0, 0, 5 + 11, 1, 0, 0, 0, 11],  // a header over its limit, likewise
        ] as [[UInt8]])
    func lies(_ bytes: [UInt8]) {
        #expect(throws: WireError.self) {
            var parser = FrameParser(headerLimit: 10, payloadLimit: 20)
            var buffer = ByteBuffer(bytes: bytes)
            _ = try parser.next(from: &buffer)
        }
    }

    @Test("garbage is refused or waits for more, and what is decoded from it never traps")
    func garbage() {
        var generator = SeededGenerator(seed: 74)
        for round in 0..<20_000 {
            var parser = FrameParser(headerLimit: 64, payloadLimit: 64)
            var bytes = (0..<Int.random(in: 0...80, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            // Most rounds begin with lengths that could be true; else nothing would come behind them.
            if round % 4 != 0, bytes.count >= 9 {
                bytes.replaceSubrange(0..<3, with: [0, 0, 0])
                bytes[3] %= 80
                bytes.replaceSubrange(5..<8, with: [0, 0, 0])
                bytes[8] %= 64
            }
            var buffer = ByteBuffer(bytes: bytes)
            while let frame = try? parser.next(from: &buffer) { _ = try? Frame(frame) }
        }
    }

    @Test("mutated frames are refused or read, and never trap")
    func mutations() {
        var generator = SeededGenerator(seed: 75)
        let original = Array(stream().readableBytesView)
        for _ in 0..<5_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            var parser = FrameParser()
            var buffer = ByteBuffer(bytes: bytes)
            while let frame = try? parser.next(from: &buffer) { _ = try? Frame(frame) }
        }
    }
}
