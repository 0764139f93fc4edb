"""Admins on several peers change the config at random while leaders are killed, cables cut and peers restarted; afterwards
one order of events has to explain everything that any of them saw."""

import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time

from agreement import ConfigCase, Doing
from history import OK, REFUSED, UNKNOWN, History
from lab import wait_until
from peers import PATIENCE

SECONDS = 30
SEED = int(os.environ.get("TIKTRUE_CHURN_SEED") or 1)


class ChurnTests(ConfigCase):
    hosts = 5

    def test_what_clients_saw_of_a_config_under_fire_is_linearizable(self):
        self.peers = self.council((1, 2, 3, 4, 5))
        self.id_of = {peer: peer.id for peer in self.peers}
        self.peer_of = {identity: peer for peer, identity in self.id_of.items()}
        self.subjects = self.peers[3:]
        self.history = History()
        self.numbers = itertools.count(1)
        self.numbers_lock = threading.Lock()
        view = self.agree(*self.peers)
        initial, revision = self.registers(view), view["revision"]

        clients = [Doing(self, self.client(peer, random.Random(f"{SEED} {peer.host}")))
                   for peer in self.peers[:3]]
        self.disturb(random.Random(SEED), SECONDS)
        for client in clients:
            client.stop()
        last = "policy", (7, 300), self.policy_words(voters=7, grace=300)
        wait_until(lambda: self.write(self.peers[0], *last).outcome == OK, "the config can be changed in the end")
        self.agree(*self.peers)
        for peer in self.peers:
            self.read(peer)

        counts = {outcome: sum(1 for op in self.history.operations if not op.is_read and op.outcome == outcome)
                  for outcome in (OK, REFUSED, UNKNOWN)}
        reads = sum(1 for op in self.history.operations if op.is_read)
        print(f"[seed {SEED}: {counts[OK]} changes, {counts[REFUSED]} refused, {counts[UNKNOWN]} unknown, {reads} reads] ",
              end="", file=sys.stderr)
        verdict = self.history.verdict(initial, revision)
        if not verdict:
            print("", *self.history.operations, sep="\n", file=sys.stderr)
            self.fail(str(verdict))
        # Otherwise the verdict says little.
        self.assertGreater(counts[OK], 20)
        self.assertGreater(reads, 20)

    # -- Clients

    def client(self, peer, draw):
        """One step of a client: a change, or a look."""
        def step():
            if not self.lab.is_up(peer.host):
                time.sleep(0.05)
            elif draw.random() < 0.35:
                self.read(peer)
            else:
                self.write(peer, *self.drawn(draw, draw.choice(self.subjects)))

        return step

    def drawn(self, draw, subject):
        """A change: which register, to what, and the words for it. Values are new each time where that is possible."""
        with self.numbers_lock:
            number = next(self.numbers)
        match draw.randrange(4):
            case 0:
                most, grace = draw.choice([3, 5, 7]), 1000 + number
                return "policy", (most, grace), self.policy_words(voters=most, grace=grace)
            case 1:
                size = 900_000 + number
                return f"grant {subject.host}", size, ["peer", "grant", self.id_of[subject], size, "--network", "home"]
            case _:
                role = draw.choice(["worker", "backup", "member", "admin"])
                return f"role {subject.host}", role, ["peer", "role", self.id_of[subject], role, "--network", "home"]

    def write(self, peer, key, value, words):
        def action():
            try:
                done = peer.run(*words, "--json", timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                return UNKNOWN, None, "no answer"
            if done.returncode == 0:
                return OK, json.loads(done.stdout)["revision"], ""
            told = done.stderr.strip()
            self.assertEqual((done.returncode, done.stdout), (1, ""), told)
            return (REFUSED if "meanwhile" in told else UNKNOWN), None, told

        return self.history.write(f"host {peer.host}", key, value, action)

    def read(self, peer):
        def action():
            try:
                done = peer.run("network", "show", "home", "--json", timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                return None
            if done.returncode != 0:
                return None
            view = json.loads(done.stdout)
            return view["revision"], self.registers(view)

        return self.history.read(f"host {peer.host}", action)

    def registers(self, view):
        found = {}
        for member in view["peers"]:
            subject = self.peer_of[member["id"]]
            if subject in self.subjects:
                found[f"role {subject.host}"] = member["role"]
                found[f"grant {subject.host}"] = member["shared_memory"]
        found["policy"] = (view["policy"]["max_voters"], view["policy"]["voter_grace"])
        return found

    # -- Faults

    def disturb(self, draw, seconds):
        """One fault after the other, mended before the next: the others are a majority all the time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(draw.uniform(0.5, 2))
            kind = draw.choice(["kill leader", "kill leader", "cut leader", "cut", "kill", "restart"])
            victim = self.leading() if "leader" in kind else draw.choice(self.peers)
            lasting = draw.uniform(0.2, 3)
            match kind.split()[0]:
                case "kill":
                    victim.kill()
                    time.sleep(lasting)
                    victim.up_again()
                case "cut":
                    self.lab.cut(victim.host)
                    time.sleep(lasting)
                    self.lab.restore(victim.host)
                case "restart":
                    victim.stop()
                    victim.up_again()

    def leading(self):
        def found():
            for peer in self.peers:
                done = peer.run("network", "show", "home", "--json", timeout=PATIENCE)
                leader = json.loads(done.stdout)["leader"] if done.returncode == 0 else None
                if leader:
                    return self.peer_of[leader]
            return None

        return wait_until(found, "someone leads", PATIENCE)
