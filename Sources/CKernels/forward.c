// The sequence of phases that a layer is, and the head.
#include "tk_forward.h"

#include <string.h>

#include "phases.h"

static void turn(const tk_job *j, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const tk_range mine = tk_share(j->count * w->rotary_count, thread, threads);
    for (int32_t i = mine.from; i < mine.to; i++) {
        const int32_t c = i / w->rotary_count, r = i % w->rotary_count;
        const size_t at = ((size_t)r * (size_t)w->batch + (size_t)c) * (size_t)w->pairs;
        tk_rotation(
            w->rows[c].position, w->frequencies + (size_t)r * (size_t)w->pairs, w->rotaries[r].dimension / 2,
            (double)w->rotaries[r].magnitude, w->cosines + at, w->sines + at);
    }
}

// Adds what lies in `projected`, of which this thread has made its share of the rows, to the hidden states.
static void add_projected(
    const tk_job *j, const float *bias, const float *norm, float epsilon, float scale, int32_t thread,
    int32_t threads) {
    tk_workspace *w = j->space;
    const int32_t width = w->shape.width;
    tk_range columns = tk_share(width / 16, thread, threads), rows = {0, j->count};
    if (norm) {
        // Whole rows are needed.
        tk_pool_barrier(j->pool);
        rows = tk_share(j->count, thread, threads);
        columns = (tk_range){0, width / 16};
    }
    for (int32_t c = rows.from; c < rows.to; c++) {
        float *x = w->hidden + (size_t)c * (size_t)width, *y = w->projected + (size_t)c * tk_projected_ld(&w->shape);
        if (bias)
            for (int32_t r = columns.from * 16; r < columns.to * 16; r++) y[r] += bias[r];
        if (norm) w->kernels->normalise(y, norm, epsilon, width, y);
        for (int32_t r = columns.from * 16; r < columns.to * 16; r++) x[r] += scale * y[r];
    }
}

// What lets a position know of those before it.
static void run_mixer(const tk_job *j, int32_t index, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const tk_layer *layer = &j->layers[index];
    const bool convolves = layer->mixer == TK_CONVOLUTION;
    const int32_t width = w->shape.width, wide = convolves ? width : layer->heads * layer->head_dimension;
    const tk_matrix *qkv[] = {&layer->q, &layer->k, &layer->v}, *convolution = &layer->convolution, *o = &layer->o;
    const tk_matrix *const *inputs = convolves ? &convolution : qkv;
    const int32_t input_count = convolves ? 1 : 3;
    int32_t kinds = 0;
    for (int32_t i = 0; i < input_count; i++) kinds |= tk_kind_of(inputs[i]->type);
    tk_panel panel = tk_prepare(
        j, w->hidden, (size_t)width, layer->attention_norm, layer->epsilon, width, kinds, thread, threads);
    tk_multiply_share(j, inputs, input_count, &panel, w->qkv, (size_t)w->shape.projected, thread, threads);
    tk_pool_barrier(j->pool);

    if (convolves) {
        tk_convolve_all(j, index, thread, threads);
    } else {
        tk_store_keys_and_values(j, index, thread, threads);
        tk_pool_barrier(j->pool);
        tk_attend_all(j, index, thread, threads);
    }
    tk_pool_barrier(j->pool);

    panel = tk_prepare(j, w->attended, (size_t)wide, NULL, 0, wide, tk_kind_of(o->type), thread, threads);
    tk_multiply_share(j, &o, 1, &panel, w->projected, tk_projected_ld(&w->shape), thread, threads);
    add_projected(
        j, layer->o_bias, layer->attention_post_norm, layer->epsilon, layer->residual_scale, thread, threads);
    tk_pool_barrier(j->pool);
}

