"""Peers find each other, and what there is to join."""

import json
import sys
import time

from peers import PLENTY, PeerCase
from lab import wait_until


class DiscoveryTests(PeerCase):
    def discover(self, peer):
        """What `network discover` lists, and how long the command took, which is said for the record."""
        began = time.monotonic()
        found = peer.json("network", "discover")
        took = time.monotonic() - began
        print(f"[discover took {took:.2f} s] ", end="", file=sys.stderr)
        # Promised within 2 s; a busy machine may be slower at all it does.
        self.assertLessEqual(took, 5)
        return found

    def addresses(self, found, name="home"):
        return {member["id"]: member["address"] for network in found if network["name"] == name
                for member in network["members"]}

    def test_a_network_is_found_from_another_host_with_its_members_addresses(self):
        first, second, third = (self.peer(host, share=PLENTY) for host in (1, 2, 3))
        first.create()
        second.join(first.invite())
        found = self.discover(third)
        self.assertEqual([network["name"] for network in found], ["home"])
        self.assertEqual(found[0]["id"], first.network()["id"])
        self.assertEqual(found[0]["model"], first.network()["model"])
        self.assertEqual(self.addresses(found), {first.id: first.address, second.id: second.address})

    def test_two_peers_on_one_host_find_each_other(self):
        first = self.peer(1, share=PLENTY)
        second = self.peer(1, label="second", share=PLENTY)
        first.create()
        self.assertIn(first.id, self.addresses(self.discover(second)))

    def test_a_peer_that_starts_later_is_found_and_finds(self):
        first = self.peer(1, share=PLENTY)
        first.create()
        second = self.peer(2, share=PLENTY)
        self.assertEqual(self.addresses(self.discover(second)), {first.id: first.address})

    def test_nothing_is_found_where_there_is_nothing(self):
        self.peer(1, share=PLENTY)
        self.assertEqual(self.discover(self.peer(2, share=PLENTY)), [])

    def test_a_network_that_is_gone_is_no_longer_listed(self):
        first, second = self.peer(1, share=PLENTY), self.peer(2, share=PLENTY)
        first.create()
        self.assertNotEqual(self.discover(second), [])
        first.kill()
        wait_until(lambda: second.json("network", "discover") == [], "the lost network is no longer listed")

    def test_a_seed_takes_the_place_of_multicast(self):
        self.lab.multicast(False)
        first = self.peer(1, share=PLENTY)
        first.create()
        without = self.peer(2, share=PLENTY)
        self.assertEqual(self.discover(without), [])
        seeded = self.peer(3, "--seed", first.address, share=PLENTY)
        self.assertEqual(self.addresses(self.discover(seeded)), {first.id: first.address})

    def test_discover_lists_for_people_what_it_lists_for_programs(self):
        first, second = self.peer(1, share=PLENTY), self.peer(2, share=PLENTY)
        first.create()
        text = second.do("network", "discover")
        self.assertIn("home", text)
        self.assertIn(first.address, text)
        with self.assertRaises(json.JSONDecodeError):
            json.loads(text)
