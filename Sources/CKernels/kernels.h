// What one instruction set offers to the forward pass: a table of functions, chosen once.
//
// Activations are handed to the matrix product as a panel. Its columns (positions) are laid out in tiles, as wide as
// the instruction set's register tile, and one narrower tile for the rest, so that a kernel finds what it needs at
// constant offsets. The tiling moves bytes only; it changes no result.
//
//   quantised, a tile of T columns, per block of 32: int32 q[16][T], float d[T], float s[T], int32 c[T], where
//              s = d * sum(q) and c = -8 * sum(q). q[2k] and q[2k+1] hold the four 16-bit values of columns 4k...4k+3,
//              split the way that the instruction set's dot product takes them (x_split)
//   floats,    a tile of T columns: float x[K][T]
#pragma once
#include "tk_forward.h"

enum { TK_PANEL_BLOCK_BYTES = 76 };  // per column and block of 32
enum { TK_KIND_QUANTISED = 1, TK_KIND_FLOATS = 2 };

typedef struct {
    uint8_t *quantised;
    float *floats;
    int32_t columns;  // K: the length of one activation
    int32_t count;    // activations
    int32_t kinds;    // which of the two forms are filled in
} tk_panel;

// What attention needs to know of one layer and batch.
typedef struct {
    const tk_shape *shape;
    const tk_cache *cache;
    size_t layer_offset;     // floats into a page
    int32_t first_position;
    const float *qkv;        // [count][ld]: rotated queries first
    size_t ld;
    float *out;              // [count][heads * head_dimension]
} tk_attention;

typedef struct {
    int32_t tile_columns;
    // Groups first...last-1 of the matrix times the whole panel; y[c * ldy + r], r counted from the first group's first
    // row.
    void (*multiply)(const tk_matrix *, int32_t first, int32_t last, const tk_panel *, float *y, size_t ldy);
    // Columns first...last-1 of the panel from x[c * ldx ...], normalised (RMS) with `norm` before, unless that is
    // NULL. `scratch` holds K floats.
    void (*fill)(tk_panel *, const float *x, size_t ldx, const float *norm, float epsilon, int32_t first, int32_t last,
                 float *scratch);
    // silu(gate) * up for `rows` (a multiple of 32) rows from `row` on of every column, into the panel. gate is
    // overwritten.
    void (*activate)(tk_panel *, float *gate, const float *up, size_t ld, int32_t row, int32_t rows);
    // Rotates pairs (2i, 2i+1) of one head in place.
    void (*rotate)(float *head, const float *cosines, const float *sines, int32_t pairs);
    // `count` (at most tile_columns) queries of one key-value head; query i is head i % group of position i / group.
    void (*attend)(const tk_attention *, int32_t key_value_head, int32_t first_query, int32_t count, float *scratch,
                   size_t score_ld);
} tk_kernels;

extern const tk_kernels tk_kernels_portable;
#if defined(__x86_64__)
extern const tk_kernels tk_kernels_avx2;
extern const tk_kernels tk_kernels_avx512;
#elif defined(__aarch64__)
extern const tk_kernels tk_kernels_neon;
#endif

// The table of that level, or of the best available one where the machine does not have it.
const tk_kernels *tk_kernels_of(tk_isa isa);

static inline size_t tk_panel_quantised_bytes(int32_t columns, int32_t count) {
    return (size_t)(columns / TK_BLOCK_COLUMNS) * TK_PANEL_BLOCK_BYTES * (size_t)count;
}
static inline int32_t tk_kind_of(int32_t type) {
    return type == TK_F32 || type == TK_F16 ? TK_KIND_FLOATS : TK_KIND_QUANTISED;
}
// Floats of scratch that attend needs for contexts of up to score_ld positions.
static inline size_t tk_attend_scratch_floats(const tk_shape *s, size_t score_ld, int32_t tile_columns) {
    return (size_t)tile_columns * (2 * (size_t)s->head_dimension + score_ld);
}
