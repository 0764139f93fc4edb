"""The checker of recorded histories: what it must accept and, above all, what it must not."""

import itertools
import random
import unittest

from history import OK, REFUSED, UNKNOWN, FOREVER, History, Operation, check

START = {"x": 0, "y": 0}


def write(client, start, end, key, value, revision=None, outcome=OK):
    return Operation(client, start, FOREVER if outcome == UNKNOWN else end, key=key, value=value, outcome=outcome,
                     revision=revision)


def read(client, start, end, revision, **seen):
    return Operation(client, start, end, seen=seen, outcome=OK, revision=revision)


class HistoryTests(unittest.TestCase):
    def assert_linearizable(self, *operations):
        verdict = check(operations, START, 1)
        self.assertTrue(verdict, str(verdict))
        return verdict

    def assert_not_linearizable(self, *operations):
        verdict = check(operations, START, 1)
        self.assertFalse(verdict, str(verdict))
        self.assertIn("not linearizable", str(verdict))
        return verdict

    # -- Writes

    def test_nothing_is_linearizable(self):
        self.assert_linearizable()

    def test_writes_one_after_the_other(self):
        self.assert_linearizable(write("a", 0, 1, "x", 1, 2), write("b", 2, 3, "x", 2, 3), read("a", 4, 5, 3, x=2, y=0))

    def test_concurrent_writes_in_either_order_as_their_revisions_say(self):
        self.assert_linearizable(write("a", 0, 9, "x", 1, 3), write("b", 0, 9, "x", 2, 2), read("c", 9, 10, 3, x=1))
        self.assert_not_linearizable(write("a", 0, 9, "x", 1, 3), write("b", 0, 9, "x", 2, 2), read("c", 9, 10, 3, x=2))

    def test_a_later_write_with_an_earlier_revision_is_wrong(self):
        self.assert_not_linearizable(write("a", 0, 1, "x", 1, 3), write("b", 2, 3, "y", 1, 2))

    def test_two_changes_do_not_share_a_revision(self):
        self.assert_not_linearizable(write("a", 0, 9, "x", 1, 2), write("b", 0, 9, "y", 1, 2))

    def test_a_write_of_what_is_so_already_may_be_answered_with_the_revision_that_made_it_so(self):
        self.assert_linearizable(write("a", 0, 1, "x", 1, 2), write("b", 2, 3, "x", 1, 2), read("c", 4, 5, 2, x=1))

    def test_an_acknowledged_write_must_not_be_lost(self):
        self.assert_not_linearizable(write("a", 0, 1, "x", 1, 2), read("a", 2, 3, 3, x=0))

    def test_a_write_without_a_told_revision_has_happened_when_it_is_over(self):
        self.assert_linearizable(write("a", 0, 1, "x", 1), write("b", 2, 3, "x", 2, 3), read("c", 4, 5, 3, x=2))
        # Revision 2 was taken by the first one.
        self.assert_not_linearizable(write("a", 0, 1, "x", 1), write("b", 2, 3, "x", 2, 2))

    def test_a_write_must_not_happen_twice(self):
        # x becomes 1, then 2, then 1 again, though 1 was written once.
        self.assert_not_linearizable(write("a", 0, 1, "x", 1, 2), write("b", 0, 9, "x", 2, 3), read("c", 2, 3, 2, x=1),
                                     read("c", 4, 5, 3, x=2), read("c", 6, 7, 4, x=1))

    # -- Refused and unknown

    def test_what_was_refused_must_not_appear(self):
        refused = write("a", 0, 1, "x", 1, outcome=REFUSED)
        self.assert_linearizable(refused, read("b", 2, 3, 1, x=0))
        self.assert_not_linearizable(refused, read("b", 2, 3, 2, x=1))

    def test_an_unknown_outcome_may_be_either(self):
        unknown = write("a", 0, 1, "x", 1, outcome=UNKNOWN)
        self.assert_linearizable(unknown, read("b", 2, 3, 1, x=0))
        self.assert_linearizable(unknown, read("b", 2, 3, 2, x=1))

    def test_an_unknown_outcome_may_come_late(self):
        self.assert_linearizable(write("a", 0, 1, "x", 1, outcome=UNKNOWN), write("b", 5, 6, "x", 2, 2),
                                 read("b", 7, 8, 2, x=2), read("b", 9, 10, 3, x=1))

    def test_an_unknown_outcome_never_comes_before_its_beginning(self):
        self.assert_not_linearizable(write("a", 5, 6, "x", 1, outcome=UNKNOWN), read("b", 0, 1, 2, x=1))

    def test_an_unknown_outcome_comes_once(self):
        self.assert_not_linearizable(write("a", 0, 1, "x", 1, outcome=UNKNOWN), read("b", 2, 3, 2, x=1),
                                     write("b", 4, 5, "x", 2, 3), read("b", 6, 7, 4, x=1))

    def test_an_unknown_outcome_needs_a_revision_of_its_own(self):
        unknown = write("a", 0, 1, "x", 1, outcome=UNKNOWN)
        self.assert_not_linearizable(unknown, write("b", 2, 3, "y", 1, 2), read("b", 4, 5, 2, x=1, y=1))
        self.assert_linearizable(unknown, write("b", 2, 3, "y", 1, 3), read("b", 4, 5, 3, x=1, y=1))

    # -- Reads

    def test_a_read_may_lag_behind_what_others_wrote(self):
        self.assert_linearizable(write("a", 0, 1, "x", 1, 2), read("b", 2, 3, 1, x=0), read("b", 4, 5, 2, x=1))

    def test_a_client_never_goes_back(self):
        self.assert_not_linearizable(write("a", 0, 1, "x", 1, 2), read("b", 2, 3, 2, x=1), read("b", 4, 5, 1, x=0))

    def test_one_client_may_be_behind_another(self):
        self.assert_linearizable(write("a", 0, 1, "x", 1, 2), read("b", 2, 3, 2, x=1), read("c", 4, 5, 1, x=0))

    def test_a_read_does_not_see_what_has_not_begun(self):
        self.assert_not_linearizable(read("b", 0, 1, 2, x=1), write("a", 2, 3, "x", 1, 2))

    def test_one_revision_is_the_same_for_everybody(self):
        self.assert_not_linearizable(write("a", 0, 9, "x", 1, 3), write("b", 0, 9, "x", 2, outcome=UNKNOWN),
                                     read("c", 10, 11, 3, x=1), read("d", 10, 11, 3, x=2))

    def test_a_read_shows_all_registers_of_one_moment(self):
        writes = write("a", 0, 1, "x", 1, 2), write("a", 2, 3, "y", 1, 3)
        self.assert_linearizable(*writes, read("b", 0, 9, 2, x=1, y=0))
        self.assert_not_linearizable(*writes, read("b", 0, 9, 2, x=0, y=1))
        self.assert_not_linearizable(*writes, read("b", 0, 9, 3, x=0, y=1))

    def test_revisions_may_be_taken_by_what_nobody_recorded(self):
        self.assert_linearizable(write("a", 0, 1, "x", 1, 7), read("b", 2, 3, 9, x=1, y=0))

    # -- The search

    def test_a_long_history_with_many_unknown_outcomes_is_decided(self):
        operations, registers, revision = [], dict(START), 1
        draw = random.Random(7)
        for step in range(400):
            key, value, now = draw.choice("xy"), step + 1, float(step)
            unknown = step % 5 == 0
            happens = not unknown or draw.random() < 0.5
            if happens:
                revision += 1
                registers[key] = value
            operations.append(write("a", now, now + 0.4, key, value, None if unknown else revision,
                                    UNKNOWN if unknown else OK))
            operations.append(read("b", now + 0.5, now + 0.6, revision, **registers))
        self.assert_linearizable(*operations)
        lost = dict(operations[-1].seen)
        lost["x"] = 0
        operations.append(read("b", 1000, 1001, revision, **lost))
        self.assert_not_linearizable(*operations)

    def test_many_orders_that_come_to_the_same_are_not_all_tried(self):
        keys = [f"k{number}" for number in range(13)]
        unknown = [write(key, 0, 1, key, 1, outcome=UNKNOWN) for key in keys]
        seen = {key: 1 for key in keys}
        start = {key: 0 for key in keys}
        self.assertTrue(check([*unknown, read("b", 2, 3, 14, **seen)], start, 1))
        self.assertFalse(check([*unknown, read("b", 2, 3, 13, **seen)], start, 1))

    def test_it_agrees_with_trying_all_orders(self):
        """Small random histories against the definition, spelled out: every order of every choice of unknown writes."""
        draw = random.Random(3)
        verdicts = {True: 0, False: 0}
        for _ in range(1500):
            operations = []
            for client in "ab":
                now = draw.random()
                for _ in range(draw.randint(1, 2)):
                    start, now = now, now + draw.random() * 2
                    if draw.random() < 0.5:
                        outcome = draw.choice([OK, OK, UNKNOWN, REFUSED])
                        operations.append(write(client, start, now, draw.choice("xy"), draw.randint(1, 2),
                                                draw.choice([2, 3, None]) if outcome == OK else None, outcome))
                    else:
                        operations.append(read(client, start, now, draw.randint(1, 3), x=draw.randint(0, 2)))
                    now += 0.1 + draw.random()
            expected = all_orders(operations)
            verdicts[expected] += 1
            verdict = check(operations, START, 1)
            self.assertEqual(bool(verdict), expected, "\n".join(map(str, operations)))
        self.assertGreater(min(verdicts.values()), 200, verdicts)

    # -- Recording

    def test_the_recorder_keeps_times_and_outcomes(self):
        times = itertools.count()
        history = History(clock=lambda: float(next(times)))
        done = history.write("a", "x", 1, lambda: (OK, 2, ""))
        lost = history.write("a", "x", 2, lambda: (UNKNOWN, None, "no answer"))
        seen = history.read("b", lambda: (2, {"x": 1, "y": 0}))
        self.assertIsNone(history.read("b", lambda: None))
        self.assertLess(done.start, done.end)
        self.assertLess(done.end, lost.start)
        self.assertEqual(lost.end, FOREVER)
        self.assertEqual(history.operations, [done, lost, seen])
        self.assertTrue(history.verdict(START, 1))

    def test_a_write_that_never_comes_back_stays_unknown(self):
        history = History()

        def die():
            raise RuntimeError

        with self.assertRaises(RuntimeError):
            history.write("a", "x", 1, die)
        self.assertEqual([(op.outcome, op.end) for op in history.operations], [(UNKNOWN, FOREVER)])


def all_orders(operations):
    """Linearizability by its definition, without any cleverness."""
    definite = [op for op in operations if op.outcome == OK]
    unknown = [op for op in operations if op.outcome == UNKNOWN]
    for count in range(len(unknown) + 1):
        for chosen in itertools.combinations(unknown, count):
            if any(explains(order) for order in itertools.permutations(definite + list(chosen))):
                return True
    return False


def explains(order):
    for place, one in enumerate(order):
        for other in order[place + 1:]:
            # `other` comes later in this order. Is there something against that?
            if other.is_read and one.is_read and other.client == one.client and other.end < one.start:
                return False
            if not one.is_read and other.end < one.start:
                return False
    registers, at = dict(START), 1
    for operation in order:
        if operation.is_read:
            if operation.revision < at or any(registers[key] != value for key, value in operation.seen.items()):
                return False
            at = operation.revision
            continue
        changes = registers[operation.key] != operation.value
        revision = operation.revision if operation.revision is not None else at + changes
        if revision < at or (revision == at and changes):
            return False
        registers[operation.key], at = operation.value, revision
    return True


if __name__ == "__main__":
    unittest.main()
