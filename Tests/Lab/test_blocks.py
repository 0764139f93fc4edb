"""Blocks travel to the peers that are to hold them, and only there, whole and verified, however often the cable breaks."""

import hashlib
import json
import pathlib
import shutil

from lab import wait_until
from peers import MODEL, PLENTY, PeerCase, blocks

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "InferenceTests" / "Fixtures"


class BlockTests(PeerCase):
    hosts = 3

    def pieces(self, peer):
        return sorted((peer.data_dir / "pieces").glob("[0-9a-f]" * 64))

    def assert_verified(self, peer):
        pieces = self.pieces(peer)
        self.assertTrue(pieces, f"{peer} holds pieces")
        for piece in pieces:
            self.assertEqual(hashlib.blake2b(piece.read_bytes(), digest_size=32).hexdigest(), piece.name)

    def test_each_peer_holds_just_its_blocks_and_copies(self):
        peers = self.home()
        network = peers[0].network()
        assigned = set()
        for peer, member in [(peer, peers[0].member(peer)) for peer in peers]:
            mine = blocks(member["blocks"]) | blocks(member["copies"])
            self.assertTrue(blocks(member["blocks"]), f"{peer} serves blocks")
            self.assertGreaterEqual(blocks(member["held"]), mine)
            self.assertFalse(assigned & blocks(member["blocks"]), "no block is served first by two peers")
            assigned |= blocks(member["blocks"])
            if peer is not peers[0]:
                # What it was to hold while fewer peers were there may lie on its disk still.
                self.assertLess(len(blocks(member["held"])), network["block_count"], f"{peer} has fetched only its part")
                self.assertLess(sum(piece.stat().st_size for piece in self.pieces(peer)), MODEL.stat().st_size)
        self.assertEqual(assigned, set(range(network["block_count"])))

    def test_every_block_has_its_copy_on_another_peer(self):
        peers = self.home()
        members = peers[0].network()["peers"]
        copied = set().union(*(blocks(member["copies"]) for member in members))
        self.assertEqual(copied, set(range(peers[0].network()["block_count"])))
        for member in members:
            self.assertFalse(blocks(member["blocks"]) & blocks(member["copies"]), "a copy stands on another peer")

    def test_what_has_arrived_has_the_digest_that_names_it(self):
        for peer in self.home():
            self.assert_verified(peer)

    def test_a_transfer_goes_on_where_a_cut_cable_stopped_it(self):
        first, second = self.peer(1), self.peer(2)
        first.create()
        # Slow enough to be cut in the middle, also on a fast machine.
        self.lab.rate(2, 40)
        before = self.lab.received_bytes(2)
        second.join(first.invite())

        def received():
            return self.lab.received_bytes(2) - before

        for part in (0.15, 0.3):
            wait_until(lambda: received() > part * MODEL.stat().st_size, "a part of the blocks has come")
            self.lab.cut(2)
            held = len(self.pieces(second))
            wait_until(lambda: first.member(second)["state"] == "unreachable", "the cut is noticed")
            self.lab.restore(2)
            wait_until(lambda: first.member(second)["state"] == "alive", "the mended cable is noticed")
            self.assertGreaterEqual(len(self.pieces(second)), held, "nothing that had come was thrown away")
        self.lab.rate(2, 0)
        self.settle(first, second)
        self.assert_verified(second)
        # Had it begun anew after either cut, it would have come to far more than it holds.
        self.assertLess(received(), 1.15 * sum(piece.stat().st_size for piece in self.pieces(second)) + (4 << 20))

    def test_a_transfer_goes_on_after_the_fetching_peer_was_killed(self):
        first, second = self.peer(1), self.peer(2)
        first.create()
        self.lab.rate(2, 40)
        second.join(first.invite())
        wait_until(lambda: len(self.pieces(second)) >= 3, "some pieces have come")
        second.kill()
        held = {piece.name for piece in self.pieces(second)}
        self.lab.rate(2, 0)
        second.up_again()
        self.settle(first, second)
        self.assertLessEqual(held, {piece.name for piece in self.pieces(second)})
        self.assert_verified(second)


class ModelFileTests(PeerCase):
    hosts = 1

    def test_a_file_that_is_no_model_is_refused_with_a_sentence(self):
        peer = self.peer(1, share=PLENTY)
        whole = MODEL.read_bytes()
        for name, content in (("empty", b""), ("text", b"This is no model. " * 1000), ("short", whole[:len(whole) // 2]),
                              ("header", whole[:100]), ("lying", whole[:8] + b"\xff" * 8 + whole[16:4096])):
            file = self.lab.folder / f"{name}.gguf"
            file.write_bytes(content)
            with self.subTest(name):
                peer.refuses("model", "add", file)
        peer.refuses("model", "add", self.lab.folder / "missing.gguf")
        self.assertEqual(peer.json("model", "list"), [])

    def test_a_model_is_named_after_its_file_or_as_asked(self):
        peer = self.peer(1, share=PLENTY)
        self.assertEqual(peer.json("model", "add", MODEL)["name"], MODEL.name.removesuffix(".gguf"))
        self.assertEqual(peer.json("model", "show", MODEL.name.removesuffix(".gguf"))["source"], str(MODEL))
        self.assertEqual(peer.json("model", "add", MODEL, "--name", "small")["name"], "small")

    def write_tokenizer(self, directory, count):
        tokens = [*"abcdefghij", *(f"<{number}>" for number in range(10, count))]
        words = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
        vocabulary = {token: number for number, token in enumerate(tokens)}
        tokenizer = {"pre_tokenizer": words, "model": {"type": "BPE", "vocab": vocabulary, "merges": []}}
        (directory / "tokenizer.json").write_text(json.dumps(tokenizer))

    def test_a_model_that_could_never_answer_is_refused_before_it_is_cut(self):
        peer = self.peer(1, share=PLENTY)
        directory = self.lab.folder / "narrow"
        shutil.copytree(FIXTURES / "safetensors", directory)
        self.write_tokenizer(directory, 10)
        self.assertIn("its width is 16", peer.refuses("model", "add", directory))
        self.assertEqual(list((peer.data_dir / "pieces").glob("*")), [])

    def test_a_directory_of_safetensors_is_added_whole_or_not_at_all(self):
        peer = self.peer(1, share=PLENTY)
        directory = self.lab.folder / "tiny"
        shutil.copytree(FIXTURES / "safetensors-hybrid", directory)
        sentence = peer.refuses("model", "add", directory)
        self.assertIn("tokenizer.json", sentence)
        self.assertEqual(list((peer.data_dir / "pieces").glob("*")), [])
        self.write_tokenizer(directory, 260)
        added = peer.json("model", "add", directory)
        self.assertEqual((added["name"], added["source"]), ("tiny", str(directory)))
        self.assertEqual(len(list((peer.data_dir / "pieces").glob("*"))), added["pieces"])
