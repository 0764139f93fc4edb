// The phases of a mixture of experts.
//
// A position's experts are chosen by its logits alone, each is computed as any feed-forward network, and their results
// are added in the order of the experts' numbers: so it does not matter which positions go to the same expert.
#include <string.h>

#include "phases.h"

// The experts of positions first...last-1, from the router's logits.
static void choose(const tk_job *j, const tk_layer *layer, tk_routing *routing, int32_t first, int32_t last) {
    tk_workspace *w = j->space;
    const size_t ld = tk_routed_ld(&w->shape);
    const int32_t used = layer->experts_used;
    for (int32_t c = first; c < last; c++) {
        const float *logits = w->routed + (size_t)c * ld;
        w->kernels->route(logits, layer, routing->chosen + c * used, routing->weights + c * used);
        routing->shared[c] = layer->shared_gate.groups ? w->kernels->sigmoid(logits[layer->router.groups * 16]) : 1.0f;
    }
}

// Sorts the pairs of position and expert by expert, positions in their order.
static void sort_pairs(const tk_layer *layer, const tk_routing *routing, int32_t count, tk_thread_space *space) {
    int32_t *starts = space->starts;
    const int32_t pairs = count * layer->experts_used;
    memset(starts, 0, ((size_t)layer->experts + 2) * sizeof *starts);
    for (int32_t i = 0; i < pairs; i++) starts[routing->chosen[i] + 2]++;
    for (int32_t e = 2; e <= layer->experts + 1; e++) starts[e] += starts[e - 1];
    // Now starts[e + 1] is where expert e begins; filling moves it to where it ends, the beginning of the next.
    for (int32_t i = 0; i < pairs; i++) space->pairs[starts[routing->chosen[i] + 1]++] = i;
}

// The columns of a panel over pairs that belong to one expert. Panels of several columns are laid out in tiles, so each
// expert's is one by itself.
static tk_panel part_of(const tk_panel *buffers, int32_t columns, int32_t kinds, int32_t first, int32_t count) {
    tk_panel panel = tk_described(buffers, columns, count, kinds);
    panel.quantised += tk_panel_quantised_bytes(columns, first);
    panel.floats += (size_t)columns * (size_t)first;
    return panel;
}

// The normalised hidden states once more, in the order of the pairs.
static void gather_inputs(
    const tk_job *j, const tk_layer *layer, int32_t kinds, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    tk_thread_space *space = &w->spaces[thread];
    const int32_t width = w->shape.width, pairs = j->count * layer->experts_used;
    const tk_range mine = tk_share(pairs, thread, threads);
    for (int32_t e = 0; e < layer->experts; e++) {
        const int32_t start = space->starts[e], end = space->starts[e + 1];
        const int32_t from = tk_greater(start, mine.from), to = tk_less(end, mine.to);
        if (from >= to) continue;
        tk_panel panel = part_of(&w->expert_inputs, width, kinds, start, end - start);
        for (int32_t i = from; i < to; i++) {
            const float *x = w->hidden + (size_t)(space->pairs[i] / layer->experts_used) * (size_t)width;
            w->kernels->fill(
                &panel, x, 0, layer->feed_forward_norm, layer->epsilon, i - start, i - start + 1, space->norm);
        }
    }
}

// Adds this thread's share of weight times down(activated) to `projected`.
static void add_down(
    const tk_job *j, const tk_matrix *down, const tk_panel *activated, const int32_t *pairs, int32_t used,
    const float *weights, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const size_t width = (size_t)w->shape.width;
    tk_multiply_share(j, &down, 1, activated, w->expert_out, width, thread, threads);
    const tk_range mine = tk_share(down->groups, thread, threads);
    for (int32_t i = 0; i < activated->count; i++) {
        const int32_t pair = pairs ? pairs[i] : i;
        const float weight = weights[pair];
        float *sum = w->projected + (size_t)(pair / used) * tk_projected_ld(&w->shape);
        const float *y = w->expert_out + (size_t)i * width;
        for (int32_t r = mine.from * 16; r < mine.to * 16; r++) sum[r] += weight * y[r];
    }
}

