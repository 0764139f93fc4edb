/// Bytes with a signature over them. The bytes are kept exactly as they came, since that is what was signed.
public struct Signed: Hashable, Sendable {
    public let payload: [UInt8]
    public let signer: PeerID
    public let signature: [UInt8]

    /// Wraps what was received; `isValid` says whether it holds.
    public init(payload: [UInt8], signer: PeerID, signature: [UInt8]) {
        self.payload = payload
        self.signer = signer
        self.signature = signature
    }

    public init(_ payload: [UInt8], domain: SignatureDomain, by signer: any Signer) {
        self.payload = payload
        self.signer = signer.peer
        self.signature = signer.sign(payload, domain: domain)
    }

    public func isValid(domain: SignatureDomain) -> Bool {
        SignatureVerifier.isValid(signature, over: payload, domain: domain, by: signer)
    }
}
