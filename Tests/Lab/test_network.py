"""A network is made, grows by invitation through any member, and outlives its peers' restarts."""

from lab import wait_until
from peers import PATIENCE, PLENTY, PeerCase


class NetworkTests(PeerCase):
    def test_create_invite_and_join_make_one_config_on_all(self):
        peers = self.home(share=PLENTY)
        views = []

        def is_one_config():
            # Voters still change after everybody is in: each peer is asked at another moment.
            views[:] = [peer.network() for peer in peers]
            return len({(view["id"], view["revision"]) for view in views}) == 1

        wait_until(is_one_config, "all have the same config", PATIENCE)
        for view in views:
            self.assertEqual({member["id"] for member in view["peers"]}, {peer.id for peer in peers})
        self.assertEqual(views[0]["role"], "admin")

    def test_a_newcomer_joins_through_a_member_that_joined_itself(self):
        first, second = self.peer(1), self.peer(2)
        first.create()
        second.join(first.invite())
        invitation = first.invite()
        # The newcomer reaches the second host only, and hears of it by a seed.
        self.lab.part(1, 3)
        self.lab.multicast(False)
        third = self.peer(3, "--seed", second.address)
        third.join(invitation)
        self.assertEqual(third.network()["id"], first.network()["id"])
        wait_until(lambda: first.member(third), "the first peer knows the third one")
        self.lab.part()
        self.lab.multicast(True)
        self.settle(first, second, third)

    def test_an_invitation_is_good_for_one_guest(self):
        first, second, third = (self.peer(host, share=PLENTY) for host in (1, 2, 3))
        first.create()
        invitation = first.invite()
        second.join(invitation)
        third.refuses("network", "join", invitation)
        self.assertIsNone(third.network())

    def test_a_wrong_invitation_is_refused(self):
        first, second = self.peer(1, share=PLENTY), self.peer(2, share=PLENTY)
        first.create()
        invitation = first.invite()
        middle = len(invitation) // 2
        other = "a" if invitation[middle] != "a" else "b"
        for wrong in (invitation[:middle] + other + invitation[middle + 1:], invitation[:middle], "welcome"):
            second.refuses("network", "join", wrong)
        self.assertIsNone(second.network())
        second.join(invitation)

    def test_every_member_takes_up_the_network_after_all_have_restarted(self):
        peers = self.home()
        before = peers[0].network()
        answer = peers[1].chat(tokens=24)
        identities = [peer.id for peer in peers]
        for peer in peers:
            self.assertEqual(peer.stop(), 0)
        for peer in peers:
            peer.up_again()
        self.settle(*peers)
        self.assertEqual([peer.id for peer in peers], identities)
        for peer in peers:
            self.assertEqual(peer.network()["id"], before["id"])
            self.assertGreaterEqual(peer.network()["revision"], before["revision"])
        self.assert_same_answer(peers[1].chat(tokens=24), answer)

    def test_every_member_takes_up_the_network_after_a_power_cut(self):
        peers = self.home()
        before = peers[0].network()["id"]
        for peer in peers:
            peer.kill()
        for peer in peers:
            peer.up_again()
        self.settle(*peers)
        self.assertEqual({peer.network()["id"] for peer in peers}, {before})

    def test_a_member_leaves_and_the_others_go_on(self):
        peers = self.home()
        gone, left = peers[2], peers[:2]
        gone_id = gone.id
        gone.do("network", "leave", "home")
        self.assertIsNone(gone.network())
        wait_until(lambda: all(gone_id not in [member["id"] for member in peer.network()["peers"]] for peer in left),
                   "the others know that it has left")
        self.settle(*left)
        self.assertNotIn(gone_id, [stage["peer"] for stage in left[0].chat(tokens=16)["route"]])

    def test_names_that_are_taken_or_unknown_are_refused(self):
        first = self.peer(1, share=PLENTY)
        first.create()
        model = first.network()["model"]
        first.refuses("network", "create", "home", "--model", model)
        first.refuses("network", "create", "other", "--model", "no-such-model")
        first.refuses("network", "invite", "no-such-network")
        first.refuses("network", "show", "no-such-network")
        first.refuses("network", "leave", "no-such-network")
        first.refuses("chat", "--network", "no-such-network", "--prompt", "Hello")

    def test_lists_name_the_network_and_its_peers(self):
        peers = self.home(share=PLENTY)
        self.assertEqual([network["name"] for network in peers[1].json("network", "list")], ["home"])
        self.assertEqual(peers[1].json("network", "show", "home")["id"], peers[0].network()["id"])
        listed = peers[1].json("peer", "list")
        self.assertEqual({peer["id"] for peer in listed[0]["peers"]}, {peer.id for peer in peers})
