#include "tk_bandwidth.h"

#include "tk_instructions.h"

#include <stdatomic.h>
#include <string.h>

enum { STREAMS = 4, PAGE = 4096, PREFETCH_BYTES = 1280 };

// Sixteen words of four bytes: split into whatever registers the machine has.
typedef uint32_t line __attribute__((vector_size(64)));

typedef struct {
    const uint8_t *memory;
    size_t pages;
    _Atomic uint64_t sum;
} job;

static inline __attribute__((always_inline)) uint64_t read_streams(const uint8_t *p, size_t stream) {
    line sums[STREAMS];
    memset(sums, 0, sizeof sums);
    for (size_t at = 0; at < stream; at += 64) {
        for (int i = 0; i < STREAMS; i++) {
            const uint8_t *from = p + (size_t)i * stream + at;
            __builtin_prefetch(from + PREFETCH_BYTES, 0, 3);
            line v;
            memcpy(&v, from, sizeof v);
            sums[i] += v;
        }
    }
    uint64_t total = 0;
    for (int i = 0; i < STREAMS; i++)
        for (int lane = 0; lane < 16; lane++) total += sums[i][lane];
    return total;
}

static uint64_t read_portable(const uint8_t *p, size_t stream) { return read_streams(p, stream); }
#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t read_wide(const uint8_t *p, size_t stream) {
    return read_streams(p, stream);
}
#else
#define read_wide read_portable
#endif

static void read_share(void *context, int32_t thread, int32_t threads) {
    job *j = context;
    const size_t count = (size_t)threads, index = (size_t)thread;
    const size_t from = j->pages * index / count, to = j->pages * (index + 1) / count;
    const size_t pages = to - from, stream = pages / STREAMS * PAGE;
    const uint8_t *p = j->memory + from * PAGE;
    uint64_t total = tk_isa_available(TK_ISA_AVX2) ? read_wide(p, stream) : read_portable(p, stream);
    // What four equal streams leave over.
    for (size_t at = STREAMS * stream; at < pages * PAGE; at += 8) {
        uint64_t word;
        memcpy(&word, p + at, sizeof word);
        total += word;
    }
    atomic_fetch_add_explicit(&j->sum, total, memory_order_relaxed);
}

uint64_t tk_read_memory(tk_pool *pool, const void *memory, size_t bytes) {
    job j = {.memory = memory, .pages = bytes / PAGE};
    atomic_init(&j.sum, 0);
    tk_pool_run(pool, read_share, &j);
    return atomic_load_explicit(&j.sum, memory_order_relaxed);
}
