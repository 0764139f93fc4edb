"""Measures llama.cpp in a process of its own, so that its memory can be told; prints one JSON document. Called by
tools/lib/compare_llama.py.

    llama_bench.py speed MODEL THREADS PREFILL DECODE CONTEXT
    llama_bench.py batch MODEL THREADS SEQUENCES DECODE
    llama_bench.py perplexity MODEL THREADS CONTEXT TEXT
"""

import ctypes
import json
import math
import resource
import sys
import time

import llama_cpp as api
import numpy


def note(text):
    """Where the work has got to: one line on a terminal, a line each otherwise."""
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)


class Engine:
    """A model with a context, through the library's C functions: Python's part of a step is a call."""

    def __init__(self, path, threads, positions, sequences=1, batch=512):
        api.llama_backend_init()
        # It tells its loading line by line.
        self.quiet = api.llama_log_callback(lambda *_: None)
        api.llama_log_set(self.quiet, ctypes.c_void_p(0))
        self.model = api.llama_model_load_from_file(path.encode(), api.llama_model_default_params())
        if not self.model:
            sys.exit(f"llama.cpp does not read {path}")
        settings = api.llama_context_default_params()
        settings.n_ctx = positions
        settings.n_batch = batch
        settings.n_ubatch = batch
        settings.n_seq_max = sequences
        settings.n_threads = settings.n_threads_batch = threads
        if hasattr(settings, "kv_unified"):
            settings.kv_unified = True
        self.context = api.llama_init_from_model(self.model, settings)
        self.vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))
        self.batch = api.llama_batch_init(batch, 0, 1)
        self.size = batch

    def forget(self):
        api.llama_memory_clear(api.llama_get_memory(self.context), True)

    def token(self, position):
        return (position * 7919 + 13) % self.vocabulary

    def decode(self, items):
        """items: (token, position, sequence, whether its logits are wanted)."""
        batch = self.batch
        batch.n_tokens = len(items)
        for index, (token, position, sequence, wanted) in enumerate(items):
            batch.token[index] = token
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = wanted
        if api.llama_decode(self.context, batch) != 0:
            sys.exit("llama.cpp could not compute")

    def feed(self, tokens, wanted="last"):
        for start in range(0, len(tokens), self.size):
            part = tokens[start:start + self.size]
            last = start + len(part) == len(tokens)
            self.decode([(token, start + index, 0, last and index == len(part) - 1 and wanted == "last")
                         for index, token in enumerate(part)])


def speed(path, threads, prefill, decode, context):
    engine = Engine(path, threads, max(prefill, context + decode) + 1)
    engine.feed([engine.token(position) for position in range(16)])
    engine.forget()
    tokens = [engine.token(position) for position in range(prefill)]
    began = time.perf_counter()
    engine.feed(tokens)
    prefilled = prefill / (time.perf_counter() - began)
    engine.forget()
    engine.feed([engine.token(position) for position in range(context)])
    began = time.perf_counter()
    for position in range(context, context + decode):
        engine.decode([(engine.token(position), position, 0, True)])
    decoded = decode / (time.perf_counter() - began)
    return {"prefill_tokens_per_second": prefilled, "decode_tokens_per_second": decoded}


def batch(path, threads, sequences, decode):
    engine = Engine(path, threads, sequences * (decode + 2), sequences=sequences)
    engine.decode([(engine.token(sequence), 0, sequence, True) for sequence in range(sequences)])
    began = time.perf_counter()
    for position in range(1, decode + 1):
        engine.decode([(engine.token(position + sequence), position, sequence, True) for sequence in range(sequences)])
    return {"decode_tokens_per_second": sequences * decode / (time.perf_counter() - began)}


def perplexity(path, threads, context, text):
    """As llama.cpp's own program reckons it: windows of `context`, the second half of each counts."""
    engine = Engine(path, threads, context, batch=context)
    vocabulary = api.llama_model_get_vocab(engine.model)
    data = open(text, "rb").read()
    tokens = (api.llama_token * (len(data) + 8))()
    adds = api.llama_vocab_get_add_bos(vocabulary)
    count = api.llama_tokenize(vocabulary, data, len(data), tokens, len(tokens), adds, False)
    tokens = list(tokens[:count])
    surprise = scored = 0
    starts = range(0, len(tokens) // context * context, context)
    told = time.monotonic()
    for start in starts:
        if scored and time.monotonic() - told > 10:
            told = time.monotonic()
            note(f"llama.cpp: {start // context} of {len(starts)} windows, "
                 f"perplexity so far {math.exp(surprise / scored):.4f}")
        window = tokens[start:start + context]
        if adds:
            window[0] = api.llama_vocab_bos(vocabulary)
        engine.forget()
        engine.decode([(token, index, 0, index >= context // 2) for index, token in enumerate(window)])
        for index in range(context // 2, context - 1):
            logits = numpy.ctypeslib.as_array(api.llama_get_logits_ith(engine.context, index), (engine.vocabulary,))
            logits = logits.astype(numpy.float64)
            greatest = logits.max()
            surprise += math.log(numpy.exp(logits - greatest).sum()) + greatest - logits[window[index + 1]]
            scored += 1
    if not scored:
        sys.exit(f"the text is shorter than a window of {context} tokens")
    return {"perplexity": math.exp(surprise / scored), "tokens": len(tokens), "scored_tokens": scored}


def resident_now():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def main():
    # Python's own, before there is a model.
    before = resident_now()
    kind, path, threads, *rest = sys.argv[1:]
    if kind == "perplexity":
        document = perplexity(path, int(threads), int(rest[0]), rest[1])
    else:
        document = {"speed": speed, "batch": batch}[kind](path, int(threads), *map(int, rest))
    document["resident_max"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    print(json.dumps(document))


main()
