import Testing

@testable import Transport

@Suite("Choosing interfaces")
struct NetworkInterfacesTests {
    private func interface(
        _ name: String, _ index: UInt32, _ address: String = "10.0.0.1", up: Bool = true, multicast: Bool = true
    ) -> NetworkInterface {
        NetworkInterface(
            name: name, index: index, address: address, isUp: up, isLoopback: name == "lo", hasMulticast: multicast)
    }

    @Test("interfaces that lead to other machines are used, and loopback, which has no multicast flag")
    func used() {
        let all = [
            interface("lo", 1, multicast: false), interface("eth0", 2), interface("wlp3s0", 3), interface("bridge0", 4),
        ]
        #expect(NetworkInterfaces.choose(from: all).filter(\.isUsed).map(\.interface) == all)
    }

    @Test(
        "interfaces of container and virtual machine software are skipped",
        arguments: ["docker0", "veth12ab", "br-0f", "virbr0", "cni0", "flannel.1", "tun0"])
    func virtual(_ name: String) {
        #expect(NetworkInterfaces.choose(from: [interface(name, 2)]).map(\.isUsed) == [false])
        #expect(NetworkInterfaces.choose(from: [interface(name, 2)], explicit: [name]).map(\.isUsed) == [true])
    }

    @Test("interfaces named in the settings are used and no others")
    func explicit() {
        let all = [interface("lo", 1, multicast: false), interface("eth0", 2), interface("eth1", 3)]
        let used = NetworkInterfaces.choose(from: all, explicit: ["eth1", "eth9"]).filter(\.isUsed)
        #expect(used.map(\.interface.name) == ["eth1"])
    }

    @Test("an interface that is down or carries no multicast is skipped, and so is another address of one")
    func skipped() {
        let all = [
            interface("eth0", 2, up: false), interface("ppp0", 3, multicast: false), interface("eth1", 4, "10.0.0.4"),
            interface("eth1:1", 4, "10.0.0.5"),
        ]
        #expect(NetworkInterfaces.choose(from: all).map(\.isUsed) == [false, false, true, false])
    }

    @Test("loopback stands for this machine's address only where there is no other")
    func addresses() {
        let loopback = interface("lo", 1, "127.0.0.1", multicast: false)
        let ethernet = interface("eth0", 2, "10.0.0.2")
        #expect(NetworkInterfaces.addresses(NetworkInterfaces.choose(from: [loopback, ethernet])) == ["10.0.0.2"])
        #expect(NetworkInterfaces.addresses(NetworkInterfaces.choose(from: [loopback])) == ["127.0.0.1"])
    }

    @Test("this machine has a loopback interface")
    func thisMachine() throws {
        let all = try NetworkInterfaces.all()
        #expect(all.contains { $0.isLoopback && $0.address == "127.0.0.1" && $0.index > 0 })
    }
}
