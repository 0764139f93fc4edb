import Identity
import Testing
import Wire

@testable import Membership

/// Pings, pings through others, suspicion, death.
@Suite struct ProbingTests {
    @Test func aPingIsAnsweredWithItsNumberOnTheWayItCame() {
        for path in [Path.datagram, .link] {
            var lone = Lone(among: 3)
            lone.hear(.ping(sequence: 77), from: 1, over: path)
            let answer = lone.sent.first { $0.message.kind == .ack(sequence: 77) }
            #expect(answer?.to == Lone.peer(1) && answer?.path == path)
            #expect(answer?.message.incarnation == Incarnation(epoch: 3, count: 0))
        }
    }

    @Test func strangersAreNotHeard() {
        var lone = Lone(among: 3)
        _ = lone.takeActions()
        lone.hear(.ping(sequence: 1), from: 9, rumours: [Rumour(1, .dead)])
        #expect(lone.takeActions().isEmpty)
        #expect(lone.liveness(of: 1) == .alive)
    }

    @Test func whoAnswersStaysAlive() {
        var lone = Lone(among: 8)
        lone.pass(.seconds(60), answer: answering())
        #expect(lone.changes.isEmpty)
        #expect((1..<8).allSatisfy { lone.gossip.isProven(Lone.peer($0)) })
        #expect(lone.gossip.isSelfHealthy)
    }

    @Test func whoDoesNotAnswerIsAskedThroughThreeOthersThenSuspectThenDead() {
        var lone = Lone(among: 8)
        lone.pass(.seconds(30), answer: answering(except: [5]))
        let asked = lone.sent.filter {
            if case .pingRequest(_, Lone.peer(5)) = $0.message.kind { true } else { false }
        }
        #expect(asked.count >= 3 && Set(asked.prefix(3).map(\.to)).count == 3)
        #expect(!asked.contains { $0.to == Lone.peer(5) })
        #expect(lone.changes == [.suspect, .dead])
        #expect(lone.liveness(of: 5) == .dead)
    }

    @Test func theSuspectIsToldAtOnce() {
        var lone = Lone(among: 8)
        var heard: [Rumour] = []
        lone.pass(.seconds(4)) { lone, message, to, path in
            if to == 5 { heard += message.rumours.filter { $0.about == Lone.peer(5) } }
            answering(except: [5])(&lone, message, to, path)
        }
        #expect(lone.liveness(of: 5) == .suspect)
        #expect(heard.first == Rumour(about: Lone.peer(5), incarnation: .zero, liveness: .suspect, by: Lone.peer(0)))
    }

    @Test func theWordOfAHelperThatReachesItCounts() {
        var lone = Lone(among: 8)
        lone.pass(.seconds(20)) { lone, message, to, path in
            if case .pingRequest(let number, _) = message.kind { lone.hear(.ack(sequence: number), from: to) }
            answering(except: [5])(&lone, message, to, path)
        }
        #expect(lone.changes.isEmpty)
    }

    @Test func anAnswerWithTheWrongNumberOrFromAnotherIsNone() {
        var lone = Lone(among: 8)
        lone.pass(.seconds(30)) { lone, message, to, _ in
            guard case .ping(let number) = message.kind else { return }
            if to == 5 {
                lone.hear(.ack(sequence: number), from: 6)
            } else {
                lone.hear(.ack(sequence: number), from: to)
            }
        }
        #expect(lone.liveness(of: 5) == .dead)
    }

    @Test func aHelperPingsPassesTheAnswerOnAndElseSaysThatNoneCame() {
        var lone = Lone(among: 4)
        _ = lone.takeActions()
        lone.hear(.pingRequest(sequence: 40, target: Lone.peer(2)), from: 1)
        guard case .ping(let number)? = lone.sent.first?.message.kind else {
            Issue.record("no ping")
            return
        }
        #expect(lone.sent.first?.to == Lone.peer(2))
        var other = lone
        other.hear(.ack(sequence: number), from: 2)
        #expect(other.sent.contains { $0.message.kind == .ack(sequence: 40) && $0.to == Lone.peer(1) })
        lone.pass(.milliseconds(260))
        #expect(lone.sent.contains { $0.message.kind == .nack(sequence: 40) && $0.to == Lone.peer(1) })
        #expect(!lone.sent.contains { $0.message.kind == .ack(sequence: 40) })
    }

    @Test func whoseHelpersAllSayThatTheyHeardNothingDoesNotDoubtItself() {
        var lone = Lone(among: 8)
        lone.pass(.seconds(2)) { lone, message, to, path in
            if case .pingRequest(let number, _) = message.kind { lone.hear(.nack(sequence: number), from: to) }
            answering(except: [5])(&lone, message, to, path)
        }
        lone.pass(.seconds(1), answer: answering(except: [5]))
        #expect(lone.changes.first == .suspect)
        #expect(lone.gossip.localHealth == 0)
    }

