// The phases of a layer, run by all threads of the pool at once, with a barrier wherever one phase reads what other
// threads wrote in the one before. Rows of matrices, positions and heads are divided among threads; since no sum ever
// crosses such a division, how they are divided changes no result.
#include "tk_forward.h"

#include <string.h>

#include "rotation.h"
#include "workspace.h"

typedef struct {
    tk_pool *pool;
    tk_workspace *space;
    const tk_layer *layers;
    int32_t layer_count;
    const tk_cache *cache;
    int32_t first_position, count;
    // The head's.
    const float *norm;
    const tk_matrix *head;
    int32_t first;
} job;

typedef struct {
    int32_t from, to;
} range;

static range share(int32_t items, int32_t thread, int32_t threads) {
    return (range){
        (int32_t)((int64_t)items * thread / threads), (int32_t)((int64_t)items * (thread + 1) / threads)};
}

// A panel's buffers with a description of what they hold now. Every thread makes its own copy of the same description.
static tk_panel described(const tk_panel *buffers, int32_t columns, int32_t count, int32_t kinds) {
    tk_panel panel = *buffers;
    panel.columns = columns;
    panel.count = count;
    panel.kinds = kinds;
    return panel;
}

// A panel of all positions: a small one by every thread for itself, a larger one by all together.
static tk_panel prepare(
    const job *j, const float *x, size_t ldx, const float *norm, int32_t columns, int32_t kinds, int32_t thread,
    int32_t threads) {
    const tk_thread_space *own = &j->space->spaces[thread];
    const bool alone = j->count <= TK_OWN_PANEL_MAX;
    tk_panel panel = described(alone ? &own->panel : &j->space->shared, columns, j->count, kinds);
    const range part = alone ? (range){0, j->count} : share(j->count, thread, threads);
    j->space->kernels->fill(&panel, x, ldx, norm, j->space->shape.rms_epsilon, part.from, part.to, own->norm);
    if (!alone) tk_pool_barrier(j->pool);
    return panel;
}

// This thread's share of several matrices' rows, taken as one sequence of groups; row r of matrix i goes to
// y[c * ldy + (rows of the matrices before) + r].
static void multiply_share(
    const job *j, const tk_matrix *const *matrices, int32_t count, const tk_panel *panel, float *y, size_t ldy,
    int32_t thread, int32_t threads) {
    int32_t total = 0, start = 0;
    for (int32_t i = 0; i < count; i++) total += matrices[i]->groups;
    const range mine = share(total, thread, threads);
    for (int32_t i = 0; i < count; i++) {
        const int32_t from = mine.from > start ? mine.from - start : 0;
        const int32_t to = mine.to < start + matrices[i]->groups ? mine.to - start : matrices[i]->groups;
        if (from < to)
            j->space->kernels->multiply(matrices[i], from, to, panel, y + (size_t)(start + from) * 16, ldy);
        start += matrices[i]->groups;
    }
}

// Rotates queries and keys and puts keys and values into the cache.
static void store_keys_and_values(const job *j, size_t layer_offset, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const tk_shape *s = &w->shape;
    const int32_t dimension = s->head_dimension, pairs = s->rope_dimension / 2;
    const int32_t parts = s->heads + 2 * s->key_value_heads;
    const size_t rows = tk_qkv_rows(s), wide = (size_t)dimension;
    const range mine = share(j->count * parts, thread, threads);
    for (int32_t i = mine.from; i < mine.to; i++) {
        const int32_t c = i / parts, part = i % parts, position = j->first_position + c;
        const int32_t slot = position % TK_PAGE_POSITIONS;
        float *v = w->qkv + (size_t)c * rows + (size_t)part * wide;
        float *page = j->cache->pages[position / TK_PAGE_POSITIONS] + layer_offset;
        if (part < s->heads + s->key_value_heads)
            w->kernels->rotate(v, w->cosines + (size_t)c * (size_t)pairs, w->sines + (size_t)c * (size_t)pairs, pairs);
        if (part < s->heads) continue;
        const int32_t kind = part - s->heads, head = kind % s->key_value_heads;
        float *keys = page + (size_t)head * 2 * TK_PAGE_POSITIONS * wide;
        if (kind < s->key_value_heads) {
            float *group = keys + (size_t)(slot / 16) * 16 * wide + slot % 16;
            for (int32_t d = 0; d < dimension; d++) group[d * 16] = v[d];
        } else {
            memcpy(keys + (TK_PAGE_POSITIONS + (size_t)slot) * wide, v, wide * sizeof(float));
        }
    }
}

// Heads and tiles of queries, in whatever order threads come for them.
static void attend(const job *j, size_t layer_offset, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const tk_shape *s = &w->shape;
    const tk_attention attention = {
        s, j->cache, layer_offset, j->first_position, w->qkv, tk_qkv_rows(s), w->attended};
    const int32_t queries = j->count * (s->heads / s->key_value_heads);
    // One position has few heads to divide: then each query by itself, though neighbours could share the keys they
    // read.
    const int32_t tile = j->count == 1 && threads > 1 ? 1 : w->kernels->tile_columns;
    const int32_t tiles = (queries + tile - 1) / tile, items = tiles * s->key_value_heads;
    for (;;) {
        const int32_t item = atomic_fetch_add_explicit(&w->next_item, 1, memory_order_relaxed);
        if (item >= items) return;
        const int32_t first = item % tiles * tile;
        w->kernels->attend(
            &attention, item / tiles, first, queries - first < tile ? queries - first : tile,
            w->spaces[thread].attention, w->score_ld);
    }
}

