// The forward pass of consecutive positions through consecutive blocks of a llama-shaped model.
//
// No function here checks what comes from outside: shapes, token ids, lengths are checked by the caller.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tk_instructions.h"
#include "tk_matrix.h"
#include "tk_pool.h"

typedef struct {
    int32_t width;           // of the hidden state; a multiple of 32
    int32_t feed_forward;    // a multiple of 32
    int32_t heads;           // a multiple of key_value_heads
    int32_t key_value_heads;
    int32_t head_dimension;  // a multiple of 16; heads * head_dimension is a multiple of 32
    int32_t rope_dimension;  // even, at most head_dimension
    float rope_base;
    float rms_epsilon;
} tk_shape;

typedef struct {
    const float *attention_norm;
    const float *feed_forward_norm;
    tk_matrix q, k, v, o, gate, up, down;
} tk_layer;

enum { TK_PAGE_POSITIONS = 64, TK_BATCH_MAX = 128 };

// Keys and values. A page holds TK_PAGE_POSITIONS positions of all layers; within it, per layer and key-value head,
// first the keys as groups of 16 positions (head_dimension x 16 values), then the values as positions x head_dimension.
typedef struct {
    float *const *pages;
} tk_cache;

// Floats that one layer takes in a page.
size_t tk_page_layer_floats(const tk_shape *shape);

typedef struct tk_workspace tk_workspace;
tk_workspace *tk_workspace_create(const tk_shape *shape, int32_t threads, tk_isa isa);
void tk_workspace_destroy(tk_workspace *workspace);
// Makes room for batches of up to `batch` positions (at most TK_BATCH_MAX) over up to `context` positions in all, and
// for heads of `logit_rows` rows (0 for none). False when memory ran out.
bool tk_workspace_reserve(tk_workspace *workspace, int32_t batch, int32_t context, int32_t logit_rows);
size_t tk_workspace_bytes(const tk_workspace *workspace);
// Where hidden states go in and come out: batch x width floats. Valid until the next reserve.
float *tk_workspace_hidden(tk_workspace *workspace);
// What tk_head_run wrote: one row of 16 * groups floats per position. Valid until the next reserve.
const float *tk_workspace_logits(const tk_workspace *workspace);

// `count` positions from `first_position` on, in place on the workspace's hidden states, through `layer_count` layers.
// The cache holds all earlier positions, and room for these.
void tk_layers_run(
    tk_pool *pool, tk_workspace *workspace, const tk_layer *layers, int32_t layer_count, const tk_cache *cache,
    int32_t first_position, int32_t count);

enum { TK_HEAD_BATCH_MAX = 16 };
// Output norm and head for `count` (at most TK_HEAD_BATCH_MAX) of the workspace's hidden states, from the `first` one
// on.
void tk_head_run(
    tk_pool *pool, tk_workspace *workspace, const float *norm, const tk_matrix *head, int32_t first, int32_t count);
