/// Why a command did not reach the peer, or came back without a result.
public enum ControlError: Error, Equatable, CustomStringConvertible {
    case noPeer
    case notPermitted(path: String)
    /// The peer's own sentence.
    case failed(String)
    case connectionLost
    /// The person pressed Ctrl-C.
    case interrupted
    case unreadableAnswer
    /// What was given to `network join`.
    case notAnInvitation(String)
    case lineTooLong(bytes: Int, limit: Int)
    case socketInUse(path: String)
    case notASocket(path: String)
    case pathTooLong(path: String)
    case systemRefused(operation: String, path: String, reason: String)

    public var description: String {
        switch self {
        case .noPeer: "No peer is running on this data directory; start one with: tiktrue up"
        case .notPermitted(let path):
            "the peer on this data directory belongs to another user (\(path)); run the command as that user"
        case .failed(let sentence): sentence
        case .connectionLost:
            "the peer went away before it answered; see what it printed, and start it with: tiktrue up"
        case .interrupted: "interrupted"
        case .unreadableAnswer: "the peer's answer cannot be read; is it the same version as this command?"
        case .notAnInvitation(let text):
            "\"\(text.prefix(40))\" is no invitation; ask a member of the network for one: "
                + "tiktrue network invite \(ControlError.networkName(text))"
        case .lineTooLong(let bytes, let limit):
            "the message of \(bytes) bytes is over the limit of \(limit); shorten it, or begin a new conversation"
        case .socketInUse(let path): "another peer answers on \(path); stop it, or give another --data-dir"
        case .notASocket(let path): "\(path) is in the way of the control socket; remove it, or give another --data-dir"
        case .pathTooLong(let path): "\(path) is too long for a socket; give a shorter --data-dir"
        case .systemRefused(let operation, let path, let reason):
            "the system refused to \(operation) \(path): \(reason)"
        }
    }

    /// The text where it could be a network's name, for the command that the person is told to ask for.
    private static func networkName(_ text: String) -> String {
        let plain = text.utf8.count <= 40 && text.allSatisfy { $0.isLetter || $0.isNumber || "-_.".contains($0) }
        return plain && !text.isEmpty ? text : "NAME"
    }
}
