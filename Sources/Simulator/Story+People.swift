import Identity
import MeshCore
import NetworkConfig
import Wire

// What people do: they chat, change things, come and go.

/// What was said so far in one conversation.
struct Conversation {
    let host: Int
    let number: UInt64
    var tokens: [Int32]
}

extension Story {
    /// Machines that are on, in the network, and not lost to it for good.
    var members: [Int] {
        world.hosts.filter { host in
            host.isOn && !host.isGone && !host.isPuppet && !host.isMalicious && host.cloneOf == nil
                && !outside.contains(host.index) && host.inspect(network) != nil
        }.map(\.index)
    }

    var admins: [Int] {
        members.filter { world.hosts[$0].inspect(network)?.config.member(world.hosts[$0].peer)?.role == .admin }
    }

    func beginStory() {
        chatAgain()
        changeAgain()
        again(perMinute: drawn.joins) { [self] in newcomer() }
        again(perMinute: drawn.leaves) { [self] in leave() }
        beginFaults()
        beginNemesis()
    }

    private func chatAgain() { again(perMinute: drawn.chats) { [self] in chat() } }
    private func changeAgain() { again(perMinute: drawn.changes) { [self] in change() } }

    /// Again and again, by chance.
    func again(perMinute rate: Double, _ action: @escaping () -> Void) {
        guard let wait = draw.wait(perMinute: rate) else { return }
        world.after(Interval(seconds: wait)) { [self] in
            guard !isOver else { return }
            action()
            again(perMinute: rate, action)
        }
    }

    // MARK: Chats

    func chat() {
        guard let host = draw.element(of: members) else { return }
        let mine = conversations.indices.filter { conversations[$0].host == host }
        if draw.chance(0.3), let known = draw.element(of: mine) {
            let conversation = conversations.remove(at: known)
            ask(host, conversation.number, conversation.tokens + prompt(upTo: 8))
        } else {
            lastConversation += 1
            ask(host, lastConversation, prompt(upTo: draw.chance(0.1) ? 300 : 40))
        }
    }

    private func prompt(upTo most: Int) -> [Int32] {
        (0..<draw.number(in: 1...most)).map { _ in Int32(draw.number(in: 0...996)) }
    }

    /// Some turns of a conversation go by other settings than the one before, some answers have a format.
    private static func sampling(for tokens: [Int32]) -> SamplingSettings {
        var settings = Home.sampling
        if tokens.count % 4 == 1 { settings.seed = UInt64(tokens.count) }
        if tokens.count % 4 == 2 { settings.format = .schema("{}") }
        return settings
    }

    @discardableResult
    func ask(_ host: Int, _ number: UInt64, _ tokens: [Int32]) -> RequestID {
        let length = draw.number(in: scenario.workload.answer)
        let id = world.request(
            host,
            .chat(
                ChatInput(
                    network: network, conversation: SessionID(high: 1, low: number), tokens: tokens,
                    maxNewTokens: length, stopTokens: [], task: .sampling(Self.sampling(for: tokens)),
                    goesOn: draw.chance(0.7))))
        chats[id] = Conversation(host: host, number: number, tokens: tokens)
        if draw.chance(0.04) {
            world.after(Interval(seconds: draw.number(in: 0...2))) { [self] in
                if world.outcome(id) == nil, world.hosts[host].isOn { world.cancel(host, id) }
            }
        }
        return id
    }

    // MARK: Coming and going

    private func newcomer() {
        guard world.hosts.count < drawn.peers + 64 else { return }
        let index = world.hosts.count
        let memory = draw.element(of: drawn.memory) ?? 0
        let host = world.addHost(
            key: World.key(name: "newcomer \(index)", seed: seed), name: "host\(index)", memory: memory)
        outside.insert(index)
        world.start(host.index)
        invite(index)
        // Somebody else was given the same invitation.
        if draw.chance(0.2) {
            let double = world.addHost(
                key: World.key(name: "double \(index)", seed: seed), name: "host\(index + 1)", memory: memory)
            outside.insert(double.index)
            world.start(double.index)
            doubles[index] = double.index
        }
    }

