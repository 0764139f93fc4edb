/// One decoder, or a few that read the same bytes, and what must hold of whatever they are given.
struct FuzzTarget: Sendable {
    /// How its inputs are built, so that a change may keep what is around it whole.
    enum Form: Sendable {
        /// One message of Protocol Buffers.
        case protobuf
        /// A message of Protocol Buffers behind so many bytes that are something else.
        case protobufBehind(bytes: Int)
        case text
        case binary
    }

    let name: String
    let form: Form
    /// Inputs are no longer than this: what is long is read no differently, only slower.
    let bytesMax: Int
    /// What the process may grow by over one input.
    var growthMiB = 64
    /// Processor time for one input. A shared machine may need long for little; what this asks for is far beyond that.
    var secondsMax = 2.0
    /// Words of the language that the input is written in.
    var words: [String] = []
    /// Well-formed inputs, from the encoders.
    let seeds: @Sendable () -> [[UInt8]]
    /// Reads the bytes. Refusing them is right; a trap, a hang, or `broken` is what is looked for.
    let read: @Sendable ([UInt8]) -> Void

    static let all: [FuzzTarget] = [
        .beacon, .gossip, .frame, .record, .command, .config, .certificate, .log, .invitation, .scenario, .model,
        .directory,
        .piece, .template, .tokens,
    ]
}

/// Ends the program: something that must hold does not.
func broken(_ what: @autoclosure () -> String) -> Never { fatalError("broken: \(what())") }

/// What was read and encoded must be read again, to the same meaning.
func comesBack<Value: Equatable>(_ value: Value, _ what: String, as again: () throws -> Value) {
    do {
        let second = try again()
        if second != value { broken("\(what): it comes back as \(second), and was \(value)") }
    } catch {
        broken("\(what): what was encoded is refused, \(error): \(value)")
    }
}
