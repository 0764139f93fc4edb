"""Real peers on the lab's hosts, commanded as people command them: by the program itself."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

from case import PATIENCE, LabCase
from lab import ROOT, wait_until

sys.path.insert(0, str(ROOT / "tools" / "lib"))
from documents import blocks, is_filled  # noqa: E402

PROGRAM = os.environ.get("TIKTRUE_BIN", "")
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
MODEL = pathlib.Path(
    os.environ.get("TIKTRUE_MODEL") or CACHE / "tiktrue" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf")

# No peer can hold the model alone, and any two can.
SHARE = int(MODEL.stat().st_size * 0.60) if MODEL.exists() else 0
PLENTY = "2G"

# A question that has a long answer, so that there is a middle of it.
QUESTION = "Tell me a long story about a lighthouse keeper and a storm."
TOKENS = 160


class Peer:
    def __init__(self, test, host, label="peer"):
        self.test, self.lab, self.host, self.label = test, test.lab, host, label

    def __repr__(self):
        return f"{self.label} on host {self.host}"

    # -- The process

    def up(self, *options, share=SHARE):
        """Starts it and waits until it can be spoken to. It gets one thread, since all hosts share this machine's cores."""
        self.options = ["--share-memory", share, "--threads", 1, *options]
        return self.up_again()

    def up_again(self):
        self.lab.start(self.host, self.options, peer=self.label, binary=PROGRAM)

        def answers():
            if not self.lab.is_up(self.host, self.label):
                self.test.fail(f"{self} ended at its start")
            return self.run("status", "--json").returncode == 0

        wait_until(answers, f"{self} answers", PATIENCE)
        return self

    def kill(self):
        self.lab.kill(self.host, self.label)

    def stop(self):
        return self.lab.stop(self.host, self.label)

    @property
    def data_dir(self):
        return self.lab.data_dir(self.host, self.label)

    # -- Commands

    def words(self, *words):
        return [PROGRAM, *map(str, words), "--data-dir", str(self.data_dir)]

    def run(self, *words, timeout=4 * PATIENCE, input=None):
        """Runs a command to its end, whatever that is. `input` is what it reads."""
        return self.lab.run(
            self.host, *self.words(*words), capture_output=True, text=True, timeout=timeout, input=input)

    def do(self, *words, **options):
        """Runs a command that has to succeed; returns what it printed."""
        done = self.run(*words, **options)
        self.test.assertEqual(done.returncode, 0, f"`tiktrue {' '.join(map(str, words))}` by {self}: {done.stderr}")
        return done.stdout

    def json(self, *words, **options):
        return json.loads(self.do(*words, "--json", **options))

    def begin(self, *words):
        """Runs a command beside the test; `communicate` of what is returned waits for its end."""
        child = self.lab.popen(self.host, *self.words(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
        self.test.addCleanup(lambda: (child.poll() is None and child.kill(), child.communicate()))
        return child

    def refuses(self, *words):
        """Runs a command that has to fail with one sentence on standard error; returns the sentence."""
        done = self.run(*words)
        shown = f"`tiktrue {' '.join(map(str, words))}` by {self}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        self.test.assertEqual(done.returncode, 1, shown)
        self.test.assertEqual(done.stdout, "", shown)
        self.test.assertEqual(len(done.stderr.strip().splitlines()), 1, shown)
        return done.stderr.strip()

    # -- What it knows

    @property
    def status(self):
        return self.json("status")

    @property
    def id(self):
        return self.status["peer"]

    @property
    def address(self):
        port = self.status["listen"]["links"].rpartition(":")[2]
        return f"{self.lab.address(self.host)}:{port}"

    def network(self, name="home"):
        """This peer's view of the network; None where it is in no such network."""
        return next((network for network in self.status["networks"] if network["name"] == name), None)

    def show(self, name="home"):
        """The config as this peer knows it, with its certificate and who has applied it."""
        return self.json("network", "show", name)

    def member(self, other, name="home"):
        """This peer's view of another member; None where it is none."""
        network = self.network(name)
        return next((peer for peer in network["peers"] if peer["id"] == other.id), None) if network else None

    # -- Networks

    def create(self, name="home"):
        model = self.json("model", "add", MODEL)["name"]
        self.do("network", "create", name, "--model", model)

    def invite(self, name="home", *options):
        """An invitation, which stands alone on standard output."""
        words = self.do("network", "invite", name, *options).split()
        self.test.assertEqual(len(words), 1, "an invitation is one word")
        return words[0]

    def join(self, invitation):
        self.do("network", "join", invitation)

    # -- Chat

    def chat_words(self, *options, prompt=QUESTION, network="home", tokens=TOKENS):
        return ["chat", "--network", network, "--prompt", prompt, "--max-tokens", tokens, *options]

    def chat(self, *options, **how):
        return self.json(*self.chat_words(*options, **how))

    def begin_chat(self, *options, **how):
        """A chat that goes on by itself: its standard output can be read as it streams."""
        return self.begin(*self.chat_words(*options, **how))


class PeerCase(LabCase):
    """A test with peers; skipped where there is no program or no model to test with."""

    def setUp(self):
        if not PROGRAM:
            raise unittest.SkipTest("TIKTRUE_BIN does not say which program to test")
        if not MODEL.exists():
            raise unittest.SkipTest(f"there is no model at {MODEL}; tools/fetch-model fetches it")
        super().setUp()

    def peer(self, host, *options, label="peer", share=SHARE):
        return Peer(self, host, label).up(*options, share=share)

    def settle(self, *peers, name="home"):
        """Waits until all of them agree, see each other and hold what they are to hold, ready to compute."""

        def settled():
            views = [peer.network(name) for peer in peers]
            return (all(views) and len({view["revision"] for view in views}) == 1
                    and all(len(view["peers"]) >= len(peers) and is_filled(view) for view in views)
                    and all(member["state"] == "alive" for view in views for member in view["peers"]))

        wait_until(settled, f"{', '.join(map(repr, peers))} hold their blocks of {name}", 2 * PATIENCE)

    def home(self, hosts=(1, 2, 3), share=SHARE):
        """A network over these hosts with every block where it belongs; the first of them creates it."""
        peers = [self.peer(host, share=share) for host in hosts]
        peers[0].create()
        for guest in peers[1:]:
            guest.join(peers[0].invite())
        self.settle(*peers)
        return peers

    def assert_same_answer(self, one, other):
        self.assertEqual(one["token_ids"], other["token_ids"])
        self.assertEqual(one["text"], other["text"])


__all__ = ["MODEL", "PLENTY", "PROGRAM", "QUESTION", "SHARE", "TOKENS", "Peer", "PeerCase", "PATIENCE", "blocks", "is_filled"]
