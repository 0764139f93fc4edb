"""Measures llama.cpp and TikTrue by turns; called by tools/compare-llama."""

import json
import statistics
import subprocess
import sys
import time

import llama_cpp

PREFILL, DECODE = 512, 128


def llama(model, threads):
    """Tokens per second of one prefill and one decode, in a context of their own, as `tiktrue bench` does it."""
    engine = llama_cpp.Llama(model_path=model, n_ctx=1024, n_batch=512, n_threads=threads, n_threads_batch=threads,
                             logits_all=False, verbose=False)
    vocabulary = engine.n_vocab()
    token = lambda position: (position * 7919 + 13) % vocabulary  # noqa: E731
    engine.eval([token(0)])
    engine.reset()
    began = time.perf_counter()
    engine.eval([token(position) for position in range(PREFILL)])
    prefill = PREFILL / (time.perf_counter() - began)
    engine.reset()
    engine.eval([token(0)])
    began = time.perf_counter()
    for position in range(1, DECODE + 1):
        engine.eval([token(position)])
    decode = DECODE / (time.perf_counter() - began)
    engine.close()
    return prefill, decode


def tiktrue(program, model, threads):
    done = subprocess.run([program, "bench", "--model", model, "--threads", str(threads), "--json"], check=True,
                          capture_output=True, text=True)
    document = json.loads(done.stdout)
    return document["prefill_tokens_per_second"], document["decode_tokens_per_second"]


def main():
    program, model, threads, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(tiktrue(program, model, threads))
        theirs.append(llama(model, threads))
    print(f"{threads} thread(s), median of {rounds} rounds by turns, tokens/s")
    for index, what in enumerate((f"prefill {PREFILL}", f"decode {DECODE}")):
        mine = statistics.median(pair[index] for pair in ours)
        other = statistics.median(pair[index] for pair in theirs)
        print(f"{what:<12} tiktrue {mine:7.1f}   llama.cpp {other:7.1f}   ratio {mine / other:.2f}")


main()
