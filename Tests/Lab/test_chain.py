"""A model that is split over hosts answers as one that is whole."""

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