static void run_feed_forward(const tk_job *j, const tk_layer *layer, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const int32_t width = w->shape.width;
    if (layer->experts > 0) {
        tk_run_experts(j, layer, thread, threads);
    } else {
        const tk_matrix *down = &layer->down;
        int32_t kinds = tk_kind_of(layer->up.type);
        if (layer->gate.groups) kinds |= tk_kind_of(layer->gate.type);
        const tk_panel panel = tk_prepare(
            j, w->hidden, (size_t)width, layer->feed_forward_norm, layer->epsilon, width, kinds, thread, threads);
        tk_panel activated = tk_described(&w->activated, layer->up.rows, j->count, tk_kind_of(down->type));
        tk_activate_share(j, layer, &layer->gate, &layer->up, &panel, &activated, w->gate, w->up, thread, threads);
        tk_pool_barrier(j->pool);
        tk_multiply_share(j, &down, 1, &activated, w->projected, tk_projected_ld(&w->shape), thread, threads);
    }
    add_projected(
        j, NULL, layer->feed_forward_post_norm, layer->epsilon, layer->residual_scale, thread, threads);
    tk_pool_barrier(j->pool);
}

static void run_layers(void *context, int32_t thread, int32_t threads) {
    const tk_job *j = context;
    turn(j, thread, threads);
    for (int32_t l = 0; l < j->layer_count; l++) {
        if (thread == 0) atomic_store_explicit(&j->space->next_item, 0, memory_order_relaxed);
        run_mixer(j, l, thread, threads);
        run_feed_forward(j, &j->layers[l], thread, threads);
    }
}

void tk_layers_run(
    tk_pool *pool, tk_workspace *w, const tk_layer *layers, const tk_cache_slot *slots, int32_t layer_count,
    tk_cache_format format, const tk_segment *segments, int32_t segment_count) {
    int32_t count = 0;
    for (int32_t s = 0; s < segment_count; s++)
        for (int32_t i = 0; i < segments[s].count; i++)
            w->rows[count++] = (tk_row){s, segments[s].first_position + i};
    tk_job j = {
        .pool = pool,
        .space = w,
        .layers = layers,
        .slots = slots,
        .layer_count = layer_count,
        .format = format,
        .segments = segments,
        .segment_count = segment_count,
        .count = count,
    };
    tk_pool_run(pool, run_layers, &j);
}

static void run_head(void *context, int32_t thread, int32_t threads) {
    const tk_job *j = context;
    tk_workspace *w = j->space;
    const tk_head *head = j->head;
    const tk_matrix *matrix = &head->matrix;
    const size_t ld = (size_t)matrix->groups * 16;
    const tk_panel panel = tk_prepare(
        j, w->wanted, (size_t)w->shape.width, head->norm, head->epsilon, w->shape.width, tk_kind_of(matrix->type),
        thread, threads);
    tk_multiply_share(j, &matrix, 1, &panel, w->logits, ld, thread, threads);
    if (head->logit_cap > 0 || head->logit_scale != 1) {
        const tk_range mine = tk_share(matrix->groups, thread, threads);
        for (int32_t c = 0; c < j->count; c++)
            w->kernels->cap(
                w->logits + (size_t)c * ld + (size_t)mine.from * 16, (mine.to - mine.from) * 16, head->logit_scale,
                head->logit_cap);
    }
}

void tk_head_run(tk_pool *pool, tk_workspace *w, const tk_head *head, const int32_t *rows, int32_t count) {
    const size_t width = (size_t)w->shape.width;
    for (int32_t i = 0; i < count; i++)
        memcpy(w->wanted + (size_t)i * width, w->hidden + (size_t)rows[i] * width, width * sizeof(float));
    tk_job j = {.pool = pool, .space = w, .head = head, .count = count};
    tk_pool_run(pool, run_head, &j);
}

void tk_head_normalise(const tk_workspace *w, const tk_head *head, int32_t row, float *out) {
    const float *x = w->hidden + (size_t)row * (size_t)w->shape.width;
    w->kernels->normalise(x, head->norm, head->epsilon, w->shape.width, out);
}

void tk_scale(float *values, size_t count, float factor) {
    for (size_t i = 0; i < count; i++) values[i] *= factor;
}

size_t tk_cache_layer_bytes(tk_cache_format format, int32_t key_value_heads, int32_t head_dimension) {
    return (size_t)key_value_heads * tk_head_bytes(format, head_dimension);
}

size_t tk_cache_convolution_bytes(tk_cache_format format, int32_t width) {
    return TK_CONVOLVED_ROWS * tk_convolved_row_bytes(format, width);
}
