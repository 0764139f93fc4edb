extension Scenario {
    /// Built in, so that it runs without any file; Simulations/swarm.yaml says the same.
    public static let swarm: Scenario = {
        var swarm = Scenario(
            name: "swarm",
            story: """
                Anything may happen to anybody. Each seed draws its own world: how many machines there are, how good \
                the network and the disks are, what people do, and which kinds of faults come how often. A failure that \
                no other story thought of is found here.
                """,
            peers: 3...9)
        swarm.lends = 0.4...1.5
        swarm.network.latency = 0...30
        swarm.network.jitter = 0...100
        swarm.network.loss = 0...0.3
        swarm.network.duplicates = 0...0.5
        swarm.network.multicast = 0.8
        swarm.network.pairsWithoutDatagrams = 0...0.3
        swarm.disk.write = 0.1...50
        swarm.opening = .arrivals(within: 1...20)
        swarm.workload.chats = 2...20
        swarm.workload.answer = 4...48
        swarm.workload.changes = 0...10
        swarm.workload.joins = 0...2
        swarm.workload.leaves = 0...1
        swarm.chaos = {
            var chaos = Chaos()
            chaos.rate = 2...20
            chaos.lasting = 0.5...30
            chaos.each = 0.4
            return chaos
        }()
        swarm.lasts = 20...60
        swarm.recoversWithin = 120
        return swarm
    }()
}
