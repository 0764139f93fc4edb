import Identity
import Testing
import Wire

@testable import Simulator

/// What one of two machines with one identity may say, given what the other has promised.
@Suite struct TwinsTests {
    private let one = SigningKey.random().peer
    private let other = SigningKey.random().peer

    private func state(term: UInt64, vote: PeerID? = nil, last: UInt64) -> RaftState {
        var state = RaftState.empty
        state.hard = HardState(term: Term(term), vote: vote)
        state.entries = (0..<last).map { LogEntry(term: Term(1), index: LogIndex($0 + 1), body: .empty) }
        return state
    }

    private func contradicts(_ kind: RaftMessage.Kind, term: UInt64, own: RaftState, twin: RaftState) -> Bool {
        Twins.contradicts(RaftMessage(term: Term(term), kind: kind), to: one, by: own, twin: twin)
    }

    @Test func aVoteForAnotherOneInTheSameTermIsACounterpromise() {
        let own = state(term: 4, vote: one, last: 3)
        #expect(contradicts(.voteReply(granted: true), term: 4, own: own, twin: state(term: 4, vote: other, last: 3)))
        #expect(!contradicts(.voteReply(granted: true), term: 4, own: own, twin: state(term: 4, vote: one, last: 3)))
        #expect(!contradicts(.voteReply(granted: true), term: 4, own: own, twin: state(term: 3, vote: other, last: 3)))
        #expect(!contradicts(.voteReply(granted: false), term: 4, own: own, twin: state(term: 4, vote: other, last: 3)))
    }

    @Test func aVoteThatForgetsWhatTheTwinAcknowledgedIsACounterpromise() {
        let own = state(term: 4, vote: one, last: 3)
        #expect(contradicts(.voteReply(granted: true), term: 4, own: own, twin: state(term: 3, last: 4)))
        let candidacy = RaftMessage.Kind.vote(lastIndex: LogIndex(3), lastTerm: Term(1), isTransfer: false)
        #expect(contradicts(candidacy, term: 4, own: own, twin: state(term: 3, last: 4)))
        #expect(contradicts(candidacy, term: 4, own: own, twin: state(term: 4, vote: other, last: 3)))
        #expect(!contradicts(candidacy, term: 4, own: own, twin: state(term: 3, vote: other, last: 3)))
    }

    @Test func anAcknowledgementThatTheTwinHasVotedPastIsACounterpromise() {
        let word = RaftMessage.Kind.appended(match: LogIndex(4), token: 1)
        let own = state(term: 4, last: 4)
        #expect(contradicts(word, term: 4, own: own, twin: state(term: 5, last: 3)))
        #expect(!contradicts(word, term: 4, own: own, twin: state(term: 5, last: 4)))
        #expect(!contradicts(word, term: 4, own: own, twin: state(term: 4, last: 3)))
    }
}
