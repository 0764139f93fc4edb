// The buffers of a forward pass, kept from one to the next so that a decoding step allocates nothing.
#pragma once
#include <stdatomic.h>

#include "kernels.h"

// Which experts each position of a batch goes to.
typedef struct {
    int32_t *chosen;  // [batch][experts_used]
    float *weights;   // [batch][experts_used]
    float *shared;    // [batch]
} tk_routing;

typedef struct {
    tk_panel panel;    // for batches so small that every thread fills its own
    float *norm;       // one normalised hidden state
    float *attention;  // scratch of attend
    float *gate, *up;  // [batch][32]: a block of a feed-forward layer's rows, of many positions
    tk_routing routing;
    // Pairs of position and expert in the order of the experts: expert e has pairs starts[e]...starts[e + 1]-1.
    int32_t *starts;   // [experts + 1]
    int32_t *pairs;    // [batch * experts_used]: row * experts_used + rank
} tk_thread_space;

typedef struct {
    int32_t segment, position;
} tk_row;

struct tk_workspace {
    tk_shape shape;
    const tk_kernels *kernels;
    int32_t threads;
    int32_t batch, context, logit_rows;  // what there is room for
    size_t bytes;
    tk_rotary *rotaries;
    int32_t rotary_count;
    int32_t pairs;           // of the widest rotation
    double *frequencies;     // [rotaries][pairs]
    float *cosines, *sines;  // [rotaries][batch][pairs]
    tk_row *rows;            // [batch]
    float *hidden;           // [batch][width]
    float *qkv;              // [batch][projected]
    float *attended;         // [batch][attended]
    float *projected;        // [batch][projected_ld]
    float *gate, *up;        // [few][feed_forward], for as many positions as a tile has columns
    float *shared_gate, *shared_up;  // the same for the shared expert
    float *routed;           // [batch][routed_ld]: the experts' logits, then the shared one's
    float *expert_out;       // [batch][width]
    float *partials;         // attention's, of up to TK_SPLIT_POSITIONS positions
    float *wanted;           // [TK_HEAD_BATCH_MAX][width]
    float *logits;           // [TK_HEAD_BATCH_MAX][logit_rows]
    tk_panel shared;         // for larger batches, filled by all threads together
    tk_panel activated;      // the feed-forward layer's activations
    tk_panel expert_inputs, expert_activated;  // a column for each pair of position and expert
    tk_routing routing;
    tk_thread_space *spaces;
    _Atomic int32_t next_item;
};

// Up to this many positions, every thread normalises and quantises all of them for itself: cheaper than to meet once
// more.
enum { TK_OWN_PANEL_MAX = 4 };
// Up to this many positions, several threads share the spans of one position's attention.
enum { TK_SPLIT_POSITIONS = 4 };

// A cache line more than a hidden state takes: products write columns of lines, which else fall on few cache sets.
static inline size_t tk_projected_ld(const tk_shape *s) { return (size_t)s->width + 16; }
static inline size_t tk_routed_ld(const tk_shape *s) { return (size_t)(s->experts + 15) / 16 * 16 + 16; }
