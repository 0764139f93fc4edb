// What the phases of a layer have in common.
//
// Phases are run by all threads of the pool at once, with a barrier wherever one reads what other threads wrote in the
// one before. Rows of matrices, positions and heads are divided among threads; since no sum ever crosses such a
// division, how they are divided changes no result.
#pragma once
#include "workspace.h"

typedef struct {
    tk_pool *pool;
    tk_workspace *space;
    const tk_layer *layers;
    const tk_cache_slot *slots;
    int32_t layer_count;
    tk_cache_format format;
    const tk_segment *segments;
    int32_t segment_count;
    int32_t count;  // positions in all
    const tk_head *head;
} tk_job;

typedef struct {
    int32_t from, to;
} tk_range;

static inline tk_range tk_share(int32_t items, int32_t thread, int32_t threads) {
    return (tk_range){
        (int32_t)((int64_t)items * thread / threads), (int32_t)((int64_t)items * (thread + 1) / threads)};
}

// A panel's buffers with a description of what they hold now. Every thread makes its own copy of the same description.
static inline tk_panel tk_described(const tk_panel *buffers, int32_t columns, int32_t count, int32_t kinds) {
    tk_panel panel = *buffers;
    panel.columns = columns;
    panel.count = count;
    panel.kinds = kinds;
    return panel;
}

// A panel of all positions: a small one by every thread for itself, a larger one by all together.
static inline tk_panel tk_prepare(
    const tk_job *j, const float *x, size_t ldx, const float *norm, float epsilon, int32_t columns, int32_t kinds,
    int32_t thread, int32_t threads) {
    const tk_thread_space *own = &j->space->spaces[thread];
    const bool alone = j->count <= TK_OWN_PANEL_MAX;
    tk_panel panel = tk_described(alone ? &own->panel : &j->space->shared, columns, j->count, kinds);
    const tk_range part = alone ? (tk_range){0, j->count} : tk_share(j->count, thread, threads);
    j->space->kernels->fill(&panel, x, ldx, norm, epsilon, part.from, part.to, own->norm);
    if (!alone) tk_pool_barrier(j->pool);
    return panel;
}

// This thread's share of several matrices' rows, taken as one sequence of groups; row r of matrix i goes to
// y[c * ldy + (rows of the matrices before) + r].
static inline void tk_multiply_share(
    const tk_job *j, const tk_matrix *const *matrices, int32_t count, const tk_panel *panel, float *y, size_t ldy,
    int32_t thread, int32_t threads) {
    int32_t total = 0, start = 0;
    for (int32_t i = 0; i < count; i++) total += matrices[i]->groups;
    const tk_range mine = tk_share(total, thread, threads);
    for (int32_t i = 0; i < count; i++) {
        const int32_t from = mine.from > start ? mine.from - start : 0;
        const int32_t to = mine.to < start + matrices[i]->groups ? mine.to - start : matrices[i]->groups;
        if (from < to)
            j->space->kernels->multiply(matrices[i], from, to, panel, y + (size_t)(start + from) * 16, ldy);
        start += matrices[i]->groups;
    }
}

// gate, up and activation of one feed-forward network, for its whole panel.
//
// Many positions: a block of rows at a time in buffers of the thread's own, which stay in its cache. Few: long streams
// of weights, into `gates` and `ups` ([few][feed_forward]), where a thread finds what it put there itself; so networks
// of different widths, of which threads have different shares, need different ones where no barrier lies between them.
static inline void tk_activate_share(
    const tk_job *j, const tk_layer *layer, const tk_matrix *gate, const tk_matrix *up, const tk_panel *panel,
    tk_panel *activated, float *gates, float *ups, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const tk_thread_space *own = &w->spaces[thread];
    const bool many = panel->count > w->kernels->tile_columns;
    const size_t ld = many ? 32 : (size_t)w->shape.feed_forward;
    // Whole blocks of 32 rows, so that each is quantised by the thread that has its gate and up.
    const tk_range mine = tk_share(up->rows / 32, thread, threads);
    const int32_t step = many ? 1 : mine.to - mine.from;
    for (int32_t b = mine.from; b < mine.to; b += step) {
        float *g = many ? own->gate : gates + (size_t)b * 32, *u = many ? own->up : ups + (size_t)b * 32;
        if (gate->groups) w->kernels->multiply(gate, 2 * b, 2 * (b + step), panel, g, ld);
        else g = NULL;
        w->kernels->multiply(up, 2 * b, 2 * (b + step), panel, u, ld);
        w->kernels->activate(activated, layer->activation, g, u, ld, 32 * b, 32 * step);
    }
}

// attention.c
void tk_store_keys_and_values(const tk_job *j, int32_t layer, int32_t thread, int32_t threads);
void tk_attend_all(const tk_job *j, int32_t layer, int32_t thread, int32_t threads);
// convolution.c
void tk_convolve_all(const tk_job *j, int32_t layer, int32_t thread, int32_t threads);
// experts.c: from the hidden states to what is to be added to them, in `projected`. Each thread leaves the rows of its
// share of `down`'s groups, which are the same for every matrix of the layer that gives hidden states.
void tk_run_experts(const tk_job *j, const tk_layer *layer, int32_t thread, int32_t threads);
