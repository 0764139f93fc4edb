"""Measures llama.cpp and TikTrue by turns, each in processes of their own; called by tools/compare-llama."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

LLAMA = pathlib.Path(__file__).resolve().parent / "llama_bench.py"
PREFILL, DECODE = 512, 128


def note(text):
    print(text, file=sys.stderr, flush=True)


def output(command):
    return json.loads(subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout)


class Comparison:
    def __init__(self, options):
        self.program, self.model = options.program, options.model
        self.threads, self.rounds, self.text = options.threads, options.rounds, options.text

    def ours(self, **settings):
        words = [f"--{name}={value}" for name, value in settings.items()]
        return output([self.program, "bench", "--model", self.model, "--threads", self.threads, "--json", *words])

    def theirs(self, kind, *rest):
        return output([sys.executable, LLAMA, kind, self.model, self.threads, *rest])

    def by_turns(self, ours, theirs, name, *figures):
        """Runs both so often, and prints the medians of the figures: (title, key of ours, key of theirs)."""
        mine, other = [], []
        for turn in range(self.rounds):
            note(f"round {turn + 1} of {self.rounds} ...")
            mine.append(ours())
            other.append(theirs())
        for title, of_mine, of_other, unit in figures:
            one = statistics.median(of_mine(document) for document in mine)
            two = statistics.median(of_other(document) for document in other)
            print(f"{name + title:<34} tiktrue {one:9.1f}   llama.cpp {two:9.1f}  {unit:<9} ratio {one / two:.2f}",
                  flush=True)

    def speed(self):
        self.by_turns(
            lambda: self.ours(prefill=PREFILL, decode=DECODE),
            lambda: self.theirs("speed", PREFILL, DECODE, 1), "",
            (f"prefill {PREFILL}", lambda d: d["prefill_tokens_per_second"], lambda d: d["prefill_tokens_per_second"],
             "tokens/s"),
            (f"decode {DECODE}", lambda d: d["decode_tokens_per_second"], lambda d: d["decode_tokens_per_second"],
             "tokens/s"))

    def batch(self):
        self.by_turns(
            lambda: self.ours(prefill=16, decode=DECODE, sequences=16), lambda: self.theirs("batch", 16, DECODE), "",
            (f"decode {DECODE}, 16 sequences", lambda d: d["decode_tokens_per_second"],
             lambda d: d["decode_tokens_per_second"], "tokens/s"))

    def context(self):
        for context in (128, 4096):
            self.by_turns(
                lambda: self.ours(prefill=16, decode=DECODE, context=context),
                lambda: self.theirs("speed", 16, DECODE, context), "",
                (f"decode {DECODE} after {context}", lambda d: d["decode_tokens_per_second"],
                 lambda d: d["decode_tokens_per_second"], "tokens/s"))

    def memory(self):
        """The most of either, less the model's file, which both map."""
        size = pathlib.Path(self.model).stat().st_size
        self.by_turns(
            lambda: self.ours(prefill=PREFILL, decode=2048 - PREFILL, context=PREFILL),
            lambda: self.theirs("speed", PREFILL, 2048 - PREFILL, PREFILL), "",
            ("memory beyond the file, 2048", lambda d: (d["memory"]["resident_max"] - size) / 2**20,
             lambda d: (d["resident_max"] - size) / 2**20, "MiB"))

    def perplexity(self):
        words = [self.program, "perplexity", self.text, "--model", self.model, "--threads", self.threads, "--json"]
        note("tiktrue: perplexity ...")
        mine = output(words)
        note(f"tiktrue: {mine['perplexity']:.4f} in {mine['seconds']:.0f} s; llama.cpp: perplexity ...")
        other = self.theirs("perplexity", 512, self.text)
        if mine["tokens"] != other["tokens"]:
            print(f"tokens differ: {mine['tokens']} and {other['tokens']}")
        print(f"perplexity of {mine['scored_tokens']} tokens   tiktrue {mine['perplexity']:.4f}   "
              f"llama.cpp {other['perplexity']:.4f}   ratio {mine['perplexity'] / other['perplexity']:.5f}")


def main():
    parser = argparse.ArgumentParser()
    for name in ("program", "model", "what", "text"):
        parser.add_argument(name)
    parser.add_argument("threads", type=int)
    parser.add_argument("rounds", type=int)
    options = parser.parse_args()
    comparison = Comparison(options)
    print(f"{pathlib.Path(options.model).name}, {options.threads} thread(s), medians of {options.rounds} rounds by turns")
    for what in options.what.split(","):
        getattr(comparison, what)()


main()
