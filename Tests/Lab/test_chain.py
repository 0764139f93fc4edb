"""A model that is split over hosts answers as one that is whole."""

import json
import tempfile
from pathlib import Path

from lab import wait_until
from peers import PLENTY, TOKENS, PeerCase, blocks

PROMPTS = (
    "What is the capital of France?",
    "Write a short poem about rain, with a title.",
    "Count from one to twenty: 1, 2,",
)
FREE = ("--temperature", 0.8, "--top-k", 40, "--top-p", 0.95)


class ChainTests(PeerCase):
    hosts = 4

    def setUp(self):
        super().setUp()
        self.peers = self.home()
        self.whole = self.peer(4, share=PLENTY)
        self.whole.create("alone")
        self.settle(self.whole, name="alone")

    def test_the_chain_is_split_and_covers_every_block_in_order(self):
        answer = self.peers[0].chat(tokens=16)
        self.assertGreaterEqual(len(answer["route"]), 2)
        spans = [(stage["first_block"], stage["last_block"]) for stage in answer["route"]]
        self.assertEqual(spans[0][0], 0)
        self.assertEqual(spans[-1][1], self.peers[0].network()["block_count"] - 1)
        for (_, last), (first, _) in zip(spans, spans[1:]):
            self.assertEqual(first, last + 1)
        for stage in answer["route"]:
            member = next(peer for peer in self.peers[0].network()["peers"] if peer["id"] == stage["peer"])
            self.assertIn(stage["first_block"], blocks(member["blocks"]) | blocks(member["copies"]))

    def test_greedy_answers_equal_those_of_a_single_peer(self):
        for prompt in PROMPTS:
            with self.subTest(prompt):
                alone = self.whole.chat(prompt=prompt, network="alone", tokens=64)
                self.assertEqual(len(alone["route"]), 1)
                self.assert_same_answer(self.peers[0].chat(prompt=prompt, tokens=64), alone)

    def test_sampled_answers_with_a_seed_equal_those_of_a_single_peer(self):
        for seed in (1, 74_20):
            with self.subTest(seed):
                alone = self.whole.chat("--seed", seed, *FREE, network="alone", tokens=64)
                self.assertEqual(alone["seed"], seed)
                self.assert_same_answer(self.peers[1].chat("--seed", seed, *FREE, tokens=64), alone)

    def test_shaped_answers_equal_those_of_a_single_peer(self):
        """What the last stage chooses by: the tokens before, the place in a format, bans, and what it tells beside them."""
        shaped = ("--repeat-penalty", 1.3, "--frequency-penalty", 0.2, "--min-p", 0.05, "--temperature", 0.9, "--seed", 5,
                  "--bias", "28=ban", "--logprobs", 3)
        alone = self.whole.chat(*shaped, network="alone", tokens=48)
        split = self.peers[1].chat(*shaped, tokens=48)
        self.assert_same_answer(split, alone)
        self.assertEqual(split["logprobs"], alone["logprobs"])
        self.assertEqual([token["id"] for token in split["logprobs"]], split["token_ids"])
        self.assertNotIn(28, split["token_ids"])

    def test_an_answer_keeps_to_its_schema_and_to_its_stop_strings(self):
        schema = Path(self.enterContext(tempfile.TemporaryDirectory())) / "schema.json"
        schema.write_text(json.dumps({
            "type": "object", "properties": {"city": {"type": "string", "maxLength": 20}, "people": {"type": "integer"}},
            "required": ["city", "people"], "additionalProperties": False}))
        prompt = "Name a city and how many people live there."
        answer = self.peers[0].chat("--schema", schema, prompt=prompt, tokens=96)
        self.assertEqual(answer["finish_reason"], "stop")
        self.assertEqual(set(json.loads(answer["text"])), {"city", "people"})
        self.assert_same_answer(answer, self.whole.chat("--schema", schema, network="alone", prompt=prompt, tokens=96))
        whole = self.peers[0].chat(prompt=PROMPTS[2], tokens=64)["text"]
        middle = whole[len(whole) // 2:][:3]
        stopped = self.peers[0].chat("--stop", middle, prompt=PROMPTS[2], tokens=64)
        self.assertEqual(stopped["finish_reason"], "stop")
        self.assertEqual(stopped["text"], whole[:whole.index(middle)])
        schema.write_text("{")
        self.assertTrue(self.peers[0].refuses("chat", "--prompt", "x", "--schema", schema))

    def test_a_conversation_goes_on_with_other_settings(self):
        """The second turn is told to the stages anew, and they keep what they computed for the first."""
        lines = "Count from one to five.\nAnd now?\n"
        answers = []
        for peer, network in ((self.peers[0], "home"), (self.whole, "alone")):
            printed = peer.do("chat", "--network", network, "--json-object", "--max-tokens", 24, "--json", input=lines)
            answers.append([json.loads(line) for line in printed.splitlines()])
        for one, other in zip(*answers):
            self.assert_same_answer(one, other)
            self.assertTrue(one["text"].startswith("{"), one["text"])
            self.assertEqual(one["reroutes"], 0)

    def test_an_answer_cut_at_a_stop_string_costs_the_next_turn_only_what_is_new(self):
        first, *_ = printed = self.conversation("home", self.peers[0], "--stop", " is")
        alone = self.conversation("alone", self.whole, "--stop", " is")
        for one, other in zip(printed, alone):
            self.assert_same_answer(one, other)
            self.assertEqual(one["timings"]["prompt_tokens"], other["timings"]["prompt_tokens"])
        self.assertEqual(first["finish_reason"], "stop")
        # The question, what stands around it, and the few tokens with which the answer's end is read again.
        for later in printed[1:]:
            self.assertLess(later["timings"]["prompt_tokens"], first["timings"]["prompt_tokens"])
            self.assertEqual(later["reroutes"], 0)

    def conversation(self, network, peer, *options):
        """Three turns. The first one is the longest, so that computing it anew would show."""
        lines = "Tell me, in a few plain words and without any lists, which animals live in the sea, and why whales are no fish.\n"
        lines += "Why?\nAnd birds?\n"
        printed = peer.do("chat", "--network", network, *options, "--max-tokens", 48, "--json", input=lines)
        return [json.loads(line) for line in printed.splitlines()]

    def test_embeddings_equal_those_of_a_single_peer(self):
        texts = ("The cat sat on the mat.", "A cat was sitting on a mat.", "Interest rates rose by half a point in March.")
        split = self.peers[2].json("embed", "--network", "home", *texts)
        alone = self.whole.json("embed", "--network", "alone", *texts)
        self.assertEqual(split["embeddings"], alone["embeddings"])
        def nearness(one, other):
            return sum(x * y for x, y in zip(split["embeddings"][one], split["embeddings"][other]))
        self.assertAlmostEqual(nearness(0, 0), 1, places=4)
        self.assertGreater(nearness(0, 1), nearness(0, 2))

    def test_the_cache_format_is_the_networks_policy(self):
        options = ("--logprobs", 1)
        halves = self.peers[0].chat(*options, tokens=32)
        for peer, network in ((self.peers[0], "home"), (self.whole, "alone")):
            self.assertEqual(peer.network(network)["policy"]["cache_format"], "f16")
            peer.do("network", "set-policy", network, "--cache-format", "q8_0")
        wait_until(lambda: all(peer.network()["policy"]["cache_format"] == "q8_0" for peer in self.peers),
                   "everyone knows the policy")
        alone = self.whole.chat(*options, network="alone", tokens=32)
        for peer in self.peers:
            split = peer.chat(*options, tokens=32)
            self.assert_same_answer(split, alone)
            self.assertEqual(split["logprobs"], alone["logprobs"])
        self.assertNotEqual(alone["logprobs"], halves["logprobs"])

    def test_every_peer_may_ask_and_hears_the_same(self):
        answers = [peer.chat(tokens=48) for peer in self.peers]
        for answer in answers[1:]:
            self.assert_same_answer(answer, answers[0])

    def test_another_seed_gives_another_answer(self):
        answers = [self.peers[0].chat("--seed", seed, *FREE, tokens=48)["text"] for seed in (1, 2, 3)]
        self.assertGreater(len(set(answers)), 1)

    def test_several_ask_at_once_and_each_gets_the_answer_that_it_would_get_alone(self):
        calm = [peer.chat(prompt=prompt, tokens=48) for peer, prompt in zip(self.peers, PROMPTS)]
        asking = [peer.begin_chat(prompt=prompt, tokens=48) for peer, prompt in zip(self.peers, PROMPTS)]
        for child, answer in zip(asking, calm):
            text, words = child.communicate(timeout=240)
            self.assertEqual(child.returncode, 0, words)
            self.assertEqual(text.decode().rstrip("\n"), answer["text"].rstrip("\n"))

    def test_an_answer_streams(self):
        child = self.peers[2].begin_chat(tokens=TOKENS)
        first = child.stdout.read1(65536)
        self.assertIsNone(child.poll(), "the first words come before the last ones")
        rest, words = child.communicate(timeout=240)
        self.assertEqual(child.returncode, 0, words)
        self.assertTrue(first)
        self.assertTrue(rest)

    def test_a_member_that_holds_nothing_can_ask(self):
        first, second = self.peers[:2]
        guest = self.whole
        guest.do("network", "join", first.invite("home", "--role", "member"))
        self.settle(*self.peers)
        answer = guest.chat(network="home", tokens=24)
        self.assertNotIn(guest.id, [stage["peer"] for stage in answer["route"]])
        self.assert_same_answer(answer, second.chat(tokens=24))
