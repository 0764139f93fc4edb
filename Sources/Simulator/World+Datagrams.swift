import Identity
import MeshCore
import Wire

// Datagrams: lost, doubled and overtaken, and never larger than one packet.

extension World {
    func multicast(_ datagram: [UInt8], from host: Host) {
        if datagram.count > Limits.datagramBytes {
            violated("datagram", "machine \(host.index) called out \(datagram.count) bytes", [host.index])
        }
        multicasts += 1
        if recordedDatagrams.count < 64 { recordedDatagrams.append(datagram) }
        meter?.sentDatagram(datagram.count, from: host.index)
        guard multicastWorks, multicastStopped == 0 else { return }
        let source = host.endpoint.host
        for other in hosts where other.isOn && paths.datagramsPass(from: host.index, to: other.index) {
            pass(.datagramReceived(datagram, host: source), from: host, to: other)
        }
    }

    func gossip(
        _ network: NetworkID, _ message: GossipMessage, to peer: PeerID, at endpoint: Endpoint, from host: Host
    ) {
        checks?.said(message, by: host, in: self)
        if isRecording, recordedRecords.count < 500 { recordedRecords += message.records }
        let bytes = Coded.size(of: message, network)
        if bytes > Limits.datagramBytes {
            violated("datagram", "machine \(host.index) sent a datagram of \(bytes) bytes", [host.index])
        }
        gossipBytes += bytes
        meter?.sentDatagram(bytes, from: host.index)
        guard let target = hostAt[endpoint].map({ hosts[$0] }), target.peer == peer, target.isOn,
            paths.datagramsPass(from: host.index, to: target.index)
        else { return }
        var heard = message
        if chance(codedShare) {
            if let read = Coded.again(message, network) {
                heard = read
            } else {
                violated("coding", "gossip of machine \(host.index) cannot be read", [host.index])
            }
            if heard != message {
                violated("coding", "gossip of machine \(host.index) reads differently", [host.index])
            }
        }
        pass(.gossipReceived(network, heard, from: host.peer, at: host.endpoint), from: host, to: target)
    }

    /// One datagram on its way, or none, or two.
    private func pass(_ input: Input, from host: Host, to other: Host) {
        if chance(loss) { return }
        for _ in 0..<(chance(duplicates) ? 2 : 1) {
            var late = delay(from: host.index, to: other.index)
            if chance(reordered) { late = Interval(nanoseconds: late.nanoseconds + draw(below: 20_000_000)) }
            later(other, late) { [self] in
                guard paths.datagramsPass(from: host.index, to: other.index) else { return }
                feed(other, input)
            }
        }
    }
}
