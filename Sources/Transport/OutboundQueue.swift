import NIOCore
import Wire

/// What waits to be written to one link: small frames first, bulk when there are none, each kind in the order of its sending.
struct OutboundQueue {
    private var small: CircularBuffer<EncodedFrame> = []
    private var bulk: CircularBuffer<EncodedFrame> = []
    /// As they will be on the link.
    private(set) var pendingBytes = 0

    var isEmpty: Bool { small.isEmpty && bulk.isEmpty }
    var hasBulk: Bool { !bulk.isEmpty }

    mutating func append(_ frame: EncodedFrame, isBulk: Bool) {
        pendingBytes += frame.wireBytes
        if isBulk { bulk.append(frame) } else { small.append(frame) }
    }

    /// The frame whose turn it is.
    mutating func next() -> EncodedFrame? {
        guard let frame = small.popFirst() ?? bulk.popFirst() else { return nil }
        pendingBytes -= frame.wireBytes
        return frame
    }

    /// Drops bulk, which is not worth waiting for when a link is closed.
    mutating func nextSmall() -> EncodedFrame? {
        guard let frame = small.popFirst() else { return nil }
        pendingBytes -= frame.wireBytes
        return frame
    }

    mutating func removeAll() { self = OutboundQueue() }
}
