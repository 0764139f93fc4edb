import Identity
import MeshCore
import Wire

// What can be done to machines and to the network between them. Each fault hands back how it is undone; they overlap as they like.

extension World {
    typealias Undo = () -> Void

    /// Begins a fault on these machines. Nil where there is nothing to undo, or nothing was done.
    func begin(_ kind: Fault.Kind, on targets: [Int], random: inout SeededGenerator) -> Undo? {
        for target in targets { trace.note(.does, .fault(kind, over: false), by: target, at: now) }
        let undo = Draw.with(&random) { draw in begin(kind, targets, draw: &draw) }
        guard let undo else { return nil }
        return { [self] in
            for target in targets { trace.note(.does, .fault(kind, over: true), by: target, at: now) }
            undo()
        }
    }

    private func begin(_ kind: Fault.Kind, _ targets: [Int], draw: inout Draw) -> Undo? {
        switch kind {
        case .cut: return block(targets, out: true, into: true)
        case .oneWay: return block(targets, out: false, into: true)
        case .split: return part(targets, bridge: nil)
        case .bridge: return part(targets, bridge: draw.element(of: hosts.indices.filter { !hosts[$0].isPuppet }))
        case .loss: return worsenLoss(by: draw.number(in: 0.05...0.3))
        case .clog: return clog(targets, milliseconds: draw.number(in: 50...5000))
        case .noMulticast:
            multicastStopped += 1
            return { [self] in multicastStopped -= 1 }
        case .noDatagrams: return stopDatagrams(among: targets, share: draw.number(in: 0.3...1))
        case .resetLinks:
            for target in targets { resetLinks(of: target) }
            return nil
        case .brokenHop:
            for target in targets { breakHop(of: target, draw: &draw) }
            return nil
        case .newAddress:
            for target in targets { moveAddress(of: target) }
            return nil
        case .kill: return endProcesses(targets, draw.chance(0.4) ? .powerLost : .killed)
        case .stop: return stopProcesses(targets)
        case .pause: return pauseMachines(targets, sleeping: draw.chance(0.5))
        case .slow: return slowDown(targets, draw: &draw)
        case .clockJump:
            for target in targets { hosts[target].wallOffset += Int64(draw.number(in: -900_000...900_000)) }
            return nil
        case .slowDisk: return slowDisks(targets, milliseconds: draw.number(in: 50...1500))
        case .fullDisk: return fillDisks(targets)
        case .syncFails: return failSyncs(targets)
        case .bitRot:
            for target in targets { rot(hosts[target], draw: &draw) }
            return nil
        case .staleDisk: return setBack(targets)
        case .wipedDisk: return wipe(targets, draw: &draw)
        case .clone: return clone(targets)
        case .garbage, .malice: return speak(kind, targets, draw: &draw)
        }
    }

    // MARK: The network

    private func block(_ targets: [Int], out: Bool, into: Bool) -> Undo {
        for target in targets {
            if out { paths.blockAll(outOf: target) }
            if into { paths.blockAll(into: target) }
            reachChanged(hosts[target])
        }
        return { [self] in
            for target in targets {
                if out { paths.unblockAll(outOf: target) }
                if into { paths.unblockAll(into: target) }
                reachChanged(hosts[target])
            }
        }
    }

    /// These on one side, the rest on the other; the bridge reaches both.
    private func part(_ side: [Int], bridge: Int?) -> Undo {
        let others = hosts.indices.filter { !side.contains($0) }
        let pairs = side.flatMap { one in others.map { (one, $0) } }.filter { $0.0 != bridge && $0.1 != bridge }
        for (one, other) in pairs {
            paths.block(from: one, to: other)
            paths.block(from: other, to: one)
        }
        for one in side { reachChanged(hosts[one]) }
        return { [self] in
            for (one, other) in pairs {
                paths.unblock(from: one, to: other)
                paths.unblock(from: other, to: one)
            }
            for one in side { reachChanged(hosts[one]) }
        }
    }

    private func worsenLoss(by share: Double) -> Undo {
        loss += share
        return { [self] in loss = max(0, loss - share) }
    }

    private func clog(_ targets: [Int], milliseconds: Double) -> Undo {
        func delay(_ factor: Double) {
            for target in targets {
                paths.delay(target, by: Int64(milliseconds * factor * 1e6))
                reachChanged(hosts[target])
            }
        }
        delay(1)
        return { delay(-1) }
    }

