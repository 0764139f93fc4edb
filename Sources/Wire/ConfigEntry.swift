import Identity

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a leader puts into the log: a command as its proposer signed it, with what every voter must judge it by alike.
public struct ConfigEntry: Hashable, Sendable {
    public let command: Signed
    /// The leader's, in seconds since 1970: invitations expire by it.
    public let wallClock: UInt64
    /// The plan that belongs to the change. Nil where the assignment is to stay.
    public let assignment: [NetworkConfig.Assignment]?

    public init(command: Signed, wallClock: UInt64, assignment: [NetworkConfig.Assignment]?) {
        self.command = command
        self.wallClock = wallClock
        self.assignment = assignment
    }
}

extension ConfigEntry: ProtobufCodable {
    static var what: String { "config entry" }

    public func encoded() -> [UInt8] { Coding.bytes(self) }
    public init(encoded bytes: [UInt8]) throws(WireError) { self = try Coding.value(bytes) }

    var message: PBConfigEntryMessage {
        var message = PBConfigEntryMessage()
        message.command = command.message
        message.wallClock = wallClock
        if let assignment { message.assignment = PBPlanMessage(assignment) }
        return message
    }

    init(message: PBConfigEntryMessage) throws(WireError) {
        self.init(
            command: try Signed(message: message.command), wallClock: message.wallClock,
            assignment: message.hasAssignment ? try message.assignment.assignments() : nil)
    }
}

extension PBPlanMessage {
    init(_ assignment: [NetworkConfig.Assignment]) {
        self.init()
        shares = assignment.map(\.message)
    }

    func assignments() throws(WireError) -> [NetworkConfig.Assignment] {
        try Field.count(shares.count, "assignment", limit: Limits.ranges)
        var assignments: [NetworkConfig.Assignment] = []
        for share in shares { assignments.append(try NetworkConfig.Assignment(message: share)) }
        return assignments
    }
}
