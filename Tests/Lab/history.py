"""What clients did to a config, when, and whether one order of events explains all that they saw.

The config is a set of registers: a member's role, its grant, the policy. A history is linearizable when its writes can be
put into one order such that
- a write that was over before another one began comes before it, and the revisions that writes were answered with grow;
- a write that succeeded happened once, as the revision it was answered with (or changed nothing, because that revision
  said so already);
- a write whose outcome nobody heard of happened once, at any time after it began, or never; one that was refused never;
- a read shows all that had happened up to its revision and nothing else, nothing that had not even begun, and a client
  never sees an older revision after a newer one. A read may lag: it is of what the asked peer knows to be certified.

The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993): whatever may come next is tried, and a
situation that was met before (the same operations done, the same registers) is not tried twice (Lowe, 2017).
"""

import dataclasses
import threading
import time

OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"
FOREVER = float("inf")
SITUATIONS_MAX = 2_000_000


@dataclasses.dataclass
class Operation:
    """What one client did. A write sets `key` to `value`; a read saw `seen`, all registers at `revision`."""

    client: str
    start: float
    end: float = FOREVER
    key: str | None = None
    value: object = None
    seen: dict | None = None
    outcome: str = UNKNOWN
    revision: int | None = None
    words: str = ""

    @property
    def is_read(self):
        return self.seen is not None

    def __str__(self):
        seen = ", ".join(f"{key} = {value}" for key, value in sorted((self.seen or {}).items()))
        what = f"reads {seen}" if self.is_read else f"{self.key} := {self.value}"
        when = f"{self.start:8.3f} .. " + ("?" if self.end == FOREVER else f"{self.end:.3f}")
        at = "" if self.revision is None else f" at revision {self.revision}"
        return f"{when}  {self.client}: {what}  {self.outcome}{at}" + (f"  ({self.words})" if self.words else "")


class History:
    """Records what several clients do at once."""

    def __init__(self, clock=time.monotonic):
        self._clock, self._lock, self._began = clock, threading.Lock(), clock()
        self.operations = []

    def now(self):
        return self._clock() - self._began

    def write(self, client, key, value, action):
        """Does `action`, which returns outcome, revision (or None) and words. Where it never returns, the outcome stays
        unknown."""
        operation = Operation(client, self.now(), key=key, value=value)
        with self._lock:
            self.operations.append(operation)
        outcome, revision, words = action()
        # A write that nobody heard of may still happen.
        operation.end = FOREVER if outcome == UNKNOWN else self.now()
        operation.outcome, operation.revision, operation.words = outcome, revision, words
        return operation

    def read(self, client, action):
        """Does `action`, which returns revision and registers, or None where nothing could be read: then nothing is
        recorded."""
        start = self.now()
        found = action()
        if found is None:
            return None
        revision, seen = found
        operation = Operation(client, start, self.now(), seen=dict(seen), outcome=OK, revision=revision)
        with self._lock:
            self.operations.append(operation)
        return operation

    def verdict(self, initial, revision):
        return check(self.operations, initial, revision)


@dataclasses.dataclass
class Verdict:
    linearizable: bool
    # An order that explains the history, or as much of one as could be found.
    order: list
    # Where there is none: what could not come next, each with the reason.
    stuck: list

    def __bool__(self):
        return self.linearizable

    def __str__(self):
        if self.linearizable:
            return f"linearizable: {len(self.order)} operations"
        lines = ["not linearizable. So far, and then nothing fits:"]
        lines += [f"  {operation}" for operation in self.order[-12:]]
        return "\n".join(lines + ["stuck at:"] + [f"  {operation}\n      {why}" for operation, why in self.stuck[:12]])


def check(operations, initial, revision):
    """Whether these operations, on registers that began as `initial` at that revision, are linearizable."""
    return _Search(operations, initial, revision).run()


