#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An IPv4 address of this machine, and the interface that has it.
public struct NetworkInterface: Hashable, Sendable {
    public let name: String
    /// The kernel's number of the interface; another one after it was removed and made again.
    public let index: UInt32
    /// Dotted decimal.
    public let address: String
    public let isUp: Bool
    public let isLoopback: Bool
    /// The loopback interface lacks this flag, and multicast works on it nevertheless.
    public let hasMulticast: Bool

    public init(name: String, index: UInt32, address: String, isUp: Bool, isLoopback: Bool, hasMulticast: Bool) {
        self.name = name
        self.index = index
        self.address = address
        self.isUp = isUp
        self.isLoopback = isLoopback
        self.hasMulticast = hasMulticast
    }
}

/// Whether an interface serves discovery, and why.
public struct InterfaceChoice: Hashable, Sendable, CustomStringConvertible {
    public let interface: NetworkInterface
    public let isUsed: Bool
    /// One clause, for people to read.
    public let reason: String
    public var description: String {
        "\(interface.name) (\(interface.address)): \(isUsed ? "used" : "skipped"), \(reason)"
    }
}

/// Which interfaces of this machine lead to other machines.
public enum NetworkInterfaces {
    /// How the interfaces begin that container and virtual machine software makes, and tunnels. Other machines are not behind
    /// them. Only the name counts: inside a network namespace a veth is often the one way out, and is then called eth0.
    static let virtualPrefixes = ["docker", "veth", "br-", "virbr", "cni", "flannel", "tun"]

    /// All IPv4 addresses of this machine, whatever their state.
    public static func all() throws(TransportError) -> [NetworkInterface] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { throw .interfaces(errno) }
        defer { freeifaddrs(list) }
        var found: [NetworkInterface] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let address = entry.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET),
                let namePointer = entry.pointee.ifa_name
            else { continue }
            var internet = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self).sin_addr
            var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
            guard inet_ntop(AF_INET, &internet, &text, socklen_t(text.count)) != nil else { continue }
            let name = String(cString: namePointer)
            let flags = Int(entry.pointee.ifa_flags)
            found.append(
                NetworkInterface(
                    // An address may have a label of its own, such as eth0:1.
                    name: name, index: if_nametoindex(String(name.prefix { $0 != ":" })),
                    address: String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self),
                    isUp: flags & Int(IFF_UP) != 0, isLoopback: flags & Int(IFF_LOOPBACK) != 0,
                    hasMulticast: flags & Int(IFF_MULTICAST) != 0))
        }
        return found
    }

    /// Chooses among them: those named in `explicit`, or where it is empty all that can reach other machines, and loopback, so
    /// that peers on one machine find each other even without a network.
    public static func choose(from interfaces: [NetworkInterface], explicit: [String] = []) -> [InterfaceChoice] {
        var taken: Set<UInt32> = []
        return interfaces.map { interface in
            func choice(_ isUsed: Bool, _ reason: String) -> InterfaceChoice {
                InterfaceChoice(interface: interface, isUsed: isUsed, reason: reason)
            }
            let isNamed = explicit.contains(interface.name)
            if !explicit.isEmpty && !isNamed { return choice(false, "it is not among those chosen in the settings") }
            if !interface.isUp { return choice(false, "it is down") }
            if !isNamed, let prefix = virtualPrefixes.first(where: interface.name.hasPrefix) {
                return choice(false, "interfaces named \(prefix)* do not lead to other machines")
            }
            if !interface.hasMulticast && !interface.isLoopback { return choice(false, "it carries no multicast") }
            if !taken.insert(interface.index).inserted { return choice(false, "another address of it is used") }
            if isNamed { return choice(true, "it is chosen in the settings") }
            return choice(true, interface.isLoopback ? "for peers on this machine" : "it leads to other machines")
        }
    }

    /// The IPv4 addresses at which other machines may reach this one, for beacons. The loopback address stands in only where there
    /// is no other.
    public static func localAddresses(explicit: [String] = []) -> [String] {
        guard let all = try? all() else { return [] }
        return addresses(choose(from: all, explicit: explicit))
    }

    static func addresses(_ choices: [InterfaceChoice]) -> [String] {
        let used = choices.filter(\.isUsed).map(\.interface)
        let outward = used.filter { !$0.isLoopback }
        return (outward.isEmpty ? used : outward).map(\.address)
    }
}
