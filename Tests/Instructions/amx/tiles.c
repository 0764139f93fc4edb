// What a process and its threads may do with AMX under Linux, on a machine that has it: asking for it, being refused,
// tiles of several threads and of signal handlers on one processor, forks. tools/check-amx runs it in an emulator; on a
// processor with AMX it runs as it is. That products give the right bits is agree.c's business.
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "CKernels.h"
#include "amx.h"
#include "tk_tiles.h"

#pragma clang attribute push(__attribute__((target("amx-tile,amx-int8"))), apply_to = function)

enum { OTHER = 100 };  // a child's exit code where what it saw is neither yes nor no
static int passed, failed;

static void check(bool right, const char *sentence) {
    printf("%s %s\n", right ? "ok    " : "FAILED", sentence);
    fflush(stdout);
    if (right) passed++;
    else failed++;
}

// Runs it in a process of its own, forked from this one: its result, or minus the signal that ended it.
static int in_child(int (*run)(void)) {
    const pid_t child = fork();
    if (child == 0) _exit(run());
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return OTHER;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// A product of two tiles that nothing else computes: the sums of 16 rows of `seed`, each four bytes, and of ones.
static bool own_tiles_work(uint8_t seed) {
    tk_tile_config config = {.palette = 1};
    for (int tile = 0; tile < 3; tile++) config.row_bytes[tile] = 64, config.rows[tile] = 16;
    int8_t a[1024], b[1024];
    int32_t sums[256];
    for (int i = 0; i < 1024; i++) a[i] = (int8_t)(seed + i / 64), b[i] = -1;
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_loadd(1, a, 64);
    _tile_loadd(2, b, 64);
    _tile_dpbssd(0, 1, 2);
    _tile_stored(0, sums, 64);
    _tile_release();
    for (int i = 0; i < 256; i++)
        if (sums[i] != -64 * (int8_t)(seed + i / 16)) return false;
    return true;
}

static int uses_tiles_unasked(void) { return own_tiles_work(1); }

// Linux refuses where a thread's signal stack could not hold the tiles.
static int is_refused(void) {
    static char small[4096];
    const stack_t stack = {.ss_sp = small, .ss_size = sizeof small};
    if (sigaltstack(&stack, NULL) != 0) return OTHER;
    if (tk_amx_granted() || tk_amx_tried() != TK_AMX_ABSENT || tk_isa_available(TK_ISA_AMX)) return 0;
    setenv("TIKTRUE_INSTRUCTIONS", "amx", 1);
    // Whoever asks for it all the same gets the kernels that there are.
    return tk_isa_best() == TK_ISA_AVX512 && tk_isa_agrees(TK_ISA_AMX, TK_ISA_AVX2);
}

static bool products_agree(void) { return tk_isa_agrees(TK_ISA_AMX, TK_ISA_AVX512); }
static int child_agrees(void) { return products_agree(); }

// A thread that was there before the process asked.
static atomic_int asked;
static void *early(void *none) {
    while (!asked) usleep(1000);
    return own_tiles_work(3) && products_agree() ? none : (void *)1;
}

// Signals come in the midst of products. XSTATE_BV of the frame says whether tiles were in use: bits 17 and 18.
static atomic_int signals, in_tiles, wrong_in_handler;
static void on_signal(int number, siginfo_t *information, void *context) {
    (void)number, (void)information;
    const uint8_t *saved = (const uint8_t *)((ucontext_t *)context)->uc_mcontext.fpregs;
    uint64_t components;
    memcpy(&components, saved + 512, sizeof components);
    signals++;
    if ((components >> 17 & 3) == 3) in_tiles++;
    if (!own_tiles_work((uint8_t)signals)) wrong_in_handler++;
}

// Threads of one process, more of them than processors, each with weights and activations of its own.
enum { THREADS = 4, ROWS = 512, COLUMNS = 512, COUNT = 21, BLOCK = 34 };
static atomic_int products, wrong_products, stopped;
static uint8_t encoded[THREADS][ROWS * COLUMNS / 32 * BLOCK], packed[THREADS][sizeof encoded[0]];
static float x[THREADS][COUNT * COLUMNS], expected[THREADS][COUNT * ROWS], y[THREADS][COUNT * ROWS];

static void *compute(void *number) {
    const size_t i = (size_t)number;
    unsigned state = (unsigned)i + 1;
    for (size_t at = 0; at < sizeof encoded[i]; at++) encoded[i][at] = (uint8_t)rand_r(&state);
    // Scales of 1/16.
    for (size_t at = 0; at < sizeof encoded[i]; at += BLOCK) encoded[i][at] = 0, encoded[i][at + 1] = 0x2C;
    for (int at = 0; at < COUNT * COLUMNS; at++) x[i][at] = (float)(rand_r(&state) % 2001 - 1000);
    tk_repack(TK_Q8_0, encoded[i], ROWS, COLUMNS, packed[i]);
    const tk_matrix matrix = {TK_Q8_0, ROWS, COLUMNS, ROWS / TK_GROUP_ROWS, packed[i]};
    if (!tk_multiply(TK_ISA_AVX512, &matrix, x[i], COUNT, COLUMNS, expected[i], ROWS)) wrong_products++;
    do {
        memset(y[i], 0xFF, sizeof y[i]);
        tk_multiply(TK_ISA_AMX, &matrix, x[i], COUNT, COLUMNS, y[i], ROWS);
        if (memcmp(y[i], expected[i], sizeof y[i]) != 0) wrong_products++;
        products++;
    } while (!stopped);
    return NULL;
}

static void interrupt_each_other(void) {
    enum { ENOUGH = 200, AT_MOST = 2000 };
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    pthread_t threads[THREADS];
    size_t started = 0;
    while (started < THREADS && pthread_create(threads + started, NULL, compute, (void *)started) == 0) started++;
    // Who wakes takes the processor from one of them, wherever it is; that one's handler runs when its turn comes.
    for (int i = 0; i < AT_MOST && in_tiles < ENOUGH; i++) {
        usleep(1000);
        for (size_t thread = 0; thread < started; thread++) pthread_kill(threads[thread], SIGUSR1);
    }
    stopped = 1;
    for (size_t thread = 0; thread < started; thread++) pthread_join(threads[thread], NULL);
    printf("       %d products in %zu threads, %d signals, %d of them with tiles in use\n", products, started, signals,
           in_tiles);
    check(started == THREADS && wrong_products == 0, "threads that take turns on a processor keep their tiles");
    check(wrong_in_handler == 0, "a signal handler has tiles of its own");
    check(in_tiles >= ENOUGH, "signals came while tiles were in use");
}

static bool tiles_are_released(void) {
    tk_tile_config config;
    memset(&config, 0xFF, sizeof config);
    _tile_storeconfig(&config);
    const tk_tile_config none = {0};
    return memcmp(&config, &none, sizeof config) == 0;
}

int main(void) {
    static const char *const outcomes[] = {"absent", "wrong", "slower", "faster"};
    check(in_child(uses_tiles_unasked) == -SIGILL, "who uses tiles unasked is ended by Linux");
    check(in_child(is_refused) == 1, "refused, the other kernels compute");
    pthread_t thread;
    const bool has_early = pthread_create(&thread, NULL, early, NULL) == 0;
    const tk_amx_outcome outcome = tk_amx_tried();
    printf("       AMX is %s\n", outcomes[outcome]);
    // In an emulator time means nothing: slower is as good as faster.
    check(outcome >= TK_AMX_SLOWER, "AMX is granted, and gives the bits of AVX-512");
    if (failed) return 1;
    check(tk_isa_available(TK_ISA_AMX), "AMX is available");
    check((tk_isa_best() == TK_ISA_AMX) == (outcome == TK_AMX_FASTER), "AMX is chosen where it is faster");
    check(tiles_are_released(), "tiles are released after products");
    asked = 1;
    void *result = (void *)1;
    check(has_early && pthread_join(thread, &result) == 0 && !result, "a thread from before the asking may use tiles");
    interrupt_each_other();
    check(in_child(child_agrees) == 1, "a forked process may use tiles");
    check(tiles_are_released(), "tiles are released in the end");
    printf("%d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}
#pragma clang attribute pop
