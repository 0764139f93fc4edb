#include "workspace.h"

#include <stdlib.h>

#include "rotation.h"

static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

// A buffer of that many floats on a cache line's border; the old contents are not kept.
static bool renew(tk_workspace *w, float **buffer, size_t floats) {
    void *p = NULL;
    free(*buffer);
    *buffer = NULL;
    const size_t bytes = (floats * sizeof(float) + 127) & ~(size_t)63;
    if (posix_memalign(&p, 64, bytes) != 0) return false;
    *buffer = p;
    w->bytes += bytes;
    return true;
}

// Room for `count` activations of up to `columns` values, in either form.
static bool renew_panel(tk_workspace *w, tk_panel *panel, int32_t columns, int32_t count) {
    float *quantised = (float *)panel->quantised;
    const bool room = renew(w, &quantised, tk_panel_quantised_bytes(columns, count) / 4) &&
                      renew(w, &panel->floats, (size_t)columns * (size_t)count);
    panel->quantised = (uint8_t *)quantised;
    return room;
}

tk_workspace *tk_workspace_create(const tk_shape *shape, int32_t threads, tk_isa isa) {
    tk_workspace *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->shape = *shape;
    w->threads = threads;
    w->kernels = tk_kernels_of(isa);
    w->spaces = calloc((size_t)threads, sizeof *w->spaces);
    w->frequencies = calloc((size_t)shape->rope_dimension / 2 + 1, sizeof *w->frequencies);
    if (!w->spaces || !w->frequencies) {
        tk_workspace_destroy(w);
        return NULL;
    }
    tk_rotation_frequencies(shape->rope_base, shape->rope_dimension, w->frequencies);
    return w;
}

void tk_workspace_destroy(tk_workspace *w) {
    if (w->spaces)
        for (int32_t t = 0; t < w->threads; t++) {
            free(w->spaces[t].panel.quantised);
            free(w->spaces[t].panel.floats);
            free(w->spaces[t].norm);
            free(w->spaces[t].attention);
        }
    free(w->spaces);
    free(w->frequencies);
    free(w->cosines);
    free(w->sines);
    free(w->hidden);
    free(w->qkv);
    free(w->attended);
    free(w->projected);
    free(w->gate);
    free(w->up);
    free(w->logits);
    free(w->shared.quantised);
    free(w->shared.floats);
    free(w->activated.quantised);
    free(w->activated.floats);
    free(w);
}

bool tk_workspace_reserve(tk_workspace *w, int32_t batch, int32_t context, int32_t logit_rows) {
    if (batch <= w->batch && context <= w->context && logit_rows <= w->logit_rows) return true;
    const tk_shape *s = &w->shape;
    batch = larger(batch, w->batch);
    logit_rows = larger(logit_rows, w->logit_rows);
    // Contexts grow position by position: grow in steps of a quarter.
    if (context > w->context) context = (context + context / 4 + 255) / 256 * 256;
    else context = w->context;
    const size_t n = (size_t)batch, wide = (size_t)s->heads * (size_t)s->head_dimension;
    const int32_t columns = larger(s->width, (int32_t)wide);
    w->batch = w->context = w->logit_rows = 0;
    w->bytes = 0;
    // One row of scores; sixteen floats more keep the rows of one tile from falling on the same cache sets.
    w->score_ld = (size_t)context + 16;
    bool room = renew(w, &w->cosines, n * (size_t)s->rope_dimension / 2) &&
                renew(w, &w->sines, n * (size_t)s->rope_dimension / 2) && renew(w, &w->hidden, n * (size_t)s->width) &&
                renew(w, &w->qkv, n * tk_qkv_rows(s)) && renew(w, &w->attended, n * wide) &&
                renew(w, &w->projected, n * (size_t)s->width) && renew(w, &w->gate, n * (size_t)s->feed_forward) &&
                renew(w, &w->up, n * (size_t)s->feed_forward) &&
                renew(w, &w->logits, (size_t)TK_HEAD_BATCH_MAX * (size_t)logit_rows) &&
                renew_panel(w, &w->shared, columns, batch) && renew_panel(w, &w->activated, s->feed_forward, batch);
    for (int32_t t = 0; t < w->threads && room; t++) {
        tk_thread_space *space = &w->spaces[t];
        room = renew(w, &space->norm, (size_t)columns) &&
               renew(w, &space->attention, tk_attend_scratch_floats(s, w->score_ld, w->kernels->tile_columns)) &&
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