    /// Somebody who may makes an invitation and gives it to the newcomer.
    func invite(_ newcomer: Int) {
        let hosts = outside.contains(newcomer) ? (admins.isEmpty ? [0] : admins) : []
        guard let host = draw.element(of: hosts), world.hosts[host].isOn else { return later(newcomer) }
        let id = world.request(
            host, .invite(network: network, role: role(), validSeconds: 3600, secret: world.random.bytes(16)))
        joining.insert(newcomer)
        invitations[id] = newcomer
    }

    private func role() -> Role { draw.chance(0.3) ? .admin : .worker }

    func isJoining(_ index: Int) -> Bool { joining.contains(index) }

    /// It did not work: once more, in a while.
    private func later(_ newcomer: Int) {
        joining.remove(newcomer)
        world.after(Interval(seconds: draw.number(in: 1...4))) { [self] in
            if outside.contains(newcomer), !isJoining(newcomer), !world.hosts[newcomer].isGone { invite(newcomer) }
        }
    }

    private func leave() {
        let who = members.filter { $0 != 0 && suffices(without: $0) }
        guard members.count > 3, let host = draw.element(of: who) else { return }
        leaving[world.request(host, .leave(network))] = host
    }

    /// Who has left may think better of it.
    private func returnsOneDay(_ index: Int) {
        guard draw.chance(0.6) else { return }
        world.after(Interval(seconds: draw.number(in: 1...10))) { [self] in
            let host = world.hosts[index]
            guard !isOver, outside.contains(index), host.isOn, !isJoining(index) else { return }
            world.coverage.reached("member left and came back")
            invite(index)
        }
    }

    // MARK: Answers

    func responded(_ id: RequestID, _ response: Response, _ host: Host) {
        switch response {
        case .token:
            if chats[id] != nil { streamed(host) }
            return
        case .embedding, .waiting: return
        default: break
        }
        if let newcomer = invitations.removeValue(forKey: id) {
            guard case .invited(let text) = response else { return later(newcomer) }
            join(newcomer, text)
            if let double = doubles.removeValue(forKey: newcomer) { join(double, text) }
        } else if let text = pendingJoins.removeValue(forKey: id) {
            joining.remove(host.index)
            if case .joined = response {
                outside.remove(host.index)
                noteEntry(text, host)
            } else if outside.contains(host.index) {
                if invited[text] != nil { world.coverage.reached("invitation used twice") }
                later(host.index)
            }
        } else if let left = leaving.removeValue(forKey: id) {
            guard response == .left else { return }
            outside.insert(left)
            returnsOneDay(left)
        } else if let removed = removing.removeValue(forKey: id) {
            if case .changed = response { wasRemoved(removed) }
        } else if var conversation = chats.removeValue(forKey: id) {
            guard case .chatFinished = response else { return }
            conversation.tokens += world.tokens(id)
            conversations.append(conversation)
            if conversations.count > 40 { conversations.removeFirst() }
        }
    }

    private func join(_ newcomer: Int, _ text: String) {
        guard world.hosts[newcomer].isOn else { return later(newcomer) }
        world.after(Interval(nanoseconds: 1000)) { [self] in
            guard world.hosts[newcomer].isOn else { return later(newcomer) }
            joining.insert(newcomer)
            let id = world.request(newcomer, .join(text))
            pendingJoins[id] = text
        }
    }

    private func noteEntry(_ text: String, _ host: Host) {
        if let first = invited[text], world.hosts[first].peer != host.peer {
            world.violated(
                "authority", "one invitation let in machines \(first) and \(host.index)", [first, host.index])
        }
        invited[text] = host.index
        // Whoever has not heard that it was away goes on with what it knew of it.
        guard let joined = host.config(of: network)?.member(host.peer)?.joined else { return }
        let hasMissedIt = world.hosts.contains { other in
            other !== host && other.config(of: network)?.member(host.peer).map { $0.joined < joined } ?? false
        }
        if hasMissedIt { world.coverage.reached("member came back to somebody who had not seen it leave") }
    }
}

extension RequestID {
    /// The answer is the checkers' matter.
    func ignored() {}
}
