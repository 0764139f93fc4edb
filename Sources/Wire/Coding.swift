import Identity
import SwiftProtobuf

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A value that has a form in bytes. Decoding checks every field and never traps.
protocol ProtobufCodable {
    associatedtype Message: SwiftProtobuf.Message
    static var what: String { get }
    var message: Message { get }
    init(message: Message) throws(WireError)
}

extension ProtobufCodable {
    func encoded() -> [UInt8] {
        do {
            return try message.serializedBytes()
        } catch {
            // Serializing fails for proto2 fields that are required and for sizes over 2 GiB; no message here has either.
            preconditionFailure("\(Self.what) cannot be encoded: \(error)")
        }
    }

    init(encoded bytes: [UInt8]) throws(WireError) {
        let message: Message
        do {
            message = try Message(serializedBytes: bytes)
        } catch {
            throw .malformed(Self.what)
        }
        try self.init(message: message)
    }
}

extension Signed {
    init(message: PBSignedMessage) throws(WireError) {
        guard message.signature.count == 64 else {
            throw .outOfRange(field: "signature", value: "\(message.signature.count) bytes")
        }
        self.init(
            payload: Array(message.payload), signer: try Field.peer(message.signer, "signer"),
            signature: Array(message.signature))
    }

    var message: PBSignedMessage {
        var message = PBSignedMessage()
        message.payload = Data(payload)
        message.signer = Data(signer.bytes)
        message.signature = Data(signature)
        return message
    }

    /// The envelope as bytes, for storage and datagrams.
    public func encoded() -> [UInt8] {
        do {
            return try message.serializedBytes()
        } catch {
            preconditionFailure("a signed envelope cannot be encoded: \(error)")
        }
    }

    public init(encoded bytes: [UInt8]) throws(WireError) {
        let message: PBSignedMessage
        do {
            message = try PBSignedMessage(serializedBytes: bytes)
        } catch {
            throw .malformed("signed envelope")
        }
        try self.init(message: message)
    }
}