class _Search:
    def __init__(self, operations, initial, revision):
        self.operations = sorted(self._relevant(operations), key=lambda operation: (
            FOREVER if operation.revision is None else operation.revision, operation.is_read, operation.start))
        self.keys = sorted(set(initial) | {op.key for op in self.operations if not op.is_read}
                           | {key for op in self.operations if op.is_read for key in op.seen})
        self.place = {key: place for place, key in enumerate(self.keys)}
        self.initial = tuple(initial.get(key) for key in self.keys)
        self.revision = revision
        self.before = [self._before(operation) for operation in self.operations]

    @staticmethod
    def _relevant(operations):
        """Without the refused, and without those of unknown outcome that nobody ever saw: they might as well not have
        happened. The other unknown ones can always happen: in the end, where nobody looks any more."""
        seen = {(key, value) for op in operations if op.is_read for key, value in op.seen.items()}
        return [op for op in operations
                if op.outcome == OK or (op.outcome == UNKNOWN and (op.key, op.value) in seen)]

    def _mask(self, wanted):
        wanted = {id(operation) for operation in wanted}
        return sum(1 << index for index, operation in enumerate(self.operations) if id(operation) in wanted)

    def _before(self, operation):
        """What has to have happened before the operation, as bits."""
        return self._mask(other for other in self.operations
                          if other is not operation and self._precedes(other, operation))

    @staticmethod
    def _precedes(one, other):
        is_over = one.end < other.start
        if other.is_read and not (one.is_read and one.client == other.client):
            # It may lag behind writes that are over, and behind what others read.
            is_over = False
        if one.is_read and other.is_read:
            return is_over
        by_revision = (one.revision is not None and other.revision is not None and one.revision < other.revision)
        return is_over or by_revision

    def run(self):
        everything = (1 << len(self.operations)) - 1
        start = (0, self.initial, self.revision)
        path, met = [], {start}
        # Each level: the situation, and the operations that are still to be tried in it.
        levels = [(start, iter(range(len(self.operations))))]
        best, best_situation, furthest = [], start, 0
        while levels:
            situation, untried = levels[-1]
            if situation[0] == everything:
                return Verdict(True, [self.operations[index] for index in path], [])
            for index in untried:
                following = self._after(situation, index)
                if isinstance(following, tuple) and following not in met:
                    met.add(following)
                    if len(met) > SITUATIONS_MAX:
                        raise MemoryError(f"undecided after {SITUATIONS_MAX} situations")
                    path.append(index)
                    levels.append((following, iter(range(len(self.operations)))))
                    explained = sum(self.operations[done].outcome == OK for done in path)
                    if explained > furthest:
                        best, best_situation, furthest = list(path), following, explained
                    break
            else:
                levels.pop()
                if path:
                    path.pop()
        stuck = [(operation, why) for index, operation in enumerate(self.operations)
                 if isinstance(why := self._after(best_situation, index), str) and why]
        return Verdict(False, [self.operations[index] for index in best], stuck)

    def _after(self, situation, index):
        """The situation after that operation; where it cannot come next, why. Empty where it is simply not its turn."""
        done, registers, at = situation
        operation = self.operations[index]
        if done >> index & 1 or self.before[index] & ~done:
            return ""
        done |= 1 << index
        if operation.is_read:
            if at > operation.revision:
                return f"revision {at} is reached already"
            for key, value in operation.seen.items():
                if registers[self.place[key]] != value:
                    return f"{key} is {registers[self.place[key]]} then, not {value}"
            return done, registers, operation.revision
        place = self.place[operation.key]
        changes = registers[place] != operation.value
        if operation.revision is None:
            # It took some revision that nobody told.
            reached = at + 1 if changes else at
        elif operation.revision > at or (operation.revision == at and not changes):
            reached = operation.revision
        else:
            return f"revision {at} is reached already, with {operation.key} = {registers[place]}"
        return done, registers[:place] + (operation.value,) + registers[place + 1:], reached
