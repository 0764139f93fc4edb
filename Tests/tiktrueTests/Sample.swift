import Peer

/// A network made by hand: anna leads, ben and cleo vote too, attic only works. All go by revision 12.
enum Sample {
    static func home() -> NetworkDocument {
        let voters = ["anna", "ben", "cleo"]
        return NetworkDocument(
            name: "home", id: id("home"), revision: 12, certifiedBy: voters.map(id), voters: voters.map(id),
            role: "admin", quorum: true, leader: id("anna"), model: "m", blockCount: 32,
            peers: (voters + ["attic"]).map { name in
                PeerDocument(
                    id: id(name), name: name, address: "10.0.0.1:7420", state: .alive,
                    role: name == "anna" ? "admin" : "worker", votes: voters.contains(name), applied: 12, blocks: [],
                    copies: [], loaded: [], held: [], sharedMemory: 1 << 30)
            })
    }

    /// 64 hexadecimal digits that differ from name to name.
    static func id(_ name: String) -> String {
        let digits = name.utf8.map { String($0, radix: 16) }.joined()
        return digits + String(repeating: "0", count: 64 - digits.count)
    }
}
