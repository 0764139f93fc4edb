/// Between which machines packets pass, and how late they come. Faults overlap: each adds its own reason, and takes away just that.
struct Paths {
    private var capacity = 0
    /// Reasons why nothing passes from one machine to another, by `from * capacity + to`.
    private var blocked: [UInt16] = []
    /// The same, for datagrams only.
    private var blockedDatagrams: [UInt16] = []
    private var blockedOut: [UInt16] = []
    private var blockedIn: [UInt16] = []
    /// In nanoseconds, for whatever leaves or reaches a machine.
    private var late: [Int64] = []

    mutating func grow(to count: Int) {
        while blockedOut.count < count {
            blockedOut.append(0)
            blockedIn.append(0)
            late.append(0)
        }
        guard count > capacity else { return }
        let larger = max(16, capacity * 2, count)
        var wider = [UInt16](repeating: 0, count: larger * larger)
        var widerDatagrams = wider
        for from in 0..<capacity {
            for to in 0..<capacity {
                wider[from * larger + to] = blocked[from * capacity + to]
                widerDatagrams[from * larger + to] = blockedDatagrams[from * capacity + to]
            }
        }
        blocked = wider
        blockedDatagrams = widerDatagrams
        capacity = larger
    }

    func pass(from: Int, to: Int) -> Bool {
        from == to || (blockedOut[from] == 0 && blockedIn[to] == 0 && blocked[from * capacity + to] == 0)
    }

    func datagramsPass(from: Int, to: Int) -> Bool {
        pass(from: from, to: to) && blockedDatagrams[from * capacity + to] == 0
    }

    func lateness(from: Int, to: Int) -> Int64 { late[from] + late[to] }

    mutating func block(from: Int, to: Int) { blocked[from * capacity + to] += 1 }
    mutating func unblock(from: Int, to: Int) { Paths.lower(&blocked[from * capacity + to]) }
    mutating func blockDatagrams(from: Int, to: Int) { blockedDatagrams[from * capacity + to] += 1 }
    mutating func unblockDatagrams(from: Int, to: Int) { Paths.lower(&blockedDatagrams[from * capacity + to]) }
    mutating func blockAll(outOf host: Int) { blockedOut[host] += 1 }
    mutating func unblockAll(outOf host: Int) { Paths.lower(&blockedOut[host]) }
    mutating func blockAll(into host: Int) { blockedIn[host] += 1 }
    mutating func unblockAll(into host: Int) { Paths.lower(&blockedIn[host]) }
    mutating func delay(_ host: Int, by nanoseconds: Int64) { late[host] = max(0, late[host] + nanoseconds) }

    private static func lower(_ count: inout UInt16) { if count > 0 { count -= 1 } }
}