void tk_run_experts(const tk_job *j, const tk_layer *layer, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    tk_thread_space *space = &w->spaces[thread];
    const int32_t width = w->shape.width, used = layer->experts_used, own_width = layer->expert_ups[0].rows;
    const bool shared = layer->up.groups > 0;
    const int32_t expert_kinds =
        tk_kind_of(layer->expert_ups[0].type) |
        (layer->expert_gates ? tk_kind_of(layer->expert_gates[0].type) : 0);
    const tk_matrix *routers[] = {&layer->router, &layer->shared_gate};
    const int32_t router_count = layer->shared_gate.groups ? 2 : 1;
    int32_t kinds = expert_kinds | tk_kind_of(layer->router.type);
    if (router_count == 2) kinds |= tk_kind_of(layer->shared_gate.type);
    if (shared) kinds |= tk_kind_of(layer->up.type) | (layer->gate.groups ? tk_kind_of(layer->gate.type) : 0);
    const tk_panel panel = tk_prepare(
        j, w->hidden, (size_t)width, layer->feed_forward_norm, layer->epsilon, width, kinds, thread, threads);
    tk_multiply_share(j, routers, router_count, &panel, w->routed, tk_routed_ld(&w->shape), thread, threads);
    tk_pool_barrier(j->pool);

    tk_routing *routing = &space->routing;
    if (j->count <= TK_OWN_PANEL_MAX) {
        choose(j, layer, routing, 0, j->count);
    } else {
        routing = &w->routing;
        const tk_range mine = tk_share(j->count, thread, threads);
        choose(j, layer, routing, mine.from, mine.to);
        tk_pool_barrier(j->pool);
    }
    sort_pairs(layer, routing, j->count, space);
    if (j->count > 1) {
        gather_inputs(j, layer, expert_kinds, thread, threads);
        tk_pool_barrier(j->pool);
    }

    const int32_t activated_kinds = tk_kind_of(layer->expert_downs[0].type);
    static const tk_matrix none = {0};
    for (int32_t e = 0; e < layer->experts; e++) {
        const int32_t start = space->starts[e], count = space->starts[e + 1] - start;
        if (count == 0) continue;
        const tk_panel input = j->count > 1 ? part_of(&w->expert_inputs, width, expert_kinds, start, count) : panel;
        tk_panel activated = part_of(&w->expert_activated, own_width, activated_kinds, start, count);
        const tk_matrix *gate = layer->expert_gates ? &layer->expert_gates[e] : &none;
        tk_activate_share(
            j, layer, gate, &layer->expert_ups[e], &input, &activated, w->gate, w->up, thread, threads);
    }
    tk_panel shared_activated = tk_described(&w->activated, layer->up.rows, j->count, tk_kind_of(layer->down.type));
    if (shared)
        tk_activate_share(
            j, layer, &layer->gate, &layer->up, &panel, &shared_activated, w->shared_gate, w->shared_up, thread,
            threads);
    tk_pool_barrier(j->pool);

    const tk_range mine = tk_share(width / 16, thread, threads);
    for (int32_t c = 0; c < j->count; c++)
        memset(
            w->projected + (size_t)c * tk_projected_ld(&w->shape) + (size_t)mine.from * 16, 0,
            (size_t)(mine.to - mine.from) * 16 * sizeof(float));
    for (int32_t e = 0; e < layer->experts; e++) {
        const int32_t start = space->starts[e], count = space->starts[e + 1] - start;
        if (count == 0) continue;
        const tk_panel activated = part_of(&w->expert_activated, own_width, activated_kinds, start, count);
        add_down(
            j, &layer->expert_downs[e], &activated, space->pairs + start, used, routing->weights, thread, threads);
    }
    if (shared) add_down(j, &layer->down, &shared_activated, NULL, 1, routing->shared, thread, threads);
}
