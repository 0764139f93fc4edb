import Wire

/// Why a stage's work could not be done.
enum ComputeError: Error, CustomStringConvertible {
    case notMember
    case notLoaded(BlockRange)
    case noLogits(BlockRange)
    case formatBroken
    case otherWidth(Int, positions: Int)

    var description: String {
        switch self {
        case .notMember: "this peer has left the network"
        case .notLoaded(let blocks): "there is no room in memory for blocks \(blocks)"
        case .noLogits(let blocks): "blocks \(blocks) do not end as the route says"
        case .formatBroken: "the answer so far does not keep to its format; begin a new conversation"
        case .otherWidth(let bytes, let positions): "\(bytes) bytes are no hidden states of \(positions) positions"
        }
    }
}
