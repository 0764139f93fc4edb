import Identity
import Testing
import Wire

@testable import NetworkConfig

@Suite struct InvitationTests {
    private func invitation(_ endpoints: [String] = ["192.168.1.20:7420", "[fe80::1]:7421"]) -> Invitation {
        Invitation(
            network: Sample.network, secret: (0..<16).map { UInt8($0 * 7) },
            endpoints: endpoints.compactMap { Endpoint($0) })
    }

    @Test("An invitation's text reads back as the same invitation, whatever number of endpoints it names")
    func roundTrip() {
        for count in 0...Limits.addresses {
            let original = invitation((0..<count).map { "host\($0).example:\(7000 + $0)" })
            #expect(Invitation(text: original.text) == original)
        }
        let host = String(repeating: "a", count: 240)
        #expect(Invitation(text: invitation(["\(host):65535"]).text)?.endpoints.first?.host == host)
    }

    @Test("Spaces, line breaks and capitals that crept in on the way do no harm")
    func forgiving() {
        let text = invitation().text
        let split = stride(from: 0, to: text.count, by: 20).map { start in
            String(text.dropFirst(start).prefix(20))
        }.joined(separator: "\n ")
        #expect(Invitation(text: split.uppercased()) == invitation())
    }

    @Test("Every error of one letter is found: changed, left out, doubled")
    func oneLetter() {
        let text = Array(invitation().text)
        let letters = Array("abcdefghijklmnopqrstuvwxyz234567-019")
        for place in text.indices {
            for letter in letters where letter != text[place] {
                var wrong = text
                wrong[place] = letter
                #expect(Invitation(text: String(wrong)) == nil, "letter \(place) as \(letter)")
            }
            var shorter = text
            shorter.remove(at: place)
            #expect(Invitation(text: String(shorter)) == nil, "without letter \(place)")
            var longer = text
            longer.insert(text[place], at: place)
            #expect(Invitation(text: String(longer)) == nil, "letter \(place) twice")
        }
        #expect(Invitation(text: String(text) + "a") == nil)
    }

    @Test("What is no invitation is none")
    func nonsense() {
        for text in ["", "tiktrue1-", "tiktrue1-aaaa", "hello", String(repeating: "a", count: 100_000), "tiktrue1-é"] {
            #expect(Invitation(text: text) == nil)
        }
    }

    @Test("A name too long for the text is left out of it, and the rest stays readable")
    func longHost() {
        let host = String(repeating: "h", count: 253)
        let text = invitation(["10.0.0.1:7420", "\(host):65535"]).text
        #expect(Invitation(text: text)?.endpoints == [Endpoint("10.0.0.1:7420")!])
    }

    @Test("The proof admits the one peer that it was made for, into the one network")
    func proof() {
        let admission = invitation().admission(of: Sample.peer(7), name: "x", grantedMemory: 1, addresses: [])
        #expect(admission.isProven(for: Sample.network))
        #expect(!admission.isProven(for: NetworkID(digest: Digest.of([8]))))
        let stolen = ConfigCommand.Admission(
            peer: Sample.peer(8), name: "x", grantedMemory: 1, addresses: [], invitation: admission.invitation,
            proof: admission.proof)
        #expect(!stolen.isProven(for: Sample.network))
    }
}
