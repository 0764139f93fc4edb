"""The agreed config: anyone may change it who is an admin, through any peer, whoever dies meanwhile."""

import time

from agreement import AFTER_A_KILL, NOTHING, PROPOSAL_DEADLINE, ConfigCase, Doing
from lab import wait_until
from peers import MODEL, PATIENCE, PLENTY


class ConfigTests(ConfigCase):
    def test_a_change_through_any_peer_is_certified_and_applied_by_all(self):
        peers = self.council()
        for peer in peers:
            self.change(peer)
        self.agree(*peers)
        view = peers[0].show()
        ids = {peer.id for peer in peers}
        self.assertEqual(set(view["voters"]), ids)
        for peer in peers:
            certified_by = peer.show()["certified_by"]
            self.assertEqual(len(certified_by), len(set(certified_by)))
            self.assertLessEqual(set(certified_by), ids)
            self.assertGreaterEqual(len(certified_by), 2, "a majority of three has signed")
        self.everyone_has_applied(peers, view["revision"])
        self.assertTrue(all(member["votes"] for member in view["peers"]))

    def test_whoever_is_no_admin_changes_nothing_but_may_pass_on_what_admins_want(self):
        first, second = self.council((1, 2))
        guest = self.peer(3, share=NOTHING)
        guest.join(first.invite("home", "--role", "worker"))
        self.agree(first, second, guest)
        before = guest.show()["revision"]
        for words in (self.policy_words(), ["peer", "role", guest.id, "admin", "--network", "home"],
                      ["peer", "remove", second.id, "--network", "home"], ["network", "invite", "home"]):
            self.assertIn("admin", guest.refuses(*words))
        self.assertEqual(guest.show()["revision"], before)
        first.do("peer", "role", guest.id, "admin", "--network", "home")
        wait_until(lambda: guest.network()["role"] == "admin", "the new admin knows that it is one")
        self.change(guest)

    def test_an_admin_may_use_less_of_what_a_peer_lends(self):
        first, second = self.council((1, 2))
        second_id = second.id

        def granted(view):
            return next(member["shared_memory"] for member in view["peers"] if member["id"] == second_id)

        first.do("peer", "grant", second_id, 700000, "--network", "home")
        # Whatever the owner had to say to that is said before these are through.
        for peer in (second, first, second):
            self.change(peer)
        self.assertEqual(granted(self.agree(first, second)), 700000)
        first.refuses("peer", "grant", second.id, "2M", "--network", "home")
        # It offers what it offered before.
        second.kill()
        second.up_again()
        self.change(second)
        self.assertEqual(granted(self.agree(first, second)), 700000)

    def test_a_revoked_invitation_lets_nobody_in(self):
        first, second = self.council((1, 2))
        guest = self.peer(3, share=NOTHING)
        invitation = first.invite()
        wait_until(lambda: second.show()["invitations"], "the other admin knows of the invitation")
        second.do("network", "revoke", "home", invitation)
        began = time.monotonic()
        guest.refuses("network", "join", invitation)
        took = time.monotonic() - began
        self.say("refused join:", took)
        self.assertLess(took, PROPOSAL_DEADLINE - 2, "a no that is decided is told at once, not when patience ends")
        self.assertEqual(self.agree(first, second)["invitations"], [])
        second.refuses("network", "revoke", "home", invitation)

    def test_the_network_takes_another_model(self):
        first, second = self.home((1, 2), share=PLENTY)
        answer = second.chat(tokens=12)
        first.json("model", "add", MODEL, "--name", "another")
        first.do("network", "set-model", "home", "another")
        wait_until(lambda: second.network()["model"] == "another", "both know of the change")
        self.settle(first, second)
        self.assert_same_answer(second.chat(tokens=12), answer)
        revision = first.show()["revision"]
        first.do("network", "plan", "home")
        self.assertGreater(self.agree(first, second)["revision"], revision)

    def test_a_killed_leader_is_not_missed_by_those_who_change_the_config(self):
        peers = self.council()
        leader, (client, other) = self.leader(peers)
        ended = []

        def change():
            began = time.monotonic()
            self.change(client)
            ended.append((began, time.monotonic()))

        changing = Doing(self, change)
        wait_until(lambda: len(ended) >= 3, "some changes are through")
        leader.kill()
        killed = time.monotonic()

        def first_after():
            return next((end for began, end in ended if began > killed), None)

        wait_until(first_after, "changes go on", PATIENCE)
        # None was refused, not even the one that was under way.
        changing.stop()
        self.say("next change after the kill:", first_after() - killed)
        self.assertLess(first_after() - killed, AFTER_A_KILL)
        self.agree(client, other, voters=3, members=3)
        leader.up_again()
        self.agree(*peers)

    def test_an_isolated_leader_says_so_and_nothing_that_it_acknowledged_is_lost(self):
        peers = self.council()
        leader, (client, subject) = self.leader(peers)
        subject_id = subject.id
        words = ["peer", "role", subject_id]
        leader.do(*words, "backup", "--network", "home")
        self.agree(*peers)
        revision = leader.show()["revision"]

        self.lab.cut(leader.host)
        # Neither acknowledged nor, since the others have gone on by then, ever done.
        late = leader.begin(*words, "member", "--network", "home")
        self.say("next change after the cut:", self.change(client))
        self.assertEqual(self.role(client, subject_id), "backup")
        client.do(*words, "worker", "--network", "home")
        self.agree(client, subject, voters=3, members=3)
        self.lose_quorum(leader)
        self.ends_frozen(late)
        self.assertEqual(self.role(leader, subject_id), "backup")

        self.lab.restore(leader.host)
        view = self.agree(*peers)
        self.assertGreaterEqual(view["revision"], revision + 2)
        self.assertEqual([self.role(peer, subject_id) for peer in peers], ["worker"] * 3)
        self.change(leader)

    def test_of_two_admins_who_change_the_same_one_is_told_what_it_is_now(self):
        peers = self.council()
        leader, (second, subject) = self.leader(peers)
        words = ["peer", "role", subject.id]
        # The second one decides before it can know of the first one's change.
        self.lab.cut(second.host)
        late = second.begin(*words, "backup", "--network", "home")
        leader.do(*words, "worker", "--network", "home")
        self.assertIsNone(late.poll())
        self.lab.restore(second.host)
        printed, told = late.communicate(timeout=4 * PATIENCE)
        self.assertEqual((late.returncode, printed), (1, b""), told)
        self.assertEqual(len(told.decode().strip().splitlines()), 1, told)
        self.assertIn("worker", told.decode())
        self.assertIn("meanwhile", told.decode())
        self.agree(*peers)
        self.assertEqual([self.role(peer, subject.id) for peer in peers], ["worker"] * 3)
        # Having looked, it may change it.
        second.do(*words, "backup", "--network", "home")

    def test_a_power_cut_everywhere_changes_nothing(self):
        peers = self.home()
        # Settled in what is agreed too: whatever follows would follow anyway.
        self.agree(*peers)
        before = [peer.show() for peer in peers]
        answer = peers[1].chat(tokens=16)
        for peer in peers:
            peer.kill()
        for peer in peers:
            peer.up_again()
        self.agree(*peers)
        self.settle(*peers)
        for old, new in zip(before, [peer.show() for peer in peers]):
            self.assertGreaterEqual(new["revision"], old["revision"])
            for key in ("id", "generation", "voters", "model"):
                self.assertEqual(new[key], old[key])
            if new["revision"] == old["revision"]:
                self.assertLessEqual(set(old["certified_by"]), set(new["certified_by"]))
            self.assertEqual([(member["id"], member["role"], member["blocks"], member["copies"]) for member in new["peers"]],
                             [(member["id"], member["role"], member["blocks"], member["copies"]) for member in old["peers"]])
        self.change(peers[0])
        self.assert_same_answer(peers[1].chat(tokens=16), answer)
