import Identity
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A frame as it lies on a link, without the lengths that transport adds.
public struct EncodedFrame: Hashable, Sendable {
    public let kind: UInt8
    public let header: [UInt8]
    public let payload: Payload
    public init(kind: UInt8, header: [UInt8], payload: Payload) {
        self.kind = kind
        self.header = header
        self.payload = payload
    }
}

/// The numbers of the kinds. Never used twice for different things.
enum FrameKind: UInt8 {
    case hello = 1
    case ping = 2
    case pong = 3
    case beacon = 4
    case gossip = 10
    case configOffer = 20
    case configRequest = 21
    case config = 22
    case proposal = 23
    case proposalResult = 24
    case vouch = 25
    case raft = 26
    case standingRequest = 27
    case standing = 28
    case pieceRequest = 30
    case pieceData = 31
    case routeOpen = 40
    case resume = 41
    case tokens = 42
    case activation = 43
    case sampled = 44
    case stageProgress = 45
    case stageFailed = 46
    case sessionClose = 47
    case embedded = 48
}

extension Frame {
    public func encoded() -> EncodedFrame {
        switch self {
        case .hello(let hello):
            var header = PBHelloFrame()
            header.version = UInt32(hello.version)
            header.name = hello.name
            header.linkPort = UInt32(hello.linkPort)
            header.boot = hello.boot
            return Frame.assemble(.hello, header)
        case .ping:
            return EncodedFrame(kind: FrameKind.ping.rawValue, header: [], payload: .empty)
        case .pong:
            return EncodedFrame(kind: FrameKind.pong.rawValue, header: [], payload: .empty)
        case .beacon(let beacon):
            var header = PBBeaconFrame()
            header.beacon = beacon.message
            return Frame.assemble(.beacon, header)
        case .gossip(let network, let message):
            return Frame.assemble(.gossip, message.message(network: network))
        case .configOffer, .configRequest, .config, .proposal, .proposalResult, .vouch, .raft, .standingRequest,
            .standing:
            return encodedConfigFrame()
        case .pieceRequest(let request):
            var header = PBPieceRequestFrame()
            header.digest = Data(request.digest.bytes)
            header.offset = request.offset
            header.length = UInt32(request.length)
            return Frame.assemble(.pieceRequest, header)
        case .pieceData(let data):
            var header = PBPieceDataFrame()
            header.digest = Data(data.digest.bytes)
            header.offset = data.offset
            header.total = data.total
            header.refusal = data.refusal
            return Frame.assemble(.pieceData, header, payload: data.payload)
        case .routeOpen, .resume, .tokens, .activation, .sampled, .embedded, .stageProgress, .stageFailed,
            .sessionClose:
            return encodedChainFrame()
        }
    }

    static func assemble(_ kind: FrameKind, _ header: some SwiftProtobuf.Message, payload: Payload = .empty)
        -> EncodedFrame
    {
        do {
            return EncodedFrame(kind: kind.rawValue, header: try header.serializedBytes(), payload: payload)
        } catch {
            preconditionFailure("a frame of kind \(kind) cannot be encoded: \(error)")
        }
    }

    static func header<Header: SwiftProtobuf.Message>(_ type: Header.Type, _ frame: EncodedFrame) throws(WireError)
        -> Header
    {
        do {
            return try Header(serializedBytes: frame.header)
        } catch {
            throw .malformed("frame of kind \(frame.kind)")
        }
    }

    /// Reads a frame. Every field is checked; a kind that this version does not know throws `unknownKind`, which a newer peer may
    /// cause and which is no reason to close the link.
    public init(_ frame: EncodedFrame) throws(WireError) {
        guard let kind = FrameKind(rawValue: frame.kind) else { throw .unknownKind(frame.kind) }
        guard frame.payload.count == 0 || kind == .pieceData || kind == .activation || kind == .embedded else {
            throw .malformed("frame of kind \(frame.kind): it has a payload")
        }
        switch kind {
        case .hello:
            let header = try Frame.header(PBHelloFrame.self, frame)
            self = .hello(
                Hello(
                    version: try Field.number(header.version, "version", in: 1...1_000_000),
                    name: try Field.text(header.name, "name"),
                    linkPort: try Field.number(header.linkPort, "link_port", in: 0...65535), boot: header.boot))
        case .ping: self = .ping
        case .pong: self = .pong
        case .beacon:
            self = .beacon(try Signed(message: try Frame.header(PBBeaconFrame.self, frame).beacon))
        case .gossip:
            let header = try Frame.header(PBGossipMessage.self, frame)
            self = .gossip(network: try Field.network(header.network), try GossipMessage(message: header))
        case .configOffer, .configRequest, .config, .proposal, .proposalResult, .vouch, .raft, .standingRequest,
            .standing:
            self = try Frame.configFrame(kind, frame)
        case .pieceRequest:
            let header = try Frame.header(PBPieceRequestFrame.self, frame)
            guard header.offset <= Limits.pieceBytes else {
                throw .outOfRange(field: "offset", value: "\(header.offset)")
            }
            self = .pieceRequest(
                PieceRequest(
                    digest: try Field.digest(header.digest, "digest"), offset: header.offset,
                    length: try Field.number(header.length, "length", in: 1...Limits.piecePartBytes)))
        case .pieceData:
            let header = try Frame.header(PBPieceDataFrame.self, frame)
            guard header.total <= Limits.pieceBytes, header.offset <= header.total,
                UInt64(frame.payload.count) <= header.total - header.offset,
                frame.payload.count <= Limits.piecePartBytes
            else { throw .outOfRange(field: "offset", value: "\(header.offset)") }
            self = .pieceData(
                PieceData(
                    digest: try Field.digest(header.digest, "digest"), offset: header.offset, total: header.total,
                    refusal: try Field.text(header.refusal, "refusal", limit: Limits.reasonBytes),
                    payload: frame.payload))
        case .routeOpen, .resume, .tokens, .activation, .sampled, .embedded, .stageProgress, .stageFailed,
            .sessionClose:
            self = try Frame.chainFrame(kind, frame)
        }
    }
}
