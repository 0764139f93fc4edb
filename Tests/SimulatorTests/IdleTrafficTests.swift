import Consensus
import Testing
import Wire

@testable import Simulator

@Suite("An idle network")
struct IdleTrafficTests {
    /// What each of five voting peers sends in a second, the leader first.
    private func bytesPerSecond(_ times: RaftTimes) throws -> [Int] {
        let home = try Home(seed: 7, hosts: 5) { world in
            for host in world.hosts { host.settings.raft.times = times }
        }
        let world = home.world
        let votesAreSettled = world.run(within: .seconds(60)) {
            world.hosts.allSatisfy { $0.config(of: home.network)?.voters.count == 5 }
        }
        #expect(votesAreSettled)
        // Peers call more often for a while after something has changed.
        world.run(for: .seconds(30))
        world.meter = TrafficMeter(hosts: 5)
        world.run(for: .seconds(60))
        let sent = try #require(world.meter).bytes.map { $0 / 60 }
        let leader = try #require(world.hosts.firstIndex { $0.inspect(home.network)?.role == .leader })
        return [sent[leader]] + sent.indices.filter { $0 != leader }.map { sent[$0] }
    }

    @Test("costs less than 2 KB a second on each peer, the leader too")
    func bytes() throws {
        let sent = try bytesPerSecond(RaftTimes())
        #expect(sent.allSatisfy { $0 < 2000 }, "\(sent)")
    }

    @Test("would cost its leader more than that with heartbeats as frequent as those to one that lags")
    func eagerBytes() throws {
        let times = RaftTimes(heartbeat: RaftTimes().retry, heartbeatsMissed: 10)
        let sent = try bytesPerSecond(times)
        #expect(sent[0] > 2000, "\(sent)")
    }
}
