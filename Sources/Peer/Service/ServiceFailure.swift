/// One sentence for the person who asked: why it failed and what to do.
struct ServiceFailure: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }

    static let unexpected = ServiceFailure(
        "the peer answered something that was not asked; restart it with: tiktrue up")
    static let stopping = ServiceFailure("this peer is stopping")
    static let noNetwork = ServiceFailure(
        "this peer is in no network yet; run: tiktrue network create NAME --model M, or tiktrue network join INVITATION"
    )
}
