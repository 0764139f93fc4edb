import Foundation
import GossipWorld
import Identity
import Membership
import Wire

// What gossip achieves, on a simulated LAN: `tools/bench-gossip`, for docs/simulation.md.

func percentile(_ values: [Double], _ share: Double) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int((Double(sorted.count) * share).rounded(.up)) - 1)]
}

func text(_ value: Double, _ digits: Int = 0) -> String {
    var power = 1.0
    for _ in 0..<digits { power *= 10 }
    let rounded = (value * power).rounded() / power
    return digits == 0 ? "\(Int(rounded))" : "\(rounded)"
}

/// Milliseconds from a change until every member knows it, from the quiet state; one world gives several samples.
func converge(
    _ count: Int, loss: Double, samples: Int, pause: Interval = .seconds(12), linked: Bool = false,
    _ settings: GossipSettings = .standard
) -> [Double] {
    var times: [Double] = []
    var seed: UInt64 = 1
    while times.count < samples {
        let world = World(count, seed: seed, settings: settings, linked: linked)
        seed += 1
        world.advance(.seconds(15))
        world.faults.loss = loss
        for _ in 0..<50 where times.count < samples {
            world.advance(Interval(nanoseconds: pause.nanoseconds + Int64(world.draw(0...2_000_000_000))))
            let owner = world.draw(0...count - 1)
            var left = count - 1
            let began = world.now
            world.onNews = { _, peer, _ in if peer == world.peer(owner) { left -= 1 } }
            world.publish(owner)
            world.advance(.seconds(30)) { left == 0 }
            times.append(left == 0 ? world.now.since(began).milliseconds : 30_000)
        }
    }
    return times
}

func falseDeaths(_ count: Int, loss: Double, hours: Double, seed: UInt64, linked: Bool) -> (
    suspicions: Int, deaths: Int
) {
    let world = World(count, seed: seed, linked: linked)
    world.faults.loss = loss
    var (suspicions, deaths) = (0, 0)
    world.onLiveness = { _, _, liveness in
        if liveness == .suspect { suspicions += 1 }
        if liveness == .dead { deaths += 1 }
    }
    world.advance(.milliseconds(Int64(hours * 3_600_000)))
    return (suspicions, deaths)
}

/// Members that stall 5 to 30 s again and again; deaths of healthy members, counted at each that believes one.
func stalls(_ count: Int, share: Double, minutes: Int, isLifeguardOn: Bool, seed: UInt64, gap: Int = 1_000) -> (
    healthy: Int, atHealthy: Int, ofStalled: Int, started: Int
) {
    var settings = GossipSettings()
    settings.isLifeguardOn = isLifeguardOn
    let world = World(count, seed: seed, settings: settings)
    world.faults.backlogCost = .milliseconds(10)
    let slow = Int((Double(count) * share).rounded())
    var result = (healthy: 0, atHealthy: 0, ofStalled: 0, started: 0)
    world.onLiveness = { at, about, liveness in
        guard liveness == .dead else { return }
        if about < slow {
            result.ofStalled += 1
        } else {
            result.healthy += 1
            if at >= slow { result.atHealthy += 1 }
        }
    }
    world.advance(.seconds(10))
    result = (0, 0, 0, 0)
    var due = (0..<slow).map { _ in world.draw(0...10_000) }
    var clock = 0
    while clock < minutes * 60_000 {
        world.advance(.milliseconds(10))
        clock += 10
        for number in 0..<slow where due[number] <= clock {
            let length = world.draw(5_000...30_000)
            world.stall(number, for: .milliseconds(Int64(length)))
            due[number] = clock + length + world.draw(1...gap)
        }
    }
    return result
}

/// Bytes and messages per second and member, and how long it takes to compute a second of one.
func traffic(_ count: Int, changesPerSecond: Double, seconds: Int, linked: Bool = false) -> (
    bytes: Double, messages: Double, cpu: Double
) {
    let world = World(count, seed: 3, linked: linked)
    world.advance(.seconds(20))
    let before = (world.members.reduce(0) { $0 + $1.bytes }, world.members.reduce(0) { $0 + $1.sent })
    let clock = ContinuousClock()
    let cpu = clock.measure {
        if changesPerSecond == 0 {
            world.advance(.seconds(Int64(seconds)))
        } else {
            for _ in 0..<Int(Double(seconds) * changesPerSecond) {
                world.publish(world.draw(0...count - 1))
                world.advance(Interval(nanoseconds: Int64(1e9 / changesPerSecond)))
            }
        }
    }
    let after = (world.members.reduce(0) { $0 + $1.bytes }, world.members.reduce(0) { $0 + $1.sent })
    let share = Double(count * seconds)
    let spent = Double(cpu.components.seconds) + Double(cpu.components.attoseconds) / 1e18
    return (Double(after.0 - before.0) / share, Double(after.1 - before.1) / share, spent / share)
}

/// From a crash until the first, and until the last member believes it, in milliseconds.
func detection(_ count: Int, loss: Double, samples: Int, quiet: Bool) -> (first: [Double], last: [Double]) {
    var result: (first: [Double], last: [Double]) = ([], [])
    for seed in 1...samples {
        let world = World(count, seed: UInt64(seed))
        world.faults.loss = loss
        world.advance(.milliseconds(Int64((quiet ? 15_000 : 2_000) + world.draw(0...1_000))))
        let victim = world.draw(0...count - 1)
        var dead = 0
        var first: Double?
        let began = world.now
        world.onLiveness = { _, about, liveness in
            guard about == victim, liveness == .dead else { return }
            dead += 1
            if first == nil { first = world.now.since(began).milliseconds }
        }
        world.crash(victim)
        world.advance(.seconds(60)) { dead >= count - 1 }
        result.first.append(first ?? 60_000)
        result.last.append(world.now.since(began).milliseconds)
    }
    return result
}

