#include "workspace.h"

#include <stdlib.h>
#include <string.h>

#include "tk_rotary.h"

// A buffer of that many floats (or other values of four bytes) on a cache line's border; the old contents are not kept.
static bool renew(tk_workspace *w, void *place, size_t floats) {
    void *p = NULL, *old;
    memcpy(&old, place, sizeof old);
    free(old);
    memset(place, 0, sizeof p);
    const size_t bytes = (floats * sizeof(float) + 127) & ~(size_t)63;
    if (posix_memalign(&p, 64, bytes) != 0) return false;
    memcpy(place, &p, sizeof p);
    w->bytes += bytes;
    return true;
}

// Room for `count` activations of up to `columns` values, in either form.
static bool renew_panel(tk_workspace *w, tk_panel *panel, int32_t columns, int32_t count) {
    return renew(w, &panel->quantised, tk_panel_quantised_bytes(columns, count) / 4) &&
           renew(w, &panel->floats, (size_t)columns * (size_t)count);
}

static bool renew_routing(tk_workspace *w, tk_routing *routing, size_t count) {
    const size_t used = count * (size_t)w->shape.experts_used;
    return renew(w, &routing->chosen, used) && renew(w, &routing->weights, used) && renew(w, &routing->shared, count);
}

static void free_panel(tk_panel *panel) {
    free(panel->quantised);
    free(panel->floats);
}

static void free_routing(tk_routing *routing) {
    free(routing->chosen);
    free(routing->weights);
    free(routing->shared);
}

tk_workspace *tk_workspace_create(
    const tk_shape *shape, const tk_rotary *rotaries, int32_t rotary_count, int32_t threads, tk_isa isa) {
    tk_workspace *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->shape = *shape;
    w->shape.projected += 16;  // as tk_projected_ld
    w->threads = threads;
    w->kernels = tk_kernels_of(isa);
    w->rotary_count = rotary_count;
    for (int32_t i = 0; i < rotary_count; i++) w->pairs = tk_greater(w->pairs, rotaries[i].dimension / 2);
    w->spaces = calloc((size_t)threads, sizeof *w->spaces);
    w->rotaries = calloc((size_t)rotary_count + 1, sizeof *w->rotaries);
    w->frequencies = calloc((size_t)rotary_count * (size_t)w->pairs + 1, sizeof *w->frequencies);
    if (!w->spaces || !w->rotaries || !w->frequencies) {
        tk_workspace_destroy(w);
        return NULL;
    }
    for (int32_t i = 0; i < rotary_count; i++) {
        w->rotaries[i] = rotaries[i];
        w->rotaries[i].divisors = NULL;  // the caller's; used up here
        tk_rotation_frequencies(&rotaries[i], w->frequencies + (size_t)i * (size_t)w->pairs);
    }
    return w;
}

void tk_workspace_destroy(tk_workspace *w) {
    if (w->spaces)
        for (int32_t t = 0; t < w->threads; t++) {
            free_panel(&w->spaces[t].panel);
            free_routing(&w->spaces[t].routing);
            free(w->spaces[t].norm);
            free(w->spaces[t].attention);
            free(w->spaces[t].gate);
            free(w->spaces[t].up);
            free(w->spaces[t].starts);
            free(w->spaces[t].pairs);
        }
    free(w->spaces);
    free(w->rotaries);
    free(w->frequencies);
    free(w->cosines);
    free(w->sines);
    free(w->rows);
    free(w->hidden);
    free(w->qkv);
    free(w->attended);
    free(w->projected);
    free(w->gate);
    free(w->up);
    free(w->shared_gate);
    free(w->shared_up);
    free(w->routed);
    free(w->expert_out);
    free(w->partials);
    free(w->wanted);
    free(w->logits);
    free_panel(&w->shared);
    free_panel(&w->activated);
    free_panel(&w->expert_inputs);
    free_panel(&w->expert_activated);
    free_routing(&w->routing);
    free(w);
}

