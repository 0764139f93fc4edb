"""What the tests of the agreed config share: a few admins who vote, and questions about who leads and what is agreed."""

import itertools
import sys
import threading
import time

from lab import wait_until
from peers import PATIENCE, PLENTY, PeerCase

# Lends too little for any block: such a peer fetches nothing and is there to vote.
NOTHING = "1M"

# How long a peer tries to have a change decided before it gives up and says so, in seconds.
PROPOSAL_DEADLINE = 10

# A change is to be through so soon after its leader was killed, in seconds. Promised are 2, which tools/bench-config
# measures; a busy machine is slower at all it does.
AFTER_A_KILL = 10

_graces = itertools.count(301)


def seats(members, most=7):
    """How many of so many members vote."""
    if members <= 2:
        return members
    return min(members - 1 + members % 2, most)


class ConfigCase(PeerCase):
    hosts = 3

    def council(self, hosts=(1, 2, 3), share=NOTHING):
        """A network over these hosts with all members admins, and all voting who are to. The first one holds the whole
        model."""
        peers = [self.peer(host, share=PLENTY if host == hosts[0] else share) for host in hosts]
        peers[0].create()
        for guest in peers[1:]:
            guest.join(peers[0].invite("home", "--role", "admin"))
        self.agree(*peers)
        return peers

    # -- What is agreed

    def agree(self, *peers, voters=None, members=None):
        """Waits until all of them show the same config with as many voters as there should be, know one leader, and can
        change it. Returns what they show."""
        members = len(peers) if members is None else members
        voters = seats(members) if voters is None else voters

        def agreed():
            if not all(peer.network() for peer in peers):
                return None
            views = [peer.show() for peer in peers]
            first = views[0]
            keys = ("generation", "revision", "voters", "leader", "quorum")
            same = all(view[key] == first[key] for view in views for key in keys)
            right = len(first["voters"]) == voters and len(first["peers"]) == members
            return first if same and right and first["leader"] and first["quorum"] else None

        who = ", ".join(map(repr, peers))
        return wait_until(agreed, f"{who} agree, with {voters} of {members} voting", 2 * PATIENCE)

    def leader(self, peers):
        """Who leads, and the others."""
        found = self.agree(*peers)["leader"]
        first = next(peer for peer in peers if peer.id == found)
        return first, [peer for peer in peers if peer is not first]

    def role(self, peer, of):
        """The role of a member as a peer shows it."""
        return next(member["role"] for member in peer.show()["peers"] if member["id"] == of)

    def everyone_has_applied(self, peers, revision):
        """Waits until every peer shows that every peer goes by that revision or a later one."""
        wait_until(lambda: all(member["applied"] >= revision for peer in peers for member in peer.show()["peers"]),
                   f"all have applied revision {revision} and know it of each other")

    def holds_on(self, condition, what, seconds, pause=0.1):
        """Looks for a while, again and again, whether something stays as it is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.assertTrue(condition(), what)
            time.sleep(pause)

    # -- Changing it

    def policy_words(self, network="home", voters=7, grace=None):
        """A change that differs from every other one and moves no blocks."""
        return ["network", "set-policy", network, "--max-voters", voters, "--voter-grace", grace or next(_graces)]

    def change(self, peer):
        """Changes the config by way of a peer. Returns how long that took in seconds, with the start of the command in it."""
        began = time.monotonic()
        peer.do(*self.policy_words())
        return time.monotonic() - began

    def assert_frozen(self, peer):
        """A change by way of that peer is refused with a sentence that says why."""
        self.assert_says_frozen(peer.refuses(*self.policy_words()))

    def assert_says_frozen(self, sentence):
        self.assertIn("frozen", sentence)
        self.assertEqual(len(sentence.strip().splitlines()), 1, sentence)

    def ends_frozen(self, child):
        """A change that was begun earlier ends so."""
        printed, words = child.communicate(timeout=4 * PATIENCE)
        self.assertEqual((child.returncode, printed), (1, b""), words)
        self.assert_says_frozen(words.decode())

    def lose_quorum(self, *peers):
        """Waits until these peers say that the config cannot be changed."""
        wait_until(lambda: not any(peer.network()["quorum"] for peer in peers), "the lost majority is noticed")

    def say(self, what, seconds):
        """A figure for the record; nothing depends on it."""
        print(f"[{what} {seconds:.2f} s] ", end="", file=sys.stderr, flush=True)


class Doing:
    """Does something beside the test until it is told to stop, and passes on what went wrong in it."""

    def __init__(self, test, step):
        self._step, self._stop, self._error = step, threading.Event(), None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        test.addCleanup(self._stop.set)

    def _run(self):
        try:
            while not self._stop.is_set():
                self._step()
        except BaseException as error:
            self._error = error

    def stop(self):
        self._stop.set()
        self._thread.join()
        if self._error:
            raise self._error
