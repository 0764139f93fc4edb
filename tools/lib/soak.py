"""Runs `tiktrue simulate` over and over with fresh seeds; called by tools/soak, which explains the options."""

import argparse
import json
import pathlib
import signal
import subprocess
import sys
import time

# A scenario has its turn for about so long, and less where the whole is short; swarm comes before each of the others.
TURN_SECONDS = 2, 10
# A turn is cut into portions of about so long: what a portion found is known at its end.
PORTION_SECONDS = 3
REPORT_SECONDS = 60
# There is no use in more of them.
FAILURES_MAX = 50


class Tally:
    """What came of one scenario, or of all."""

    def __init__(self):
        self.seeds = self.events = 0
        self.simulated = self.wall = 0.0

    def add(self, document):
        self.seeds += document["seeds"]["finished"]
        self.events += document["events"]
        self.simulated += document["simulated_seconds"]
        self.wall += document["wall_seconds"]

    def rates(self):
        wall = max(self.wall, 1e-9)
        return {"seeds": self.seeds, "seeds_per_minute": round(self.seeds / wall * 60, 1),
                "simulated_seconds": round(self.simulated), "times_real_time": round(self.simulated / wall, 1),
                "events_per_second": round(self.events / wall)}


class Soak:
    def __init__(self, program, asked):
        self.program = program
        self.asked = asked
        self.next_seed = {}
        self.tallies = {}
        self.whole = Tally()
        self.failures = []
        self.coverage = {}
        self.never = set()
        self.interrupted = False
        self.began = time.monotonic()
        self.end = self.began + asked.minutes * 60
        self.reported = self.began
        stories = sorted(path.stem for path in pathlib.Path("Simulations").glob("*.yaml") if path.stem != "swarm")
        self.order = asked.only or [name for story in stories for name in ("swarm", story)] or ["swarm"]
        shortest, longest = TURN_SECONDS
        self.turn_seconds = min(longest, max(shortest, asked.minutes * 60 / len(self.order)))

    def is_over(self):
        return self.interrupted or time.monotonic() >= self.end or len(self.failures) >= FAILURES_MAX

    def portion(self, name, count):
        """Runs so many fresh seeds, and returns what came of them."""
        first = self.next_seed.get(name, self.asked.first)
        words = [self.program, "simulate", name, "--seeds", f"{first}-{first + count - 1}", "--keep-going", "--json"]
        if self.asked.jobs:
            words += ["--jobs", str(self.asked.jobs)]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.next_seed[name] = first + count
        try:
            return json.loads(done.stdout)
        except ValueError:
            # It trapped, and says on standard error which seed it was; or it refused its work.
            words = [line for line in done.stderr.splitlines() if "Replay:" in line] or done.stderr.splitlines()[:1]
            sentence = words[0] if words else f"exit code {done.returncode}"
            if done.returncode >= 0 and "Replay:" not in sentence:
                sys.exit(sentence)
            self.fail(name, None, "trap", sentence, sentence.split("Replay: ")[-1])
            return {"seeds": {"finished": 0}, "events": 0, "simulated_seconds": 0, "wall_seconds": 0, "coverage": {},
                    "never_reached": [], "failed": [], "interrupted": False}

    def fail(self, name, seed, invariant, what, replay):
        self.failures.append({"scenario": name, "seed": seed, "invariant": invariant, "what": what, "replay": replay})
        say(f"BROKE {invariant}: {what}\n  {replay}")

    def turn(self, name):
        turn_end = min(time.monotonic() + self.turn_seconds, self.end)
        tally = self.tallies.setdefault(name, Tally())
        while time.monotonic() < turn_end and not self.is_over():
            # The first portion is small: nobody knows yet how long a seed takes.
            per_seed = tally.wall / tally.seeds if tally.seeds else PORTION_SECONDS / 2
            left = max(0.0, turn_end - time.monotonic())
            document = self.portion(name, max(1, min(10_000, int(min(PORTION_SECONDS, left) / max(per_seed, 1e-4)))))
            tally.add(document)
            self.whole.add(document)
            for failure in document["failed"]:
                self.fail(name, failure["seed"], failure["invariant"], failure["what"], failure["replay"])
            for reached, count in document["coverage"].items():
                self.coverage[reached] = self.coverage.get(reached, 0) + count
            self.never = (self.never | set(document["never_reached"])) - set(self.coverage)
            if time.monotonic() - self.reported >= REPORT_SECONDS:
                self.reported = time.monotonic()
                self.say_rates()

    def say_rates(self):
        rates = self.whole.rates()
        minutes = (time.monotonic() - self.began) / 60
        say(f"{minutes:5.1f} min  {rates['seeds']} seeds, {rates['seeds_per_minute']:.0f} a minute, "
            f"{rates['times_real_time']:.0f} times real time, {len(self.failures)} failed")

    def run(self):
        say(f"The first seed is {self.asked.first}.")
        while not self.is_over():
            for name in self.order:
                if not self.is_over():
                    self.turn(name)
        if self.interrupted:
            say("Interrupted.")
        return self.report()

    def interrupt(self, *_):
        """Ctrl-C reaches the running portion too, which tells what it found so far."""
        self.interrupted = True

    def report(self):
        document = {
            "passed": not self.failures, "first_seed": self.asked.first, "failed": self.failures, **self.whole.rates(),
            "scenarios": {name: tally.rates() for name, tally in sorted(self.tallies.items())},
            "coverage": dict(sorted(self.coverage.items())), "never_reached": sorted(self.never)}
        if self.asked.json:
            print(json.dumps(document, indent=2))
            return document
        print(f"{'SCENARIO':<26}{'SEEDS':>8}{'A MINUTE':>10}{'TIMES REAL TIME':>17}")
        for name, rates in [*document["scenarios"].items(), ("all", document)]:
            print(f"{name:<26}{rates['seeds']:>8}{rates['seeds_per_minute']:>10.0f}{rates['times_real_time']:>17.0f}")
        if document["never_reached"]:
            print("never reached: " + ", ".join(document["never_reached"]))
        for failure in self.failures:
            print(f"broke {failure['invariant']}: {failure['what']}\n  {failure['replay']}")
        print(f"{len(self.failures)} failed" if self.failures else "nothing was broken")
        return document


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    program, *words = sys.argv[1:]
    parser = argparse.ArgumentParser(prog="tools/soak")
    parser.add_argument("--minutes", type=float, default=10)
    # Seconds: two soaks never share a seed, as long as they run fewer than a million seeds each second.
    parser.add_argument("--first", type=int, default=int(time.time()) * 1_000_000)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(words)
    soak = Soak(program, asked)
    signal.signal(signal.SIGINT, soak.interrupt)
    return 0 if soak.run()["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
