// One tile of a product with float weights: R row groups times T columns.
#pragma once

TK_INLINE lanes l_load_floats(const int TYPE, const uint8_t *p) {
    return TYPE == TK_F16 ? l_load_halves(p) : TYPE == TK_BF16 ? l_load_bfloats(p) : l_load((const float *)p);
}

// Strides are in bytes for the weights and in floats for the rest. RESUME goes on from what y holds.
TK_INLINE void tile_floats(
    const int TYPE, const int RESUME, const int R, const int T, const uint8_t *w, size_t w_column, size_t stream,
    const float *x, size_t x_k, size_t x_column, int32_t columns, float *y, size_t y_stream, size_t ldy) {
    lanes acc[8];
    TK_UNROLL for (int r = 0; r < R; r++)
        TK_UNROLL for (int t = 0; t < T; t++)
            acc[r * T + t] = RESUME ? l_load(y + (size_t)r * y_stream + (size_t)t * ldy) : l_zero();
    for (int32_t k = 0; k < columns; k++) {
        TK_UNROLL for (int r = 0; r < R; r++) {
            lanes v = l_load_floats(TYPE, w + (size_t)r * stream);
            TK_UNROLL for (int t = 0; t < T; t++)
                acc[r * T + t] = l_fma(v, l_set(x[(size_t)t * x_column]), acc[r * T + t]);
        }
        w += w_column;
        x += x_k;
    }
    TK_UNROLL for (int r = 0; r < R; r++)
        TK_UNROLL for (int t = 0; t < T; t++) l_store(y + (size_t)r * y_stream + (size_t)t * ldy, acc[r * T + t]);
}
