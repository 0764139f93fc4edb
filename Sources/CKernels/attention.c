// The phases of attention: keys and values into the cache, then queries over it.
#include <string.h>

#include "phases.h"

static tk_attention attention_of(const tk_job *j, int32_t layer, const tk_segment *segment, int32_t first_row) {
    tk_workspace *w = j->space;
    const tk_layer *l = &j->layers[layer];
    const size_t ld = (size_t)w->shape.projected, wide = (size_t)l->heads * (size_t)l->head_dimension;
    return (tk_attention){
        .layer = l,
        .format = j->format,
        .pages = segment->pages.tables[j->slots[layer].group],
        .offset = j->slots[layer].offset,
        .first_position = segment->first_position,
        .qkv = w->qkv + (size_t)first_row * ld,
        .ld = ld,
        .out = w->attended + (size_t)first_row * wide,
        .first_span = tk_window_start(l, segment->first_position) / TK_SPAN_POSITIONS,
        .span_ld = (size_t)w->context / TK_SPAN_POSITIONS + 1,
    };
}

void tk_store_keys_and_values(const tk_job *j, int32_t layer, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const tk_layer *l = &j->layers[layer];
    const tk_rotary *rotary = &w->rotaries[l->rotary];
    const int32_t dimension = l->head_dimension, pairs = rotary->dimension / 2;
    const int32_t parts = l->heads + 2 * l->key_value_heads;
    const tk_range mine = tk_share(j->count * parts, thread, threads);
    for (int32_t i = mine.from; i < mine.to; i++) {
        const int32_t c = i / parts, part = i % parts, position = w->rows[c].position;
        const bool query = part < l->heads, key = !query && part < l->heads + l->key_value_heads;
        const int32_t head = query ? part : (part - l->heads) % l->key_value_heads;
        float *v = w->qkv + (size_t)c * (size_t)w->shape.projected + (size_t)part * (size_t)dimension;
        const float *bias = query ? l->q_bias : key ? l->k_bias : l->v_bias;
        const float *norm = query ? l->query_norm : key ? l->key_norm : NULL;
        if (bias)
            for (int32_t d = 0; d < dimension; d++) v[d] += bias[head * dimension + d];
        if (norm) w->kernels->normalise(v, norm, l->epsilon, dimension, v);
        if (query || key) {
            const size_t at = ((size_t)l->rotary * (size_t)w->batch + (size_t)c) * (size_t)w->pairs;
            w->kernels->rotate(v, w->cosines + at, w->sines + at, pairs, rotary->pairs);
        }
        if (query) continue;
        const tk_attention a = attention_of(j, layer, &j->segments[w->rows[c].segment], 0);
        w->kernels->store(&a, head, position, !key, v);
    }
}

// How a layer's queries are divided into items, the same for all threads.
typedef struct {
    int32_t group;  // queries of one key-value head and position
    int32_t tile;   // queries at a time
    bool split;     // a span at a time
} division;

static int32_t spans_of(const tk_attention *a, const tk_segment *s) {
    return (s->first_position + s->count - 1) / TK_SPAN_POSITIONS + 1 - a->first_span;
}

static division divide(const tk_job *j, int32_t layer, int32_t threads) {
    const tk_layer *l = &j->layers[layer];
    const int32_t group = l->heads / l->key_value_heads, tile = j->space->kernels->tile_columns;
    // Few positions have few heads to divide: then each query by itself, though neighbours could share the keys they
    // read; and where sequences are long, each span of them.
    division d = {group, tile, false};
    if (threads > 1 && j->count <= TK_SPLIT_POSITIONS) {
        for (int32_t s = 0; s < j->segment_count && !d.split; s++) {
            const tk_attention a = attention_of(j, layer, &j->segments[s], 0);
            d.split = spans_of(&a, &j->segments[s]) > 1;
        }
        const int32_t items = j->count * l->key_value_heads * ((group + tile - 1) / tile);
        if (!d.split && items < 4 * threads) d.tile = 1;
    }
    return d;
}

static int32_t tiles_of(const division *d, const tk_segment *s) {
    return (s->count * d->group + d->tile - 1) / d->tile;
}

static void attend_items(const tk_job *j, int32_t layer, const division *d, int32_t thread) {
    tk_workspace *w = j->space;
    const tk_layer *l = &j->layers[layer];
    int32_t s = 0, first_item = 0, first_row = 0;
    tk_attention a = attention_of(j, layer, &j->segments[0], 0);
    for (;;) {
        const int32_t item = atomic_fetch_add_explicit(&w->next_item, 1, memory_order_relaxed);
        int32_t tiles, spans, items;
        for (;; s++) {
            tiles = tiles_of(d, &j->segments[s]);
            spans = d->split ? spans_of(&a, &j->segments[s]) : 1;
            items = tiles * spans * l->key_value_heads;
            if (item < first_item + items) break;
            first_item += items;
            first_row += j->segments[s].count;
            if (s + 1 == j->segment_count) return;
            a = attention_of(j, layer, &j->segments[s + 1], first_row);
        }
        const int32_t i = item - first_item, tile = i / spans % tiles, head = i / spans / tiles;
        const int32_t first = tile * d->tile, queries = j->segments[s].count * d->group;
        const int32_t count = tk_less(queries - first, d->tile);
        const int32_t last_position = j->segments[s].first_position + (first + count - 1) / d->group;
        const int32_t first_position = j->segments[s].first_position + first / d->group;
        int32_t from = tk_window_start(l, first_position) / TK_SPAN_POSITIONS;
        int32_t to = last_position / TK_SPAN_POSITIONS + 1;
        float *partials = NULL;
        if (d->split) {
            const size_t slots = (size_t)first_row * (size_t)l->heads * a.span_ld;
            partials = w->partials + slots * ((size_t)l->head_dimension + 16);
            from = a.first_span + i % spans;
            to = from + 1;
        }
        w->kernels->attend(&a, head, first, count, from, to, w->spaces[thread].attention, partials);
    }
}

void tk_attend_all(const tk_job *j, int32_t layer, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const tk_layer *l = &j->layers[layer];
    const division d = divide(j, layer, threads);
    attend_items(j, layer, &d, thread);
    if (!d.split) return;
    tk_pool_barrier(j->pool);
    const tk_range mine = tk_share(j->count * l->heads, thread, threads);
    int32_t first_row = 0;
    for (int32_t s = 0; s < j->segment_count; first_row += j->segments[s++].count) {
        const tk_attention a = attention_of(j, layer, &j->segments[s], first_row);
        const size_t slots = (size_t)first_row * (size_t)l->heads * a.span_ld;
        const int32_t start = first_row * l->heads, end = start + j->segments[s].count * l->heads;
        for (int32_t i = tk_greater(mine.from, start); i < tk_less(mine.to, end); i++)
            w->kernels->gather(&a, i - start, w->partials + slots * ((size_t)l->head_dimension + 16));
    }
}