let arguments = CommandLine.arguments

/// What was given at that place; nil where nothing was. Anything but a number ends the program.
func given<Value: LosslessStringConvertible & Comparable & ExpressibleByIntegerLiteral>(_ place: Int) -> Value? {
    guard arguments.count > place else { return nil }
    guard let value = Value(arguments[place]), value >= 0 else {
        FileHandle.standardError.write(Data("'\(arguments[place])' is no number that this takes\n".utf8))
        exit(2)
    }
    return value
}

/// A number of peers: gossip takes two.
func peers(_ place: Int, or usual: [Int]) -> [Int] { given(place).map { [max(2, $0)] } ?? usual }

/// A line that is seen at once, in a pipe too.
func say(_ text: String) {
    print(text)
    fflush(nil)
}

let what = arguments.count > 1 ? arguments[1] : "all"
if what == "converge" || what == "all" {
    say("convergence from quiet, ms (p50 / p99 / max)")
    for count in peers(3, or: [8, 32, 64, 256]) {
        for loss in given(4).map({ [min($0, 0.9)] }) ?? [0, 0.05, 0.3] {
            let times = converge(count, loss: loss, samples: max(1, given(2) ?? 200), pause: .seconds(7))
            say(
                "  N \(count) loss \(Int(loss * 100)) %: \(text(percentile(times, 0.5))) / \(text(percentile(times, 0.99))) / \(text(percentile(times, 1)))"
            )
        }
    }
}
if what == "detect" || what == "all" {
    say("a crash is noticed, ms: first p50/p99, last p50/p99")
    for count in peers(2, or: [2, 3, 8, 32, 64, 256]) {
        let found = detection(count, loss: 0, samples: count > 64 ? 40 : 200, quiet: true)
        say(
            "  N \(count): \(text(percentile(found.first, 0.5)))/\(text(percentile(found.first, 0.99)))  \(text(percentile(found.last, 0.5)))/\(text(percentile(found.last, 0.99)))"
        )
    }
}
if what == "start" {
    for count in [32, 256] {
        let world = World(count, seed: 1)
        for _ in 0..<12 {
            world.advance(.seconds(5))
            let summaries = Dictionary(grouping: world.members, by: \.gossip.summary).values.map(\.count).max() ?? 0
            say(
                "N \(count) at \(text(world.now.since(.zero).milliseconds)): \(summaries) alike, records \(world.members.map(\.gossip.records.count).min() ?? 0), bytes \(world.members.reduce(0) { $0 + $1.bytes } / count)"
            )
        }
    }
}
if what == "parts" {
    let (count, rate) = (peers(2, or: [32])[0], given(3) ?? 0.0)
    let world = World(count, seed: 3)
    world.advance(.seconds(20))
    var parts = [String: Int]()
    world.onAction = { _, action in
        guard case .send(let message, _, _) = action else { return }
        let kind =
            switch message.kind {
            case .ping: "ping";
            case .ack: "ack";
            case .news: "news";
            default: "other"
            }
        parts["\(kind) frames", default: 0] += GossipMessage.frameBytes(message.kind) + 100
        parts["\(kind) rumours", default: 0] += message.rumours.reduce(0) { $0 + $1.estimatedBytes }
        parts["\(kind) digests", default: 0] += message.digest?.estimatedBytes ?? 0
        parts["\(kind) records", default: 0] += message.records.reduce(0) { $0 + $1.estimatedGossipBytes }
    }
    if rate == 0 { world.advance(.seconds(20)) }
    for _ in 0..<Int(20 * rate) {
        world.publish(world.draw(0...count - 1)); world.advance(Interval(nanoseconds: Int64(1e9 / max(rate, 0.01))))
    }
    for (part, bytes) in parts.sorted(by: { $0.value > $1.value }) where bytes > 0 {
        say("\(part) \(bytes / count / 20)")
    }
}
if what == "loss" || what == "all" {
    for linked in [false, true] {
        let found = falseDeaths(64, loss: 0.05, hours: 1, seed: 5, linked: linked)
        say(
            "64 peers, 5 % loss, 1 h, links \(linked): \(found.suspicions) suspect beliefs, \(found.deaths) false deaths"
        )
    }
}
if what == "stall" || what == "all" {
    for gap in [100, 1_000, 10_000] {
        for isOn in [true, false] {
            var sum = (0, 0, 0)
            for seed in 1...2 {
                let found = stalls(64, share: 0.1, minutes: 5, isLifeguardOn: isOn, seed: UInt64(seed), gap: gap)
                sum = (sum.0 + found.healthy, sum.1 + found.atHealthy, sum.2 + found.ofStalled)
            }
            say(
                "64 peers, 10 % stalling, up to \(gap) ms between, 10 min, Lifeguard \(isOn): healthy believed dead \(sum.0) (by healthy \(sum.1)); stalled believed dead \(sum.2)"
            )
        }
    }
}
if what == "bytes" || what == "all" {
    for count in peers(2, or: [5, 32, 256]) {
        let idle = traffic(count, changesPerSecond: 0, seconds: 60)
        let busy = traffic(count, changesPerSecond: 1, seconds: 30)
        let busier = traffic(count, changesPerSecond: Double(count) / 10, seconds: count > 100 ? 10 : 30)
        say(
            "N \(count): idle \(text(idle.bytes)) B/s \(text(idle.messages, 1)) msg/s cpu \(text(idle.cpu * 1e6, 1)) us/s; a change a second \(text(busy.bytes)) B/s cpu \(text(busy.cpu * 1e6)) us/s; each changes every 10 s \(text(busier.bytes)) B/s cpu \(text(busier.cpu * 1e6)) us/s"
        )
    }
}
