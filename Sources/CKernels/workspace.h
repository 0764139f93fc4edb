// The buffers of a forward pass, kept from one to the next so that a decoding step allocates nothing.
#pragma once
#include <stdatomic.h>

#include "kernels.h"

typedef struct {
    tk_panel panel;    // for batches so small that every thread fills its own
    float *norm;       // one normalised hidden state
    float *attention;  // scratch of attend
} tk_thread_space;

struct tk_workspace {
    tk_shape shape;
    const tk_kernels *kernels;
    int32_t threads;
    int32_t batch, context, logit_rows;  // what there is room for
    size_t score_ld;
    size_t bytes;
    double *frequencies;
    float *cosines, *sines;  // [batch][rope_dimension / 2]
    float *hidden;           // [batch][width]
    float *qkv;              // [batch][(heads + 2 * key_value_heads) * head_dimension]
    float *attended;         // [batch][heads * head_dimension]
    float *projected;        // [batch][width]
    float *gate, *up;        // [batch][feed_forward]
    float *logits;           // [TK_HEAD_BATCH_MAX][logit_rows]
    tk_panel shared;         // for larger batches, filled by all threads together
    tk_panel activated;      // the feed-forward layer's activations
    tk_thread_space *spaces;
    _Atomic int32_t next_item;
};

// Up to this many positions, every thread normalises and quantises all of them for itself: cheaper than to meet once
// more.
enum { TK_OWN_PANEL_MAX = 4 };

static inline size_t tk_qkv_rows(const tk_shape *s) {
    return (size_t)(s->heads + 2 * s->key_value_heads) * (size_t)s->head_dimension;
}
