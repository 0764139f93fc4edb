"""Voters look after themselves: who votes follows who is there, and without a majority the config freezes while chat goes
on."""

from agreement import NOTHING, ConfigCase, seats
from lab import wait_until
from peers import PLENTY


class VoterTests(ConfigCase):
    hosts = 4

    def test_without_a_majority_the_config_is_frozen_and_chat_goes_on(self):
        peers = self.council()
        first, others = peers[0], peers[1:]
        self.settle(*peers)
        answer = first.chat(tokens=12)
        for peer in others:
            peer.kill()
        refused = first.begin(*self.policy_words())
        self.assert_same_answer(first.chat(tokens=12), answer)
        self.lose_quorum(first)
        self.ends_frozen(refused)
        self.assertIn("frozen", first.do("status"))
        self.assert_same_answer(first.chat(tokens=12), answer)
        for peer in others:
            peer.up_again()
        self.agree(*peers)
        self.change(first)
        self.change(others[0])

    def test_of_two_machines_either_one_chats_alone_while_the_config_is_frozen(self):
        peers = self.home((1, 2), share=PLENTY)
        self.agree(*peers)
        answer = peers[0].chat(tokens=12)
        for away, here in (peers, peers[::-1]):
            with self.subTest(away=repr(away)):
                away.kill()
                self.lose_quorum(here)
                self.assertIn("frozen", here.do("status"))
                self.assert_same_answer(here.chat(tokens=12), answer)
                away.up_again()
                self.agree(*peers)
                self.settle(*peers)
                self.change(peers[0])

    def test_the_leader_leaves_and_the_others_go_on(self):
        peers = self.council()
        leader, others = self.leader(peers)
        leader.do("network", "leave", "home")
        self.assertIsNone(leader.network())
        view = self.agree(*others)
        self.assertEqual(set(view["voters"]), {peer.id for peer in others})
        for peer in others:
            self.change(peer)

    def test_whoever_is_removed_while_it_is_switched_off_learns_of_it_and_stays_out(self):
        peers = self.council()
        gone, left = peers[2], peers[:2]
        gone_id = gone.id
        gone.kill()
        left[1].do("peer", "remove", gone_id, "--network", "home")
        self.agree(*left)
        gone.up_again()
        wait_until(lambda: gone.network() is None, "the removed peer knows that it is out")
        for peer in left:
            self.assertIn("removed", gone.refuses("network", "join", peer.invite()))
            self.assertIsNone(peer.member(gone))
        self.assertIsNone(gone.network())
        self.assertNotIn(gone_id, self.agree(*left)["voters"])

    def test_a_newcomer_joins_through_any_member_while_the_founder_is_switched_off(self):
        peers = self.council()
        founder, left = peers[0], peers[1:]
        founder.kill()
        newcomer = self.peer(4, share=NOTHING)
        newcomer.join(left[1].invite())
        self.agree(*left, newcomer, members=4)
        founder.up_again()
        self.agree(*peers, newcomer)
        self.assertIsNotNone(founder.member(newcomer))

    def test_a_voter_that_stays_away_is_replaced_and_gets_its_seat_back(self):
        peers = self.council((1, 2, 3, 4))
        # Short enough to be waited for; the usual grace is minutes.
        peers[0].do(*self.policy_words(grace=4))
        before = self.agree(*peers)
        spare = next(peer for peer in peers if peer.id not in before["voters"])
        leader, _ = self.leader(peers)
        away = next(peer for peer in peers if peer.id in before["voters"] and peer is not leader)
        away_id, here = away.id, [peer for peer in peers if peer is not away]
        away.kill()
        wait_until(lambda: spare.id in leader.show()["voters"] and away_id not in leader.show()["voters"],
                   "the spare one votes in place of the lost one")
        self.agree(*here, members=4)
        away.up_again()
        wait_until(lambda: set(leader.show()["voters"]) == set(before["voters"]), "the old voter has its seat back")
        self.agree(*peers)


class GrowthTests(ConfigCase):
    hosts = 5

    def test_the_number_of_voters_follows_the_number_of_members_and_the_policy(self):
        peers = [self.peer(1, share=PLENTY)]
        peers[0].create()
        self.agree(*peers)
        for host in (2, 3, 4, 5):
            newcomer = self.peer(host, share=NOTHING)
            newcomer.join(peers[-1].invite("home", "--role", "admin"))
            peers.append(newcomer)
            self.assertEqual(len(self.agree(*peers)["voters"]), seats(host))
        peers[4].do(*self.policy_words(voters=3))
        self.agree(*peers, voters=3)
        peers[3].do(*self.policy_words(voters=7))
        self.agree(*peers, voters=5)
