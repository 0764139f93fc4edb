"""A majority of the voters is lost for good: nothing happens by itself, and an admin's deliberate command makes a new
beginning."""

import shutil

from agreement import NOTHING, ConfigCase


class RecoveryTests(ConfigCase):
    hosts = 4

    def test_what_is_left_recovers_and_those_who_return_follow(self):
        peers = self.council()
        survivor, wiped, returning = peers
        before = survivor.show()
        wiped_id = wiped.id
        survivor.refuses("network", "recover", "home", "--confirm", "home")
        wiped.kill()
        returning.kill()
        shutil.rmtree(wiped.data_dir)
        self.lose_quorum(survivor)
        # Only on purpose.
        self.assertNotEqual(survivor.run("network", "recover", "home", "--confirm", "hom").returncode, 0)
        self.assertEqual(survivor.show()["generation"], before["generation"])

        survivor.do("network", "recover", "home", "--confirm", "home")
        view = self.agree(survivor, voters=1, members=3)
        self.assertGreater(view["generation"], before["generation"])
        self.assertEqual(view["id"], before["id"])
        self.change(survivor)
        newcomer = self.peer(4, share=NOTHING)
        newcomer.join(survivor.invite("home", "--role", "admin"))
        self.agree(survivor, newcomer, members=4, voters=2)

        # Its disk is as it was before the recovery.
        returning.up_again()
        self.agree(survivor, newcomer, returning, members=4, voters=3)
        self.assertEqual(returning.show()["generation"], view["generation"])
        # A new disk makes a new identity, which has to be let in.
        wiped.up_again()
        self.assertNotEqual(wiped.id, wiped_id)
        self.assertIsNone(wiped.network())
        wiped.join(newcomer.invite())
        newcomer.do("peer", "remove", wiped_id, "--network", "home")
        self.agree(survivor, newcomer, returning, wiped, members=4, voters=3)
        for peer in (survivor, newcomer, returning):
            self.change(peer)
