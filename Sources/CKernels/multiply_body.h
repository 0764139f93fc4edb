// Matrix times panel, for whichever instruction set the including file has set up. The order of operations per row and
// column is the one written in tk_matrix.h; R (row groups walked at once) and T (columns at once) only decide which
// independent rows and columns are computed side by side.
//
// With few columns the weights come from memory, and one sequential stream does not keep a core's memory pipe full: so
// R streams far apart are walked at once, each prefetched some way ahead.
#pragma once
#include "kernels.h"

#ifndef TK_PREFETCH_BYTES
#define TK_PREFETCH_BYTES 1280
#endif
#ifndef TK_UNROLL
#define TK_UNROLL _Pragma("clang loop unroll(full)")
#endif

// One tile: R row groups, `stream` bytes apart, times T columns.
TK_INLINE void tile_quantised(
    const int TYPE, const int R, const int T, const uint8_t *w, size_t stream, const uint8_t *panel, int32_t blocks,
    float *y, size_t y_stream, size_t ldy) {
    const size_t block_bytes = TYPE == TK_Q8_0 ? 544 : TYPE == TK_Q4_1 ? 320 : 288;
    const size_t packed = TYPE == TK_Q8_0 ? 0 : TYPE == TK_Q4_1 ? 64 : 32;
    lanes acc[8];
    TK_UNROLL for (int i = 0; i < R * T; i++) acc[i] = l_zero();
    for (int32_t b = 0; b < blocks; b++) {
        const int32_t *q = (const int32_t *)panel;
        const float *d = (const float *)(panel + 64 * T), *s = (const float *)(panel + 68 * T);
        const int32_t *c = (const int32_t *)(panel + 72 * T);
        TK_UNROLL for (int r = 0; r < R; r++) {
            const uint8_t *p = w + (size_t)r * stream;
            dots sum[8];
            TK_UNROLL for (size_t i = 0; i < block_bytes; i += 64) __builtin_prefetch(p + TK_PREFETCH_BYTES + i, 0, 3);
            TK_UNROLL for (int t = 0; t < T; t++) sum[t] = i_dots_zero();
            if (TYPE == TK_Q8_0) {
                TK_UNROLL for (int k = 0; k < 8; k++) {
                    wlanes v = w_signed(w_load(p + 64 * k));
                    TK_UNROLL for (int t = 0; t < T; t++) sum[t] = i_dot(sum[t], v, q + 2 * k * T + t, T);
                }
                lanes scale = l_load_halves(p + 512);
                TK_UNROLL for (int t = 0; t < T; t++) {
                    ilanes dot = i_dots_end(sum[t]);
                    acc[r * T + t] = l_fma(l_mul(scale, l_set(d[t])), l_from_integers(dot), acc[r * T + t]);
                }
            } else {
                TK_UNROLL for (int k = 0; k < 4; k++) {
                    ilanes v = w_load(p + packed + 64 * k);
                    wlanes low = w_low_nibbles(v), high = w_high_nibbles(v);
                    TK_UNROLL for (int t = 0; t < T; t++) {
                        sum[t] = i_dot(sum[t], low, q + 2 * k * T + t, T);
                        sum[t] = i_dot(sum[t], high, q + 2 * (k + 4) * T + t, T);
                    }
                }
                lanes scale = l_load_halves(p);
                TK_UNROLL for (int t = 0; t < T; t++) {
                    ilanes dot = i_dots_end(sum[t]);
                    // Q4_0 stores values lifted by 8.
                    if (TYPE == TK_Q4_0) dot = i_add(dot, i_set(c[t]));
                    acc[r * T + t] = l_fma(l_mul(scale, l_set(d[t])), l_from_integers(dot), acc[r * T + t]);
                }
                if (TYPE == TK_Q4_1) {
                    lanes minimum = l_load_halves(p + 32);
                    TK_UNROLL for (int t = 0; t < T; t++)
                        acc[r * T + t] = l_fma(minimum, l_set(s[t]), acc[r * T + t]);
                }
            }
        }
        w += block_bytes;
        panel += TK_PANEL_BLOCK_BYTES * T;
    }
    TK_UNROLL for (int r = 0; r < R; r++)
        TK_UNROLL for (int t = 0; t < T; t++) l_store(y + (size_t)r * y_stream + (size_t)t * ldy, acc[r * T + t]);
}

// The same for float weights; strides in bytes for the weights and in floats for the rest. RESUME goes on from what y
// holds.
TK_INLINE void tile_floats(
    const int HALF, const int RESUME, const int R, const int T, const uint8_t *w, size_t w_column, size_t stream,
    const float *x, size_t x_k, size_t x_column, int32_t columns, float *y, size_t y_stream, size_t ldy) {
    lanes acc[8];
    TK_UNROLL for (int r = 0; r < R; r++)
        TK_UNROLL for (int t = 0; t < T; t++)
            acc[r * T + t] = RESUME ? l_load(y + (size_t)r * y_stream + (size_t)t * ldy) : l_zero();
    for (int32_t k = 0; k < columns; k++) {
        TK_UNROLL for (int r = 0; r < R; r++) {
            const uint8_t *p = w + (size_t)r * stream;
            lanes v = HALF ? l_load_halves(p) : l_load((const float *)p);
            TK_UNROLL for (int t = 0; t < T; t++)
                acc[r * T + t] = l_fma(v, l_set(x[(size_t)t * x_column]), acc[r * T + t]);
        }
        w += w_column;
        x += x_k;
    }
    TK_UNROLL for (int r = 0; r < R; r++)
        TK_UNROLL for (int t = 0; t < T; t++) l_store(y + (size_t)r * y_stream + (size_t)t * ldy, acc[r * T + t]);
}

