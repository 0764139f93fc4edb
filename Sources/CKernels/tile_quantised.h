// One tile of a product with quantised weights for few columns: R row groups, `stream` bytes apart, times T columns.
//
// With few columns the weights come from memory, and one sequential stream does not keep a core's memory pipe full: so
// R streams far apart are walked at once, each prefetched some way ahead.
#pragma once

#ifndef TK_PREFETCH_BYTES
#define TK_PREFETCH_BYTES 2560
#endif

TK_INLINE void prefetch(const uint8_t *p, size_t bytes) {
    TK_UNROLL for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(p + i, 0, 3);
}

// A block's part of the panel.
typedef struct {
    const int32_t *q;        // [16][T]
    const float *d, *s, *h;  // [T]
    const int32_t *c, *e;    // [T]
} panel_block;

// From column t of a tile of T on.
TK_INLINE panel_block panel_at(const uint8_t *p, int T, int t) {
    return (panel_block){
        .q = (const int32_t *)p + t,
        .d = (const float *)(p + 64 * T) + t,
        .s = (const float *)(p + 68 * T) + t,
        .c = (const int32_t *)(p + 72 * T) + t,
        .h = (const float *)(p + 76 * T) + t,
        .e = (const int32_t *)(p + 80 * T) + t,
    };
}

// What a run's minimum is multiplied by: d times the sum of the run's q.
TK_INLINE lanes run_sum(const panel_block *x, int runs, int run, int t) {
    if (runs == 1) return l_set(x->s[t]);
    return run == 0 ? l_set(x->h[t]) : l_sub(l_set(x->s[t]), l_set(x->h[t]));
}

#ifdef TK_FEW_BYTES
// The integer dot products of one run and T columns of a panel whose activations are split into bytes. Weights stay the
// unsigned bytes that their codes are; what that adds is taken off again.
TK_INLINE void run_dots(
    const int TYPE, const int T, const uint8_t *p, const int run, const panel_block *x, ilanes *dot) {
    const int runs = runs_of(TYPE), lift = lift_of(TYPE);
    bdots sum[8];
    TK_UNROLL for (int t = 0; t < T; t++) sum[t] = b_dots_zero();
    TK_UNROLL for (int k = run * 8 / runs; k < (run + 1) * 8 / runs; k++) {
        const ilanes v = block_codes(TYPE, p, k);
        TK_UNROLL for (int t = 0; t < T; t++) sum[t] = b_dot(sum[t], v, x->q + 2 * k * T + t, T);
    }
    TK_UNROLL for (int t = 0; t < T; t++) {
        dot[t] = b_dots_end(sum[t]);
        if (lift == 0) continue;
        // -8 times the sum of the run's q.
        ilanes eights = i_set(run == 0 && runs == 2 ? x->e[t] : x->c[t]);
        if (run == 1) eights = i_sub(eights, i_set(x->e[t]));
        dot[t] = i_add(dot[t], lift == 4 ? i_half(eights) : i_shift_left(eights, __builtin_ctz((unsigned)lift) - 3));
    }
}
#else
TK_INLINE void run_dots(
    const int TYPE, const int T, const uint8_t *p, const int run, const panel_block *x, ilanes *dot) {
    const int runs = runs_of(TYPE);
    dots sum[8];
    TK_UNROLL for (int t = 0; t < T; t++) sum[t] = i_dots_zero();
    TK_UNROLL for (int k = run * 8 / runs; k < (run + 1) * 8 / runs; k++) {
        const wlanes v = block_weights(TYPE, p, k);
        TK_UNROLL for (int t = 0; t < T; t++) sum[t] = i_dot(sum[t], v, x->q + 2 * k * T + t, T);
    }
    TK_UNROLL for (int t = 0; t < T; t++) {
        dot[t] = i_dots_end(sum[t]);
        for (int i = 0; i < lifted_eights(TYPE); i++) dot[t] = i_add(dot[t], i_set(x->c[t]));
    }
}
#endif

TK_INLINE void add_block(
    const int TYPE, const int T, const uint8_t *p, const tk_header *header, int j, const panel_block *x, lanes *acc) {
    const int runs = runs_of(TYPE);
    prefetch(p + TK_PREFETCH_BYTES, block_bytes(TYPE));
    TK_UNROLL for (int run = 0; run < runs; run++) {
        ilanes dot[8];
        run_dots(TYPE, T, p, run, x, dot);
        const lanes scale = run_scales(TYPE, p, header, runs * j + run);
        TK_UNROLL for (int t = 0; t < T; t++)
            acc[t] = l_fma(l_mul(scale, l_set(x->d[t])), l_from_integers(dot[t]), acc[t]);
        if (!has_minima(TYPE)) continue;
        const lanes minimum = run_minima(TYPE, p, header, runs * j + run);
        TK_UNROLL for (int t = 0; t < T; t++) acc[t] = l_fma(minimum, run_sum(x, runs, run, t), acc[t]);
    }
}

TK_INLINE void tile_quantised(
    const int TYPE, const int R, const int T, const uint8_t *w, size_t stream, const uint8_t *panel, int32_t blocks,
    float *y, size_t y_stream, size_t ldy) {
    const int each = header_blocks(TYPE);
    tk_header header[4];
    lanes acc[8];
    TK_UNROLL for (int i = 0; i < R * T; i++) acc[i] = l_zero();
    for (int32_t b = 0; b < blocks; b += each) {
        if (is_super(TYPE)) {
            TK_UNROLL for (int r = 0; r < R; r++) {
                const uint8_t *p = w + (size_t)r * stream;
                prefetch(p + TK_PREFETCH_BYTES, header_bytes(TYPE));
                super_scales(TYPE, p, header[r].scale, header[r].minimum);
            }
            w += header_bytes(TYPE);
        }
        for (int j = 0; j < each; j++) {
            const panel_block x = panel_at(panel, T, 0);
            TK_UNROLL for (int r = 0; r < R; r++)
                add_block(TYPE, T, w + (size_t)r * stream, &header[r], j, &x, acc + r * T);
            w += block_bytes(TYPE);
            panel += TK_PANEL_BLOCK_BYTES * T;
        }
    }
    TK_UNROLL for (int r = 0; r < R; r++)
        TK_UNROLL for (int t = 0; t < T; t++) l_store(y + (size_t)r * y_stream + (size_t)t * ldy, acc[r * T + t]);
}
