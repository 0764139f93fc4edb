"""A plug is pulled in the middle of an answer, and the answer is the same.

Peers fall that carry blocks of the answer's route, at several moments of it; then they come back as themselves.
"""

import json

from lab import wait_until
from peers import PATIENCE, TOKENS, PeerCase

# How far an answer has come, as a part of its characters or of what the asking host received in an undisturbed run.
MOMENTS = (0.0, 0.2, 0.5, 0.8)


class PlugTests(PeerCase):
    def setUp(self):
        super().setUp()
        self.peers = self.home()

    def undisturbed(self, driver):
        """The answer that every disturbed run is held against, with what it took on the asking host's card."""
        before = self.lab.received_bytes(driver.host)
        answer = driver.chat()
        self.assertEqual(answer["reroutes"], 0)
        self.assertGreaterEqual(len(answer["token_ids"]), TOKENS // 2, "the answer is long enough to be disturbed")
        return answer, self.lab.received_bytes(driver.host) - before

    def victims(self, driver, answer):
        """Everyone but the driver that the route runs over."""
        route = [stage["peer"] for stage in answer["route"]]
        found = [peer for peer in self.peers if peer is not driver and peer.id in route]
        self.assertTrue(found, "the route runs over other peers")
        return found

    def disturb_text(self, driver, moment, calm, pull):
        """Streams the answer and pulls a plug when so much of it has come."""
        child = driver.begin_chat()
        text = b""
        while len(text) < moment * len(calm["text"].encode()):
            piece = child.stdout.read1(4096)
            self.assertTrue(piece, "the answer goes on until the plug is pulled")
            text += piece
        pull()
        rest, words = child.communicate(timeout=4 * PATIENCE)
        self.assertEqual(child.returncode, 0, words.decode(errors="replace"))
        self.assertEqual((text + rest).decode().rstrip("\n"), calm["text"].rstrip("\n"))

    def disturb_document(self, driver, moment, calm, usual_bytes, pull):
        """As above, for the document. How far it has come shows in what the driver's card has received."""
        before = self.lab.received_bytes(driver.host)
        child = driver.begin_chat("--json")
        wait_until(lambda: self.lab.received_bytes(driver.host) - before >= moment * usual_bytes or child.poll() is not None,
                   "the answer has begun", PATIENCE, pause=0.005)
        pull()
        self.assertIsNone(child.poll(), "the plug was pulled before the answer ended")
        printed, words = child.communicate(timeout=4 * PATIENCE)
        self.assertEqual(child.returncode, 0, words.decode(errors="replace"))
        answer = json.loads(printed)
        self.assert_same_answer(answer, calm)
        self.assertGreaterEqual(answer["reroutes"], 1)

    def kill_at_each_moment(self, driver):
        calm, _ = self.undisturbed(driver)
        for victim in self.victims(driver, calm):
            for moment in MOMENTS:
                with self.subTest(victim=repr(victim), moment=moment):
                    self.disturb_text(driver, moment, calm, victim.kill)
                if not self.lab.is_up(victim.host):
                    victim.up_again()
                self.settle(*self.peers)

    def test_killed_peers_are_not_missed_when_the_founder_asks(self):
        self.kill_at_each_moment(self.peers[0])

    def test_killed_peers_are_not_missed_even_the_founder_when_another_asks(self):
        self.kill_at_each_moment(self.peers[2])

    def test_the_document_tells_of_the_rerouting(self):
        driver = self.peers[0]
        calm, usual_bytes = self.undisturbed(driver)
        for victim in self.victims(driver, calm):
            with self.subTest(victim=repr(victim)):
                self.disturb_document(driver, 0.4, calm, usual_bytes, victim.kill)
            if not self.lab.is_up(victim.host):
                victim.up_again()
            self.settle(*self.peers)

    def test_a_cut_cable_in_the_middle_of_an_answer_is_not_noticed_in_it(self):
        driver = self.peers[0]
        calm, _ = self.undisturbed(driver)
        for victim in self.victims(driver, calm):
            for moment in (0.2, 0.6):
                with self.subTest(victim=repr(victim), moment=moment):
                    self.disturb_text(driver, moment, calm, lambda: self.lab.cut(victim.host))
                self.lab.restore(victim.host)
                self.settle(*self.peers)

    def test_a_seeded_sampled_answer_survives_as_well(self):
        driver = self.peers[1]
        free = ("--temperature", 0.8, "--top-k", 40, "--seed", 11)
        calm = driver.chat(*free)
        victim = self.victims(driver, calm)[-1]
        child = driver.begin_chat(*free)
        first = child.stdout.read1(4096)
        victim.kill()
        rest, words = child.communicate(timeout=4 * PATIENCE)
        self.assertEqual(child.returncode, 0, words.decode(errors="replace"))
        self.assertEqual((first + rest).decode().rstrip("\n"), calm["text"].rstrip("\n"))

    def test_an_answer_with_a_format_goes_on_where_it_stood_in_it(self):
        """The peer that samples dies; whoever takes over finds the place in the format from the tokens."""
        driver = self.peers[1]
        shaped = ("--json-object", "--temperature", 0.8, "--seed", 3, "--repeat-penalty", 1.1)
        calm = driver.chat(*shaped)
        victims = self.victims(driver, calm)
        # The last of the route, where it is not the one that asks.
        last = [peer for peer in victims if peer.id == calm["route"][-1]["peer"]] or victims
        child = driver.begin_chat(*shaped)
        first = child.stdout.read1(4096)
        last[0].kill()
        rest, words = child.communicate(timeout=4 * PATIENCE)
        self.assertEqual(child.returncode, 0, words.decode(errors="replace"))
        self.assertEqual((first + rest).decode().rstrip("\n"), calm["text"].rstrip("\n"))

    def test_a_killed_peer_is_done_without_and_comes_back_as_itself(self):
        driver, victim = self.peers[0], self.peers[2]
        calm = driver.chat(tokens=32)
        identity = victim.id
        victim.kill()
        without = driver.chat(tokens=32)
        self.assertNotIn(identity, [stage["peer"] for stage in without["route"]])
        self.assert_same_answer(without, calm)
        wait_until(lambda: driver.network()["peers"] and any(
            peer["id"] == identity and peer["state"] == "unreachable" for peer in driver.network()["peers"]),
            "the lost peer is shown as unreachable")
        victim.up_again()
        self.assertEqual(victim.id, identity)
        self.settle(*self.peers)
        self.assert_same_answer(victim.chat(tokens=32), calm)

    def test_when_too_few_are_left_the_person_is_told_and_it_works_again_later(self):
        driver, second, third = self.peers
        calm = driver.chat(tokens=32)
        second.kill()
        third.kill()
        # One alone cannot hold the model: an honest sentence, no hang, no wrong answer.
        driver.refuses(*driver.chat_words(tokens=32))
        second.up_again()
        third.up_again()
        self.settle(*self.peers)
        self.assert_same_answer(driver.chat(tokens=32), calm)