    private func stopDatagrams(among targets: [Int], share: Double) -> Undo {
        var pairs: [(Int, Int)] = []
        for one in targets {
            for other in hosts.indices where other != one && chance(share) { pairs.append((one, other)) }
        }
        for (one, other) in pairs {
            paths.blockDatagrams(from: one, to: other)
            paths.blockDatagrams(from: other, to: one)
        }
        return { [self] in
            for (one, other) in pairs {
                paths.unblockDatagrams(from: one, to: other)
                paths.unblockDatagrams(from: other, to: one)
            }
        }
    }

    private func resetLinks(of target: Int) {
        for link in hosts[target].orderedLinks {
            for end in 0...1 { drop(link.pipe, end, reason: "the connection broke") }
        }
    }

    /// The link with one of those that compute the same chat. Where that is not its driver, the driver hears nothing of it.
    private func breakHop(of target: Int, draw: inout Draw) {
        let sessions = Set(hosts[target].caches.keys.map(\.session))
        let hops = hosts[target].orderedLinks.filter { link in
            link.pipe.ends[1 - link.end].host.caches.keys.contains { sessions.contains($0.session) }
        }
        guard let hop = draw.element(of: hops) else { return }
        for end in 0...1 { drop(hop.pipe, end, reason: "the connection broke") }
    }

    // MARK: The machine

    private func endProcesses(_ targets: [Int], _ how: End) -> Undo {
        let ended = targets.filter { hosts[$0].isOn }
        for target in ended { end(hosts[target], how) }
        return restart(ended)
    }

    /// Starts what has ended, unless something else has started it meanwhile.
    private func restart(_ ended: [Int]) -> Undo {
        { [self] in
            for target in ended where !hosts[target].isOn && !hosts[target].diskIsFull { start(target) }
        }
    }

    private func stopProcesses(_ targets: [Int]) -> Undo {
        let ended = targets.filter { hosts[$0].isOn }
        for target in ended { stop(target) }
        return restart(ended)
    }

    private func pauseMachines(_ targets: [Int], sleeping: Bool) -> Undo {
        let paused = targets.filter { hosts[$0].isOn && !hosts[$0].isPaused }
        for target in paused { pause(target) }
        return { [self] in for target in paused { resume(target, sleeping: sleeping) } }
    }

    private func slowDown(_ targets: [Int], draw: inout Draw) -> Undo {
        let handling = Interval(nanoseconds: Int64(draw.number(in: 0.2...20) * 1e6))
        let slowness = Int64(draw.number(in: 2...40))
        for target in targets {
            hosts[target].handling = handling
            hosts[target].slowness = slowness
        }
        return { [self] in
            for target in targets {
                hosts[target].handling = Interval(nanoseconds: 0)
                hosts[target].slowness = 1
            }
        }
    }

    // MARK: The disk

    private func slowDisks(_ targets: [Int], milliseconds: Double) -> Undo {
        for target in targets { hosts[target].writeDelay = Interval(nanoseconds: Int64(milliseconds * 1e6)) }
        return { [self] in for target in targets { hosts[target].writeDelay = nil } }
    }

    private func fillDisks(_ targets: [Int]) -> Undo {
        for target in targets { hosts[target].diskIsFull = true }
        let again = restart(targets)
        return { [self] in
            for target in targets { hosts[target].diskIsFull = false }
            again()
        }
    }

    private func failSyncs(_ targets: [Int]) -> Undo {
        for target in targets { hosts[target].nextSyncFails = true }
        let again = restart(targets)
        return { [self] in
            for target in targets { hosts[target].nextSyncFails = false }
            again()
        }
    }

    private func rot(_ host: Host, draw: inout Draw) {
        let pieces = host.disk.pieces.keys.sorted()
        guard !pieces.isEmpty, let digest = draw.element(of: pieces), let bytes = host.disk.pieces[digest] else {
            return
        }
        let bit = Int(draw.number(in: 0...Double(bytes.count * 8 - 1)))
        host.disk.pieces[digest]?[bit / 8] ^= 1 << UInt8(bit % 8)
        host.rotten.insert(digest)
    }

    private func setBack(_ targets: [Int]) -> Undo {
        let ended = targets.filter { hosts[$0].isOn && !hosts[$0].backups.isEmpty }
        for target in ended {
            end(hosts[target], .killed)
            let host = hosts[target]
            host.disk = host.backups.removeFirst()
            host.backups = []
            host.wasSetBack = true
            checks?.lostDisk(host)
        }
        return restart(ended)
    }

