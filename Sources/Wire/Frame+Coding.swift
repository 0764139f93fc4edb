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
    case recordDigest = 10
    case records = 11
    case configOffer = 20
    case configRequest = 21
    case config = 22
    case proposal = 23
    case proposalResult = 24
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
        case .recordDigest(let network, let versions):
            var header = PBRecordDigestFrame()
            header.network = Data(network.bytes)
            header.versions = versions.map { entry in
                var inner = PBRecordVersionMessage()
                inner.peer = Data(entry.peer.bytes)
                inner.epoch = entry.version.epoch
                inner.sequence = entry.version.sequence
                return inner
            }
            return Frame.assemble(.recordDigest, header)
        case .records(let network, let records):
            var header = PBRecordsFrame()
            header.network = Data(network.bytes)
            header.records = records.map(\.message)
            return Frame.assemble(.records, header)
        case .configOffer(let network, let revision):
            var header = PBConfigOfferFrame()
            header.network = Data(network.bytes)
            header.revision = revision.value
            return Frame.assemble(.configOffer, header)
        case .configRequest(let network):
            var header = PBConfigRequestFrame()
            header.network = Data(network.bytes)
            return Frame.assemble(.configRequest, header)
        case .config(let network, let first, let latest):
            var header = PBConfigFrame()
            header.network = Data(network.bytes)
            header.first = first.message
            header.latest = latest.message
            return Frame.assemble(.config, header)
        case .proposal(let network, let command):
            var header = PBProposalFrame()
            header.network = Data(network.bytes)
            header.command = command.message
            return Frame.assemble(.proposal, header)
        case .proposalResult(let result):
            var header = PBProposalResultFrame()
            header.network = Data(result.network.bytes)
            header.proposal = Data(result.proposal.bytes)
            header.accepted = result.accepted
            header.revision = result.revision.value
            header.reason = result.reason
            return Frame.assemble(.proposalResult, header)
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
        case .routeOpen, .resume, .tokens, .activation, .sampled, .stageProgress, .stageFailed, .sessionClose:
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
        guard frame.payload.count == 0 || kind == .pieceData || kind == .activation else {
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
        case .recordDigest:
            let header = try Frame.header(PBRecordDigestFrame.self, frame)
            try Field.count(header.versions.count, "versions", limit: Limits.members)
            var versions: [RecordDigestEntry] = []
            for entry in header.versions {
                versions.append(
                    RecordDigestEntry(
                        peer: try Field.peer(entry.peer, "peer"),
                        version: try Field.version(epoch: entry.epoch, sequence: entry.sequence)))
            }
            self = .recordDigest(network: try Field.network(header.network), versions: versions)
        case .records:
            let header = try Frame.header(PBRecordsFrame.self, frame)
            try Field.count(header.records.count, "records", limit: Limits.members)
            var records: [Signed] = []
            for record in header.records { records.append(try Signed(message: record)) }
            self = .records(network: try Field.network(header.network), records: records)
        case .configOffer:
            let header = try Frame.header(PBConfigOfferFrame.self, frame)
            self = .configOffer(
                network: try Field.network(header.network), revision: try Field.revision(header.revision))
        case .configRequest:
            self = .configRequest(
                network: try Field.network(try Frame.header(PBConfigRequestFrame.self, frame).network))
        case .config:
            let header = try Frame.header(PBConfigFrame.self, frame)
            self = .config(
                network: try Field.network(header.network), first: try Signed(message: header.first),
                latest: try Signed(message: header.latest))
        case .proposal:
            let header = try Frame.header(PBProposalFrame.self, frame)
            self = .proposal(network: try Field.network(header.network), command: try Signed(message: header.command))
        case .proposalResult:
            let header = try Frame.header(PBProposalResultFrame.self, frame)
            self = .proposalResult(
                ProposalResult(
                    network: try Field.network(header.network), proposal: try Field.session(header.proposal),
                    accepted: header.accepted, revision: try Field.revision(header.revision),
                    reason: try Field.text(header.reason, "reason", limit: Limits.reasonBytes)))
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
        case .routeOpen, .resume, .tokens, .activation, .sampled, .stageProgress, .stageFailed, .sessionClose:
            self = try Frame.chainFrame(kind, frame)
        }
    }
}
