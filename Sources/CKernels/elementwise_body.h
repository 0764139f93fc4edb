// Norm, quantisation, activation function, rotation: everything that happens to activations between matrix products.
//
// Sums run over sixteen lanes in order and are combined in one fixed tree (l_sum); exp is a polynomial of our own.
// Division and square root are the correctly rounded ones of IEEE 754, which every instruction set has.
#pragma once
#include <math.h>
#include <string.h>

#include "kernels.h"

// e^v for -86 <= v <= 88 (outside, the value at the border), Cephes' expf polynomial: relative error below 2^-23.
TK_INLINE lanes l_exp(lanes v) {
    v = l_max(l_min(v, l_set(88.0f)), l_set(-86.0f));
    const ilanes n = l_round(l_mul(v, l_set(1.44269504f)));
    const lanes f = l_from_integers(n);
    lanes r = l_fma(f, l_set(-0.693359375f), v);
    r = l_fma(f, l_set(2.12194440e-4f), r);
    lanes p = l_set(1.9875691500e-4f);
    p = l_fma(p, r, l_set(1.3981999507e-3f));
    p = l_fma(p, r, l_set(8.3334519073e-3f));
    p = l_fma(p, r, l_set(4.1665795894e-2f));
    p = l_fma(p, r, l_set(1.6666665459e-1f));
    p = l_fma(p, r, l_set(5.0000001201e-1f));
    p = l_fma(p, l_mul(r, r), l_add(r, l_set(1.0f)));
    return l_from_bits(i_add(l_bits(p), i_shift_left_23(n)));
}

// Where column c of a panel of `count` columns lies: the first column of its tile, and that tile's width.
TK_INLINE void tile_of(int32_t c, int32_t count, int32_t *start, int32_t *width) {
    *start = c - c % TK_TILE_COLUMNS;
    *width = count - *start < TK_TILE_COLUMNS ? count - *start : TK_TILE_COLUMNS;
}

// 32 values to 16 bits: q = nearest integer, ties to even, of v * (32512 / greatest magnitude). A block that is all
// zero or vanishingly small becomes zero; one that holds infinities or NaN becomes NaN as a whole, so that it cannot
// pass unnoticed.
TK_INLINE void quantise_block(const float *v, uint8_t *block, int32_t width, int32_t j) {
    const lanes a = l_load(v), b = l_load(v + 16);
    const ilanes magnitude = i_set(0x7FFFFFFF);
    const int32_t greatest = i_greatest(i_max(i_and(l_bits(a), magnitude), i_and(l_bits(b), magnitude)));
    float limit, d = 0.0f;
    int32_t q[16] = {0}, sum = 0;
    memcpy(&limit, &greatest, 4);
    if (greatest >= 0x7F800000) {
        const uint32_t nan = 0x7FC00000;
        memcpy(&d, &nan, 4);
    } else if (limit >= 1e-30f) {
        const lanes inverse = l_set(32512.0f / limit);
        const ilanes qa = l_round(l_mul(a, inverse)), qb = l_round(l_mul(b, inverse));
        d = limit / 32512.0f;
        sum = i_sum(i_add(qa, qb));
        x_split(q, qa);
        x_split(q + 8, qb);
    }
    const float s = d * (float)sum;
    const int32_t c = -8 * sum;
    for (int k = 0; k < 16; k++) memcpy(block + 4 * (k * width + j), q + k, 4);
    memcpy(block + 64 * width + 4 * j, &d, 4);
    memcpy(block + 68 * width + 4 * j, &s, 4);
    memcpy(block + 72 * width + 4 * j, &c, 4);
}

// Blocks of column c, from column `from` of the activation on, `length` values.
TK_INLINE void pack(tk_panel *panel, int32_t c, const float *v, int32_t from, int32_t length) {
    int32_t start, width;
    tile_of(c, panel->count, &start, &width);
    if (panel->kinds & TK_KIND_QUANTISED) {
        uint8_t *tile = panel->quantised + tk_panel_quantised_bytes(panel->columns, start);
        for (int32_t i = 0; i < length; i += 32)
            quantise_block(
                v + i, tile + (size_t)((from + i) / 32) * TK_PANEL_BLOCK_BYTES * (size_t)width, width, c - start);
    }
    if (panel->kinds & TK_KIND_FLOATS) {
        float *tile = panel->floats + (size_t)panel->columns * (size_t)start + (size_t)from * (size_t)width;
        for (int32_t i = 0; i < length; i++) tile[(size_t)i * (size_t)width + (size_t)(c - start)] = v[i];
    }
}

static void fill(
    tk_panel *panel, const float *x, size_t ldx, const float *norm, float epsilon, int32_t first, int32_t last,
    float *scratch) {
    const int32_t K = panel->columns;
    for (int32_t c = first; c < last; c++) {
        const float *v = x + (size_t)c * ldx;
        if (norm) {
            lanes squares = l_zero();
            for (int32_t i = 0; i < K; i += 16) {
                const lanes a = l_load(v + i);
                squares = l_fma(a, a, squares);
            }
            const float mean = l_sum(squares) / (float)K;
            const lanes scale = l_set(1.0f / sqrtf(mean + epsilon));
            for (int32_t i = 0; i < K; i += 16)
                l_store(scratch + i, l_mul(l_mul(l_load(v + i), scale), l_load(norm + i)));
            v = scratch;
        }
        pack(panel, c, v, 0, K);
    }
}

static void activate(tk_panel *panel, float *gate, const float *up, size_t ld, int32_t row, int32_t rows) {
    const lanes one = l_set(1.0f);
    for (int32_t c = 0; c < panel->count; c++) {
        float *g = gate + (size_t)c * ld;
        const float *u = up + (size_t)c * ld;
        for (int32_t i = 0; i < rows; i += 16) {
            const lanes v = l_load(g + i);
            const lanes silu = l_div(v, l_add(one, l_exp(l_sub(l_zero(), v))));
            l_store(g + i, l_mul(silu, l_load(u + i)));
        }
        pack(panel, c, g, row, rows);
    }
}

static void rotate(float *head, const float *cosines, const float *sines, int32_t pairs) {
    for (int32_t i = 0; i < pairs; i++) {
        const float a = head[2 * i], b = head[2 * i + 1];
        head[2 * i] = __builtin_fmaf(a, cosines[i], -(b * sines[i]));
        head[2 * i + 1] = __builtin_fmaf(a, sines[i], b * cosines[i]);
    }
}