static bool renew_expert_buffers(tk_workspace *w, int32_t batch) {
    const tk_shape *s = &w->shape;
    if (s->experts == 0) return true;
    const size_t n = (size_t)batch, few = (size_t)tk_less(batch, w->kernels->tile_columns);
    bool room = renew(w, &w->shared_gate, few * (size_t)s->feed_forward) &&
                renew(w, &w->shared_up, few * (size_t)s->feed_forward) &&
                renew(w, &w->routed, n * tk_routed_ld(s)) && renew(w, &w->expert_out, n * (size_t)s->width) &&
                renew_routing(w, &w->routing, n) &&
                renew_panel(w, &w->expert_inputs, s->width, batch > 1 ? batch * s->experts_used : 0) &&
                renew_panel(w, &w->expert_activated, s->feed_forward, batch * s->experts_used);
    for (int32_t t = 0; t < w->threads && room; t++) {
        tk_thread_space *space = &w->spaces[t];
        room = renew_routing(w, &space->routing, TK_OWN_PANEL_MAX) && renew(w, &space->starts, (size_t)s->experts + 2) &&
               renew(w, &space->pairs, n * (size_t)s->experts_used);
    }
    return room;
}

bool tk_workspace_reserve(tk_workspace *w, int32_t batch, int32_t context, int32_t logit_rows) {
    if (batch <= w->batch && context <= w->context && logit_rows <= w->logit_rows) return true;
    const tk_shape *s = &w->shape;
    batch = tk_greater(batch, w->batch);
    logit_rows = tk_greater(logit_rows, w->logit_rows);
    // Contexts grow position by position: grow in steps of a quarter.
    if (context > w->context) context = (context + context / 4 + 1023) / 1024 * 1024;
    else context = w->context;
    const size_t n = (size_t)batch, few = (size_t)tk_less(batch, w->kernels->tile_columns);
    const int32_t columns = tk_greater(s->width, s->attended);
    const size_t spans = w->threads > 1 ? (size_t)context / TK_SPAN_POSITIONS + 1 : 0;
    w->batch = w->context = w->logit_rows = 0;
    w->bytes = 0;
    const size_t turns = (size_t)w->rotary_count * n * (size_t)w->pairs;
    bool room = renew(w, &w->cosines, turns) && renew(w, &w->sines, turns) &&
                renew(w, &w->rows, n * sizeof(tk_row) / 4) && renew(w, &w->hidden, n * (size_t)s->width) &&
                renew(w, &w->qkv, n * (size_t)s->projected) && renew(w, &w->attended, n * (size_t)s->attended) &&
                renew(w, &w->projected, n * tk_projected_ld(s)) && renew(w, &w->gate, few * (size_t)s->feed_forward) &&
                renew(w, &w->up, few * (size_t)s->feed_forward) &&
                renew(
                    w, &w->partials,
                    TK_SPLIT_POSITIONS * (size_t)s->heads * spans * ((size_t)s->head_dimension + 16)) &&
                renew(w, &w->wanted, TK_HEAD_BATCH_MAX * (size_t)s->width) &&
                renew(w, &w->logits, TK_HEAD_BATCH_MAX * (size_t)logit_rows) &&
                renew_panel(w, &w->shared, columns, tk_greater(batch, TK_HEAD_BATCH_MAX)) &&
                renew_panel(w, &w->activated, s->feed_forward, batch) && renew_expert_buffers(w, batch);
    for (int32_t t = 0; t < w->threads && room; t++) {
        tk_thread_space *space = &w->spaces[t];
        room = renew(w, &space->norm, (size_t)columns) &&
               renew(w, &space->attention, tk_attend_scratch_floats(s->head_dimension, w->kernels->tile_columns)) &&
               renew(w, &space->gate, n * 32) && renew(w, &space->up, n * 32) &&
               renew_panel(w, &space->panel, columns, TK_OWN_PANEL_MAX);
    }
    if (!room) return false;
    w->batch = batch;
    w->context = context;
    w->logit_rows = logit_rows;
    return true;
}

size_t tk_workspace_bytes(const tk_workspace *w) { return w->bytes; }
float *tk_workspace_hidden(tk_workspace *w) { return w->hidden; }
const float *tk_workspace_logits(const tk_workspace *w) { return w->logits; }
