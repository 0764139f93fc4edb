import Foundation
import Peer

// What people read of networks and their peers.

extension Views {
    static func network(_ network: NetworkDocument) -> String { render(network, details: []) }

    /// The same with what changes seldom.
    static func networkInDetail(_ network: NetworkDocument) -> String {
        let policy = network.policy
        var details = [
            "at most \(count(policy.maxVoters, "voter")); one that is away for \(policy.voterGrace) s gives its seat to another",
            "conversations keep keys and values in \(policy.cacheFormat)",
        ]
        if !network.quorum, network.role == "admin", !awayVoters(of: network).isEmpty {
            details.append("if they are lost for good, go on without them: tiktrue network recover \(network.name)")
        }
        if !network.invitations.isEmpty {
            let open = network.invitations.map { "\(short($0.id)) (\($0.role), until \(time($0.expires)))" }
            details.append("open invitations: " + open.joined(separator: ", "))
        }
        return render(network, details: details)
    }

    private static func render(_ network: NetworkDocument, details: [String]) -> String {
        var lines = [
            "network \(network.name) (\(short(network.id))): model \(network.model), \(network.blockCount) blocks",
            "  " + revision(of: network),
        ]
        let leader = network.leader.map { ", led by \(name($0, in: network))" }
        lines.append("  your role is \(network.role)" + (network.quorum ? ", config can change" + (leader ?? "") : ""))
        if !network.quorum { lines.append("  " + frozen(network)) }
        lines += (details + [network.notice].compactMap { $0 }).map { "  " + $0 }
        let late = behind(network).map { "  \($0)\n" } ?? ""
        return lines.map { Visible.word($0) + "\n" }.joined()
            + peers(network.peers, leader: network.leader, indentation: 2) + Visible.text(late)
    }

    /// Which revision it is, and whose word that is.
    private static func revision(of network: NetworkDocument) -> String {
        let recovered =
            switch network.recoveries {
            case 0: ""
            case 1: " (recovered once)"
            default: " (recovered \(network.recoveries) times)"
            }
        let certifiers =
            network.certifiedBy.isEmpty
            ? "as the network was founded"
            : "certified by " + network.certifiedBy.map { name($0, in: network) }.joined(separator: ", ")
        return "revision \(network.revision)\(recovered), \(certifiers)"
    }

    /// Why nothing can be changed just now.
    static func frozen(_ network: NetworkDocument) -> String {
        let away = awayVoters(of: network)
        // They are all there, but have not agreed on a leader since.
        guard !away.isEmpty else {
            return "the config is frozen until the voters have agreed on a leader; chats go on"
        }
        return
            "the config is frozen, since a majority of the voters cannot be reached (\(away.joined(separator: ", ")) "
            + "\(away.count == 1 ? "is" : "are") away); chats go on"
    }

    private static func awayVoters(of network: NetworkDocument) -> [String] {
        network.voters.filter { id in network.peers.first { $0.id == id }?.state != .alive }.map {
            name($0, in: network)
        }
    }

    /// What a recovery costs and when it is right: two sentences, for whoever is about to do it.
    static func recovery(_ network: NetworkDocument) -> String {
        let away = awayVoters(of: network)
        return """
            This peer becomes the only voter of \(network.name) and goes on from revision \(network.revision): what the other \
            voters have decided after that, and decide until they hear of it, is lost.
            Do it only where a majority of them\(away.isEmpty ? "" : " (\(away.joined(separator: ", ")))") will never come \
            back; one that is only switched off is better switched on.

            """
    }

    /// Peers that do not go by the newest revision that this peer knows, as far as they have told.
    private static func behind(_ network: NetworkDocument) -> String? {
        let late = network.peers.filter {
            ($0.appliedGeneration, $0.applied) < (network.generation, network.revision)
        }
        guard !late.isEmpty else { return nil }
        let names = late.map { $0.applied == 0 ? $0.name : "\($0.name) (\($0.applied))" }
        return "not at revision \(network.revision) yet: " + names.joined(separator: ", ")
    }

    static func peers(_ peers: [PeerDocument], leader: String?, indentation: Int) -> String {
        var table = Table(
            [
                Table.Column("PEER"), Table.Column("NAME"), Table.Column("ADDRESS", minimum: 21), Table.Column("STATE"),
                Table.Column("ROLE", minimum: 6), Table.Column("VOTE", minimum: 4), Table.Column("BLOCKS", minimum: 6),
                Table.Column("COPIES", minimum: 6), Table.Column("READY", isNumber: true, minimum: 5),
                Table.Column("LENDS", isNumber: true),
            ], indentation: indentation)
        for peer in peers {
            table.add([
                short(peer.id), peer.name, peer.address, peer.state.rawValue, peer.role,
                vote(of: peer, leads: peer.id == leader), spans(peer.blocks), spans(peer.copies), readiness(of: peer),
                ByteSize(bytes: peer.sharedMemory).description,
            ])
        }
        return table.rendered()
    }

    static func memberships(_ memberships: PeerMembershipsDocument) -> String {
        var facts = Facts()
        facts.add("peer", "\(memberships.name) (\(memberships.id))")
        var text = facts.rendered()
        for entry in memberships.networks {
            let peer = entry.peer
            var facts = Facts()
            facts.add("network", "\(entry.network) (\(short(entry.id)))")
            facts.add("state", peer.state.rawValue + (peer.address.isEmpty ? "" : ", \(peer.address)"))
            facts.add("role", peer.role + (entry.leads ? ", leads the voters" : peer.votes ? ", votes" : ""))
            facts.add("revision", applied(of: entry))
            facts.add("blocks", spans(peer.blocks))
            facts.add("copies", spans(peer.copies))
            facts.add("ready", readiness(of: peer))
            let offered = peer.offeredMemory.map { " of \(ByteSize(bytes: $0)) that its owner offers" }
            facts.add("lends", "\(ByteSize(bytes: peer.sharedMemory))" + (offered ?? ""))
            text += "\n" + facts.rendered()
        }
        return text
    }

    private static func applied(of entry: PeerMembershipsDocument.Membership) -> String {
        let isCurrent = (entry.peer.appliedGeneration, entry.peer.applied) >= (entry.generation, entry.revision)
        if isCurrent { return "\(entry.peer.applied)" }
        return entry.peer.applied == 0
            ? "not told yet; the network is at \(entry.revision)"
            : "\(entry.peer.applied); the network is at \(entry.revision)"
    }

    private static func vote(of peer: PeerDocument, leads: Bool) -> String {
        leads ? "lead" : peer.votes ? "yes" : "-"
    }

    /// What people call a member; the beginning of its id where it is none any more.
    private static func name(_ id: String, in network: NetworkDocument) -> String {
        network.peers.first { $0.id == id }?.name ?? short(id)
    }

    /// How many of the blocks that it is to hold it can compute at once.
    private static func readiness(of peer: PeerDocument) -> String {
        let wanted = blocks(peer.blocks + peer.copies)
        return wanted.isEmpty ? "-" : "\(wanted.intersection(blocks(peer.loaded)).count)/\(wanted.count)"
    }

    private static func blocks(_ spans: [BlockSpan]) -> Set<Int> {
        spans.reduce(into: []) { set, span in
            if span.first <= span.last { set.formUnion(span.first...span.last) }
        }
    }

    /// Local time, by a format of `strftime`; to the minute unless told otherwise.
    static func time(_ seconds: UInt64, format: String = "%Y-%m-%d %H:%M") -> String {
        var moment = time_t(clamping: seconds)
        var parts = tm()
        localtime_r(&moment, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let length = strftime(&text, text.count, format, &parts)
        return String(decoding: text.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