    @Test func whoHearsNobodyDoubtsItselfAndWaitsLonger() {
        var lone = Lone(among: 8)
        lone.pass(.seconds(3))
        #expect(lone.gossip.localHealth > 0)
        let before = lone.sent.filter { if case .ping = $0.message.kind { true } else { false } }.count
        #expect(before < 12)
    }

    @Test func aProbeThatFailsByDatagramGoesOverTheLinkToo() {
        var lone = Lone(among: 4)
        for number in 1..<4 { lone.change { $0.linkOpened(Lone.peer(number), at: $1) } }
        lone.pass(.seconds(20)) { lone, message, to, path in
            if case .ping(let number) = message.kind, path == .link {
                lone.hear(.ack(sequence: number), from: to, over: .link)
            }
        }
        #expect(lone.changes.isEmpty)
        // Where datagrams do not pass for a while everything goes over the link, and a datagram is tried now and then.
        _ = lone.takeActions()
        lone.pass(.seconds(30)) { lone, message, to, path in
            if case .ping(let number) = message.kind, path == .link {
                lone.hear(.ack(sequence: number), from: to, over: .link)
            }
        }
        let byLink = lone.sent.filter { $0.path == .link }.count
        let byDatagram = lone.sent.count - byLink
        #expect(byLink > 20 && byDatagram > 0 && byDatagram < byLink / 4)
        // As soon as one is answered they are used again.
        _ = lone.takeActions()
        lone.pass(.seconds(60), answer: answering())
        lone.pass(.seconds(1)) { _, _, _, path in #expect(path == .datagram) }
    }

    @Test func anyFrameOnALinkProvesLife() {
        var lone = Lone(among: 8)
        lone.pass(.seconds(30)) { lone, message, to, path in
            lone.change { $0.heardFrom(Lone.peer(5), at: $1) }
            answering(except: [5])(&lone, message, to, path)
        }
        #expect(lone.changes.isEmpty)
    }

    @Test func aSuspectThatIsHeardIsToldAndNotBuried() {
        var lone = Lone(among: 8)
        lone.hear(Rumour(5, .suspect, by: 1), from: 1)
        _ = lone.takeActions()
        for _ in 0..<100 {
            lone.pass(.milliseconds(100), answer: answering(except: [5]))
            lone.change { $0.heardFrom(Lone.peer(5), at: $1) }
        }
        #expect(lone.liveness(of: 5) == .suspect)
        let warnings = lone.sent.filter { $0.to == Lone.peer(5) && $0.path == .link }
        #expect(warnings.count >= 40 && warnings.count <= 55)
        #expect(warnings.allSatisfy { $0.message.rumours.contains(Rumour(5, .suspect, by: 1)) })
        lone.hear(from: 5, count: 1)
        #expect(lone.liveness(of: 5) == .alive)
    }

    @Test func theDeadAreAskedNowAndThenWhetherTheyAreBack() {
        var lone = Lone(among: 4)
        lone.hear(Rumour(2, .dead), from: 1)
        _ = lone.takeActions()
        var pings = 0
        lone.pass(.seconds(60)) { lone, message, to, path in
            if to == 2, case .ping = message.kind {
                pings += 1
                #expect(message.rumours.contains(Rumour(2, .dead)))
            }
            answering(except: [2])(&lone, message, to, path)
        }
        #expect((25...31).contains(pings))
        #expect(lone.changes.isEmpty)
        lone.pass(.seconds(3)) { lone, message, to, _ in
            if case .ping(let number) = message.kind { lone.hear(.ack(sequence: number), from: to, count: 1) }
        }
        #expect(lone.changes == [.alive])
    }

    @Test func timeAsleepCountsAgainstNobody() {
        var lone = Lone(among: 8)
        lone.pass(.seconds(5), answer: answering())
        lone.hear(Rumour(5, .suspect), from: 1)
        lone.pass(.milliseconds(300))
        _ = lone.takeActions()
        lone.now = lone.now.advanced(by: .seconds(20))
        lone.change { $0.heardFrom(Lone.peer(1), at: $1) }
        #expect(lone.gossip.localHealth == 1)
        lone.pass(.milliseconds(0), answer: answering())
        #expect(lone.changes.isEmpty)
        lone.hear(from: 5, count: 1)
        lone.pass(.seconds(5), answer: answering())
        #expect(lone.changes == [.alive])
    }

    @Test func whileNothingHappensItPingsOnceASecondAndWhenSomethingDoesAtOnce() {
        var lone = Lone(among: 8)
        lone.pass(.seconds(15), answer: answering())
        _ = lone.takeActions()
        lone.pass(.seconds(20), answer: answering())
        #expect((19...21).contains(lone.sent.count))
        _ = lone.takeActions()
        lone.hear(Rumour(3, .suspect, by: 2), from: 2)
        lone.pass(.milliseconds(750), answer: answering())
        #expect(lone.sent.filter { if case .ping = $0.message.kind { true } else { false } }.count >= 3)
    }
}
