// The forward pass through consecutive layers of a transformer. What a layer does is data: a tk_layer says what mixes
// positions, which norms, biases, rotation, window, caps, activation and experts it has, and one function interprets it.
//
// No function here checks what comes from outside: shapes, token ids, lengths are checked by the caller.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tk_cache.h"
#include "tk_instructions.h"
#include "tk_matrix.h"
#include "tk_pool.h"
#include "tk_rotary.h"

// The largest of everything, over all layers that a workspace is to serve.
typedef struct {
    int32_t width;           // of the hidden state; a multiple of 32
    int32_t attended;        // heads * head_dimension, or a convolution's width; a multiple of 32
    int32_t projected;       // rows of q, k and v together, or of a convolution's first matrix
    int32_t heads;
    int32_t head_dimension;  // a multiple of 16
    int32_t feed_forward;    // a multiple of 32; of an expert too
    int32_t experts;         // 0: none
    int32_t experts_used;
} tk_shape;

enum { TK_SILU = 0, TK_GELU = 1 };  // GELU in its form with tanh
enum { TK_ATTENTION = 0, TK_CONVOLUTION = 1 };  // how a position's state comes to know of those before it
enum { TK_TAPS_MAX = 16, TK_EXPERTS_MAX = 4096 };

// What one transformer layer computes, from the hidden state x:
//
//   attention:   q, k, v = norm(x) times the matrices, plus biases; q and k normalised by head where there are such
//                norms, rotated;  m = attention(q, k, v)
//   convolution: b, c, v = norm(x) times one matrix, a third of its rows each;  u = b * v;
//                m = c * (the sum over its taps t of taps[t] * u[position - window + 1 + t]), by channel
//
//   y = o times m, plus bias, normalised where there is a post norm;    x = x + residual_scale * y
//   y = down(activation(gate(norm(x))) * up(norm(x))), normalised where there is a post norm;   x as above
//
// With experts, y is the sum over the chosen ones, in the order of their numbers, and then the shared one. A pointer
// that is NULL, or a matrix of no groups, stands for what the layer does not have.
typedef struct {
    int32_t mixer;
    int32_t heads;            // a multiple of key_value_heads
    int32_t key_value_heads;
    int32_t head_dimension;   // a multiple of 16
    int32_t rotary;           // which of the workspace's rotations
    int32_t window;           // how many positions one sees, its own included; 0: all. A convolution has as many taps
    float score_scale;        // of query times key
    float score_cap;          // scores become cap * tanh(score / cap); 0: they stay
    float epsilon;            // of all norms
    float residual_scale;
    const float *attention_norm, *attention_post_norm;
    const float *query_norm, *key_norm;  // [head_dimension]
    const float *q_bias, *k_bias, *v_bias, *o_bias;
    tk_matrix q, k, v, o;
    tk_matrix convolution;    // in place of q, k and v: three times the width
    const float *taps;        // [window][width], that of the oldest position first

    int32_t activation;
    const float *feed_forward_norm, *feed_forward_post_norm;
    tk_matrix gate, up, down;  // without gate: activation(up); beside experts: the shared one

    int32_t experts, experts_used;
    bool experts_normalised;  // the chosen ones' weights are made to sum to one
    bool experts_sigmoid;     // a weight is the sigmoid of its logit, not the softmax
    float experts_scale;
    tk_matrix router;         // logits of the experts; weights of all, then the best
    const float *router_bias; // [experts]: added to the sigmoids where the best are chosen, and nowhere else
    tk_matrix shared_gate;    // one row: the shared expert counts with its sigmoid; no groups: with 1
    const tk_matrix *expert_gates, *expert_ups, *expert_downs;
} tk_layer;

enum { TK_BATCH_MAX = 128 };

typedef struct tk_workspace tk_workspace;
// Layers name their rotation by its place in `rotaries`. NULL when memory ran out.
tk_workspace *tk_workspace_create(
    const tk_shape *shape, const tk_rotary *rotaries, int32_t rotary_count, int32_t threads, tk_isa isa);
void tk_workspace_destroy(tk_workspace *workspace);
// Makes room for batches of up to `batch` positions (at most TK_BATCH_MAX) of sequences of up to `context` positions,
// and for heads of `logit_rows` rows (0 for none). False when memory ran out.
bool tk_workspace_reserve(tk_workspace *workspace, int32_t batch, int32_t context, int32_t logit_rows);
size_t tk_workspace_bytes(const tk_workspace *workspace);
// Where hidden states go in and come out: batch x width floats. Valid until the next reserve.
float *tk_workspace_hidden(tk_workspace *workspace);
// What tk_head_run wrote: one row of 16 * groups floats per position. Valid until the next reserve.
const float *tk_workspace_logits(const tk_workspace *workspace);

// Consecutive positions of one sequence within a batch.
typedef struct {
    tk_pages pages;          // holds all earlier positions, and room for these
    int32_t first_position;
    int32_t count;
} tk_segment;

// The positions of all segments, one after the other in the workspace's hidden states, in place through `layer_count`
// layers. `slots` says where in a sequence's pages each of these layers keeps its keys and values.
void tk_layers_run(
    tk_pool *pool, tk_workspace *workspace, const tk_layer *layers, const tk_cache_slot *slots, int32_t layer_count,
    tk_cache_format format, const tk_segment *segments, int32_t segment_count);

// The output norm, and the head with what is done to its logits.
typedef struct {
    const float *norm;
    float epsilon;
    tk_matrix matrix;
    float logit_scale;
    float logit_cap;  // logits become cap * tanh(logit / cap); 0: they stay
} tk_head;

enum { TK_HEAD_BATCH_MAX = 16 };
// Logits for `count` (at most TK_HEAD_BATCH_MAX) of the workspace's hidden states.
void tk_head_run(tk_pool *pool, tk_workspace *workspace, const tk_head *head, const int32_t *rows, int32_t count);
// One of the workspace's hidden states behind the output norm.
void tk_head_normalise(const tk_workspace *workspace, const tk_head *head, int32_t row, float *out);
// values[i] *= factor
void tk_scale(float *values, size_t count, float factor);
