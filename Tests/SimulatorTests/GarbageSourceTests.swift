import Identity
import MeshCore
import NetworkConfig
import Testing
import Wire

@testable import Simulator

@Suite struct GarbageSourceTests {
    @Test("A liar forges in others' names and plays back what was true once, in frames that can be read")
    func forgeries() throws {
        let home = try Home(seed: 3)
        let world = home.world
        let source = GarbageSource(seed: 1, world: world)
        let policy = NetworkPolicy(maxVoters: 5, voterGrace: 77)
        world.answer(world.request(0, .change(home.network, .setPolicy(policy))))
        world.run(for: .seconds(3))
        var (commands, strangersRecords, oldRecords, falseConfigs) = (0, 0, 0, 0)
        for _ in 0..<400 {
            switch source.forged(by: world.hosts[2], home.network) {
            case .proposal(_, let command, _):
                #expect(command.signer != world.hosts[2].peer)
                #expect(!command.isValid(domain: .command))
                commands += 1
            case .gossip(_, let message):
                for record in message.records {
                    if record.isValid(domain: .record) { oldRecords += 1 } else { strangersRecords += 1 }
                }
            case .config(let network, let certified):
                if Certificates.lack(in: certified, of: network) != nil { falseConfigs += 1 }
            case nil: continue
            case let other?: Issue.record("\(other)")
            }
        }
        #expect(commands > 0 && strangersRecords > 0 && oldRecords > 0 && falseConfigs > 0)
        #expect(world.violations == [])
    }
}