    private func wipe(_ targets: [Int], draw: inout Draw) -> Undo {
        let ended = targets.filter { hosts[$0].isOn }
        for target in ended {
            let host = hosts[target]
            end(host, .killed)
            checks?.lostDisk(host)
            host.disk = Disk()
            host.rotten = []
            host.backups = []
            host.twins = []
            host.key = World.key(name: "machine \(target) after \(now.nanoseconds)", seed: draw.next())
        }
        return restart(ended)
    }

    private func clone(_ targets: [Int]) -> Undo? {
        var copies: [(original: Host, copy: Host)] = []
        for target in targets where hosts[target].isOn && hosts[target].cloneOf == nil {
            let original = hosts[target]
            let copy = addHost(key: original.key, name: original.name, memory: original.settings.sharedMemory)
            copy.disk = original.disk
            copy.disk.losePower(keeping: 0)
            copy.cloneOf = target
            original.cloneOf = copy.index
            copy.twins = [target]
            original.twins.append(copy.index)
            copies.append((original, copy))
            start(copy.index)
        }
        guard !copies.isEmpty else { return nil }
        return { [self] in
            for (original, copy) in copies {
                if copy.isOn { end(copy, .killed) }
                copy.isGone = true
                original.cloneOf = nil
                original.wasSetBack = true
            }
        }
    }

    // MARK: Other people

    private func speak(_ kind: Fault.Kind, _ targets: [Int], draw: inout Draw) -> Undo {
        let source = GarbageSource(seed: draw.next(), world: self)
        let period = Interval(nanoseconds: Int64(draw.number(in: 10...100) * 1e6))
        for target in targets where kind == .malice { hosts[target].isMalicious = true }
        var isOver = false
        func again() {
            after(period) { [self] in
                guard !isOver else { return }
                for target in targets {
                    if kind == .malice { source.lie(as: hosts[target]) } else { source.pester(hosts[target]) }
                }
                again()
            }
        }
        again()
        return { isOver = true }
    }
}

/// Numbers for one fault.
struct Draw: RandomNumberGenerator {
    private var random: SeededGenerator

    init(_ random: SeededGenerator) { self.random = random }

    static func with<Result>(_ random: inout SeededGenerator, _ body: (inout Draw) -> Result) -> Result {
        var draw = Draw(SeededGenerator(seed: random.next()))
        return body(&draw)
    }

    mutating func next() -> UInt64 { random.next() }
    /// From 0 up to 1, which is left out.
    mutating func share() -> Double { Double(next() >> 11) * 0x1p-53 }
    mutating func chance(_ share: Double) -> Bool { self.share() < share }
    mutating func number(in range: ClosedRange<Double>) -> Double {
        range.lowerBound + share() * (range.upperBound - range.lowerBound)
    }
    mutating func number(in range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.upperBound - range.lowerBound + 1))
    }
    mutating func element<Element>(of elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[Int(next() % UInt64(elements.count))]
    }
    /// So many of them, each once, in the order drawn.
    mutating func some<Element>(_ count: Int, of elements: [Element]) -> [Element] {
        var rest = elements
        var chosen: [Element] = []
        while chosen.count < count, !rest.isEmpty { chosen.append(rest.remove(at: Int(next() % UInt64(rest.count)))) }
        return chosen
    }
    /// Seconds until something happens that happens so many times a minute, by chance; nil where it never does.
    mutating func wait(perMinute rate: Double) -> Double? {
        guard rate > 0 else { return nil }
        return Logarithm.natural(1 / max(1 - share(), 1e-12)) * 60 / rate
    }
}

/// The natural logarithm, the same on every machine: a library's may differ in its last bit, and with it everything after.
enum Logarithm {
    static func natural(_ value: Double) -> Double {
        let exponent = Double(value.exponent)
        let mantissa = value.significand
        // ln m = 2 artanh((m - 1) / (m + 1)), for 1 <= m < 2.
        let ratio = (mantissa - 1) / (mantissa + 1)
        let square = ratio * ratio
        var sum = 0.0
        var power = ratio
        for step in 0..<24 {
            sum += power / Double(2 * step + 1)
            power *= square
        }
        return 2 * sum + exponent * 0.693_147_180_559_945_3
    }
}