// All groups of a range times one tile of columns: R streams at a time, then what is left one by one.
TK_INLINE void walk(
    const int TYPE, const int R, const int T, const tk_matrix *m, int32_t first, int32_t groups, const tk_panel *panel,
    int32_t column, float *y, size_t ldy) {
    const int32_t K = m->columns;
    const size_t bytes = TYPE == TK_F32   ? (size_t)K * 64
                         : TYPE == TK_F16 ? (size_t)K * 32
                                          : (size_t)(K / 32) * (TYPE == TK_Q8_0 ? 544 : TYPE == TK_Q4_1 ? 320 : 288);
    const uint8_t *w = m->data + (size_t)first * bytes;
    const uint8_t *quantised = panel->quantised + tk_panel_quantised_bytes(K, column);
    const float *floats = panel->floats + (size_t)K * (size_t)column;
    const int32_t each = groups / R;
    y += (size_t)column * ldy;
#define TK_TILE(R_, w_, s_, y_, ys_)                                                                                   \
    do {                                                                                                               \
        if (TYPE == TK_F32 || TYPE == TK_F16)                                                                          \
            tile_floats(TYPE == TK_F16, 0, R_, T, w_, TYPE == TK_F16 ? 32 : 64, s_, floats, T, 1, K, y_, ys_, ldy);    \
        else                                                                                                           \
            tile_quantised(TYPE, R_, T, w_, s_, quantised, K / 32, y_, ys_, ldy);                                      \
    } while (0)
    for (int32_t i = 0; i < each; i++)
        TK_TILE(R, w + (size_t)i * bytes, (size_t)each * bytes, y + (size_t)i * 16, (size_t)each * 16);
    for (int32_t i = each * R; i < groups; i++) TK_TILE(1, w + (size_t)i * bytes, 0, y + (size_t)i * 16, 0);
#undef TK_TILE
}

// Row groups at a time when columns are many. With tiles of four columns two would be walked side by side, and their
// sums do not fit the sixteen registers of AVX2.
#define TK_WIDE_GROUPS (TK_TILE_COLUMNS == 8 ? 2 : 1)

#define TK_MULTIPLY(name, TYPE)                                                                                        \
    static void name##_tile(                                                                                           \
        const tk_matrix *m, int32_t first, int32_t groups, const tk_panel *p, int32_t column, int32_t width,           \
        float *y, size_t ldy) {                                                                                        \
        switch (width) {                                                                                               \
        case 1: walk(TYPE, 4, 1, m, first, groups, p, column, y, ldy); break;                                          \
        case 2: walk(TYPE, 4, 2, m, first, groups, p, column, y, ldy); break;                                          \
        case 3: walk(TYPE, 2, 3, m, first, groups, p, column, y, ldy); break;                                          \
        case 4: walk(TYPE, 2, 4, m, first, groups, p, column, y, ldy); break;                                          \
            TK_MULTIPLY_WIDE(TYPE)                                                                                     \
        default: break;                                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    static void name(const tk_matrix *m, int32_t first, int32_t last, const tk_panel *p, float *y, size_t ldy) {       \
        const int32_t n = p->count, full = n - n % TK_TILE_COLUMNS;                                                    \
        if (n <= TK_TILE_COLUMNS) {                                                                                    \
            name##_tile(m, first, last - first, p, 0, n, y, ldy);                                                      \
            return;                                                                                                    \
        }                                                                                                              \
        /* Many columns: a group or two stay in the first-level cache while all columns pass by. */                    \
        for (int32_t g = first; g < last; g += TK_WIDE_GROUPS) {                                                       \
            const int32_t groups = last - g < TK_WIDE_GROUPS ? last - g : TK_WIDE_GROUPS;                              \
            float *out = y + (size_t)(g - first) * 16;                                                                 \
            for (int32_t c = 0; c < full; c += TK_TILE_COLUMNS)                                                        \
                name##_tile(m, g, groups, p, c, TK_TILE_COLUMNS, out, ldy);                                            \
            if (full < n) name##_tile(m, g, groups, p, full, n - full, out, ldy);                                      \
        }                                                                                                              \
    }
#if TK_TILE_COLUMNS == 8
#define TK_MULTIPLY_WIDE(TYPE)                                                                                         \
    case 5: walk(TYPE, 1, 5, m, first, groups, p, column, y, ldy); break;                                              \
    case 6: walk(TYPE, 1, 6, m, first, groups, p, column, y, ldy); break;                                              \
    case 7: walk(TYPE, 1, 7, m, first, groups, p, column, y, ldy); break;                                              \
    case 8: walk(TYPE, 1, 8, m, first, groups, p, column, y, ldy); break;
#else
#define TK_MULTIPLY_WIDE(TYPE)
#endif

TK_MULTIPLY(multiply_q8_0, TK_Q8_0)
TK_MULTIPLY(multiply_q4_1, TK_Q4_1)
TK_MULTIPLY(multiply_q4_0, TK_Q4_0)
TK_MULTIPLY(multiply_f16, TK_F16)
TK_MULTIPLY(multiply_f32, TK_F32)

static void multiply(const tk_matrix *m, int32_t first, int32_t last, const tk_panel *p, float *y, size_t ldy) {
    if (first >= last) return;
    switch (m->type) {
    case TK_Q8_0: multiply_q8_0(m, first, last, p, y, ldy); break;
    case TK_Q4_1: multiply_q4_1(m, first, last, p, y, ldy); break;
    case TK_Q4_0: multiply_q4_0(m, first, last, p, y, ldy); break;
    case TK_F16: multiply_f16(m, first, last, p, y, ldy); break;
    case TK_F32: multiply_f32(m, first, last, p, y, ldy); break;
    default: break;
    }
}
