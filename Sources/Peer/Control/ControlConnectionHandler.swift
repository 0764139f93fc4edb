import Foundation
import NIOCore

/// Cuts what a client sends into lines, and refuses a line before it grows over the limit.
struct ControlLineDecoder: ByteToMessageDecoder {
    typealias InboundOut = ByteBuffer

    /// Bytes of the line that is coming in which there is no line feed. They are not searched again.
    private var searched = 0

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        let found = buffer.withUnsafeReadableBytes { bytes -> Int? in
            guard let base = bytes.baseAddress, bytes.count > searched,
                let end = memchr(base + searched, Int32(UInt8(ascii: "\n")), bytes.count - searched)
            else { return nil }
            return UnsafeRawPointer(end) - base
        }
        guard let length = found else {
            guard buffer.readableBytes <= ControlLine.bytesLimit else { throw tooLong(buffer.readableBytes) }
            searched = buffer.readableBytes
            return .needMoreData
        }
        searched = 0
        guard length <= ControlLine.bytesLimit else { throw tooLong(length) }
        if let line = buffer.readSlice(length: length) { context.fireChannelRead(wrapInboundOut(line)) }
        buffer.moveReaderIndex(forwardBy: 1)
        return .continue
    }

    mutating func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        // Half a line is no request.
        buffer.clear()
        return .needMoreData
    }

    private func tooLong(_ bytes: Int) -> ControlError { .lineTooLong(bytes: bytes, limit: ControlLine.bytesLimit) }
}

/// One client. Waits for its request, runs the service in a task, writes what that emits, and closes after the last event.
/// When the client goes away, or reads too slowly to keep within bounds, the task is cancelled.
final class ControlConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A client that has not asked anything by then is closed, so that it does not keep its place.
    private static let requestDeadline = TimeAmount.seconds(30)
    /// Answers that wait for a client that does not read.
    private static let pendingBytesLimit = 8 << 20

    private enum State {
        case waiting(deadline: Scheduled<Void>?)
        case working(Task<Void, Never>)
        /// The last event is written, or the client is gone.
        case ended
    }

    private let service: any ControlService
    private let connections: ControlConnections
    private var state = State.waiting(deadline: nil)
    private var pendingBytes = 0

    init(service: any ControlService, connections: ControlConnections) {
        self.service = service
        self.connections = connections
    }

    func channelActive(context: ChannelHandlerContext) {
        guard connections.add(context.channel) else {
            write(.failure("the peer serves \(ControlConnections.limit) commands already; try again soon"), context)
            return
        }
        let channel = context.channel
        let deadline = context.eventLoop.scheduleTask(in: ControlConnectionHandler.requestDeadline) {
            channel.close(promise: nil)
        }
        state = .waiting(deadline: deadline)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // One request to a connection: whatever follows it is dropped.
        guard case .waiting(let deadline) = state else { return }
        deadline?.cancel()
        guard let request = ControlLine.decode(ControlRequest.self, from: unwrapInboundIn(data).readableBytesView)
        else {
            write(.failure("the peer cannot read this command; is it the same version as the peer?"), context)
            return
        }
        let eventLoop = context.eventLoop
        let this = NIOLoopBound((handler: self, context: context), eventLoop: eventLoop)
        let connections = connections
        let emit: @Sendable (ControlEvent) -> Void = { event in
            connections.perform(on: eventLoop) { this.value.handler.write(event, this.value.context) }
        }
        let service = service
        let task = Task {
            await service.perform(request, emit: emit)
            // Dropped where the service ended as it should.
            emit(.failure("the peer ended its work on this command without a result"))
        }
        state = .working(task)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connections.remove(context.channel)
        switch state {
        case .waiting(let deadline): deadline?.cancel()
        case .working(let task): task.cancel()
        case .ended: break
        }
        state = .ended
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The decoder wraps nothing: a line that is too long comes as it was thrown.
        if let error = error as? ControlError, case .waiting(let deadline) = state {
            deadline?.cancel()
            write(.failure(error.description), context)
        } else {
            context.close(promise: nil)
        }
    }

    private func write(_ event: ControlEvent, _ context: ChannelHandlerContext) {
        if case .ended = state { return }
        let line: [UInt8]
        do {
            line = try ControlLine.encode(event)
        } catch {
            end(with: ControlEvent.failure(error.description), context)
            return
        }
        // Progress is worth nothing late.
        if case .progress = event, !context.channel.isWritable { return }
        guard pendingBytes + line.count <= ControlConnectionHandler.pendingBytesLimit else {
            context.close(promise: nil)
            return
        }
        pendingBytes += line.count
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        let written = context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: line)))
        written.whenComplete { _ in this.value.pendingBytes -= line.count }
        if event.isLast {
            state = .ended
            let channel = context.channel
            written.whenComplete { _ in channel.close(promise: nil) }
        }
    }

    private func end(with event: ControlEvent, _ context: ChannelHandlerContext) {
        if case .working(let task) = state { task.cancel() }
        write(event, context)
    }
}
