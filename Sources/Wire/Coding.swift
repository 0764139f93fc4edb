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
    func encoded() -> [UInt8] { Coding.bytes(self) }
    init(encoded bytes: [UInt8]) throws(WireError) { self = try Coding.value(bytes) }
}

enum Coding {
    static func bytes<Value: ProtobufCodable>(_ value: Value) -> [UInt8] {
        do {
            return try value.message.serializedBytes()
        } catch {
            // Serializing fails for proto2 fields that are required and for sizes over 2 GiB; no message here has either.
            preconditionFailure("\(Value.what) cannot be encoded: \(error)")
        }
    }

    static func value<Value: ProtobufCodable>(_ bytes: [UInt8]) throws(WireError) -> Value {
        let message: Value.Message
        do {
            message = try Value.Message(serializedBytes: bytes)
        } catch {
            throw .malformed(Value.what)
        }
        return try Value(message: message)
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