// Adds the rows of this thread's share of `matrix` times the panel to the hidden states.
static void add_product(
    const job *j, const tk_matrix *matrix, const tk_panel *panel, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const size_t width = (size_t)w->shape.width;
    multiply_share(j, &matrix, 1, panel, w->projected, width, thread, threads);
    const range mine = share(matrix->groups, thread, threads);
    for (int32_t c = 0; c < j->count; c++) {
        float *x = w->hidden + (size_t)c * width, *y = w->projected + (size_t)c * width;
        for (int32_t r = mine.from * 16; r < mine.to * 16; r++) x[r] += y[r];
    }
}

static void feed_forward(
    const job *j, const tk_layer *layer, const tk_panel *panel, tk_panel *activated, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const size_t ld = (size_t)w->shape.feed_forward;
    // Whole blocks of 32 rows, so that each is quantised by the thread that has its gate and up.
    const range mine = share(w->shape.feed_forward / 32, thread, threads);
    // Many positions: a block at a time, while its activations are in the cache. Few: long streams of weights.
    const int32_t step = j->count > w->kernels->tile_columns ? 1 : mine.to - mine.from;
    for (int32_t b = mine.from; b < mine.to; b += step) {
        float *gate = w->gate + (size_t)b * 32, *up = w->up + (size_t)b * 32;
        w->kernels->multiply(&layer->gate, 2 * b, 2 * (b + step), panel, gate, ld);
        w->kernels->multiply(&layer->up, 2 * b, 2 * (b + step), panel, up, ld);
        w->kernels->activate(activated, gate, up, ld, 32 * b, 32 * step);
    }
}

static void run_layers(void *context, int32_t thread, int32_t threads) {
    const job *j = context;
    tk_workspace *w = j->space;
    const tk_shape *s = &w->shape;
    const int32_t width = s->width, wide = s->heads * s->head_dimension;
    const size_t layer_floats = tk_page_layer_floats(s);
    for (int32_t l = 0; l < j->layer_count; l++) {
        const tk_layer *layer = &j->layers[l];
        if (thread == 0) atomic_store_explicit(&w->next_item, 0, memory_order_relaxed);

        const tk_matrix *qkv[] = {&layer->q, &layer->k, &layer->v};
        int32_t kinds = tk_kind_of(layer->q.type) | tk_kind_of(layer->k.type) | tk_kind_of(layer->v.type);
        tk_panel panel =
            prepare(j, w->hidden, (size_t)width, layer->attention_norm, width, kinds, thread, threads);
        multiply_share(j, qkv, 3, &panel, w->qkv, tk_qkv_rows(s), thread, threads);
        tk_pool_barrier(j->pool);

        store_keys_and_values(j, (size_t)l * layer_floats, thread, threads);
        tk_pool_barrier(j->pool);
        attend(j, (size_t)l * layer_floats, thread, threads);
        tk_pool_barrier(j->pool);

        panel = prepare(j, w->attended, (size_t)wide, NULL, wide, tk_kind_of(layer->o.type), thread, threads);
        add_product(j, &layer->o, &panel, thread, threads);
        tk_pool_barrier(j->pool);

        kinds = tk_kind_of(layer->gate.type) | tk_kind_of(layer->up.type);
        panel = prepare(j, w->hidden, (size_t)width, layer->feed_forward_norm, width, kinds, thread, threads);
        tk_panel activated = described(&w->activated, s->feed_forward, j->count, tk_kind_of(layer->down.type));
        feed_forward(j, layer, &panel, &activated, thread, threads);
        tk_pool_barrier(j->pool);

        add_product(j, &layer->down, &activated, thread, threads);
        tk_pool_barrier(j->pool);
    }
}

static void run_head(void *context, int32_t thread, int32_t threads) {
    const job *j = context;
    tk_workspace *w = j->space;
    const size_t width = (size_t)w->shape.width;
    const tk_panel panel = prepare(
        j, w->hidden + (size_t)j->first * width, width, j->norm, w->shape.width, tk_kind_of(j->head->type), thread,
        threads);
    multiply_share(j, &j->head, 1, &panel, w->logits, (size_t)j->head->groups * 16, thread, threads);
}

size_t tk_page_layer_floats(const tk_shape *s) {
    return 2 * (size_t)s->key_value_heads * (size_t)s->head_dimension * TK_PAGE_POSITIONS;
}

void tk_layers_run(
    tk_pool *pool, tk_workspace *w, const tk_layer *layers, int32_t layer_count, const tk_cache *cache,
    int32_t first_position, int32_t count) {
    const int32_t pairs = w->shape.rope_dimension / 2;
    for (int32_t c = 0; c < count; c++) {
        const size_t at = (size_t)c * (size_t)pairs;
        tk_rotation(first_position + c, w->frequencies, pairs, w->cosines + at, w->sines + at);
    }
    job j = {
        .pool = pool,
        .space = w,
        .layers = layers,
        .layer_count = layer_count,
        .cache = cache,
        .first_position = first_position,
        .count = count,
    };
    tk_pool_run(pool, run_layers, &j);
}

void tk_head_run(
    tk_pool *pool, tk_workspace *w, const float *norm, const tk_matrix *head, int32_t first, int32_t count) {
    job j = {.pool = pool, .space = w, .norm = norm, .head = head, .first = first, .count = count};
    tk_pool_run(pool, run_head, &j);
}
