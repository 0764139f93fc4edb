import Identity
import MeshCore
import NetworkConfig
import Wire

/// Which member a person means by a word: its whole id, its name, or at least four digits that its id begins with.
///
/// Peers choose their own names, so a name may look like the beginning of another's id: what fits two peers means neither. Only a
/// whole id is never outshone by a name.
enum PeerChoice {
    struct Candidate: Hashable {
        let peer: PeerID
        let name: String
    }

    static let fewestDigits = 4

    /// - Parameter place: where was looked, for the sentence: `the network home`.
    static func chosen(
        _ word: String, among candidates: [Candidate], in place: String
    ) throws(ServiceFailure) -> Candidate {
        let digits = word.lowercased()
        if let whole = candidates.first(where: { $0.peer.description == digits }) { return whole }
        var found: [Candidate] = []
        for candidate in candidates where candidate.name == word || begins(candidate.peer.description, with: digits) {
            // One peer may stand in several networks.
            if !found.contains(where: { $0.peer == candidate.peer }) { found.append(candidate) }
        }
        guard let first = found.first else {
            throw ServiceFailure("there is no peer \(word) in \(place); see: tiktrue peer list")
        }
        guard found.count == 1 else {
            let all = found.map { "\($0.name) \(distinct($0.peer, among: found))" }.joined(separator: ", ")
            throw ServiceFailure(
                "the word \(word) fits \(found.count) peers (\(all)); name one by more digits of its id")
        }
        return first
    }

    /// Whether the text is enough of an id, and of that one.
    static func begins(_ id: String, with digits: String) -> Bool {
        digits.utf8.count >= fewestDigits && id.hasPrefix(digits)
    }

    /// As many of the first digits of an id, eight at least, as tell it from all others.
    private static func distinct(_ peer: PeerID, among all: [Candidate]) -> String {
        let id = peer.description
        let length = stride(from: 8, to: id.count, by: 4).first { length in
            all.count { $0.peer.description.hasPrefix(id.prefix(length)) } == 1
        }
        return String(id.prefix(length ?? id.count))
    }
}

extension NetworkStatus {
    /// The member that a person means.
    func peer(_ word: String) throws(ServiceFailure) -> Peer {
        let chosen = try PeerChoice.chosen(
            word, among: peers.map { PeerChoice.Candidate(peer: $0.member.peer, name: $0.member.name) },
            in: "the network \(config.name)")
        guard let peer = peers.first(where: { $0.member.peer == chosen.peer }) else { throw .unexpected }
        return peer
    }

    /// The open invitation that a person means: by its text, its id, or at least four digits that the id begins with.
    func invitation(_ word: String) throws(ServiceFailure) -> NetworkConfig.Invitation {
        let keys: [PeerID]
        if let invitation = Invitation(text: word) {
            guard invitation.network == id else {
                throw ServiceFailure("this invitation is for another network than \(config.name)")
            }
            keys = [invitation.key.peer]
        } else {
            let digits = word.lowercased()
            keys = config.invitations.map(\.key).filter { PeerChoice.begins($0.description, with: digits) }
        }
        let found = config.invitations.filter { keys.contains($0.key) }
        guard let first = found.first else {
            throw ServiceFailure(
                "there is no such open invitation to \(config.name); it was used, has expired or was mistyped, "
                    + "see: tiktrue network show \(config.name)")
        }
        guard found.count == 1 else {
            throw ServiceFailure("the digits \(word) fit \(found.count) invitations; give more of them")
        }
        return first
    }
}
