// Many columns, and formats whose codes are taken apart in so few steps that these hide behind the dot products: two
// row groups times one whole tile of columns, straight from the packed weights of one chunk.
//
// Against unpacked weights (tile_unpacked.h) it saves writing and reading these; what is left to unpack is the header
// of a super-block.
#pragma once

enum { TK_PACKED_GROUPS = 2 };

#ifdef TK_PACKED_TILES
// Adds to acc[TK_PACKED_GROUPS][TK_TILE_COLUMNS][16]. The second group lies `stream` bytes behind the first.
TK_INLINE void tile_packed(
    const int TYPE, const uint8_t *w, size_t stream, const tk_header *header, int32_t blocks, const uint8_t *panel,
    float *acc) {
    enum { R = TK_PACKED_GROUPS, C = TK_TILE_COLUMNS };
    const int runs = runs_of(TYPE);
    for (int32_t b = 0; b < blocks; b++, w += block_bytes(TYPE), panel += TK_PANEL_BLOCK_BYTES * C) {
        const panel_block x = panel_at(panel, C, 0);
        TK_UNROLL for (int run = 0; run < runs; run++) {
            dots sum[R * C];
            TK_UNROLL for (int i = 0; i < R * C; i++) sum[i] = i_dots_zero();
            TK_UNROLL for (int k = run * 8 / runs; k < (run + 1) * 8 / runs; k++) {
                ilanes steps[R][2];
                TK_UNROLL for (int r = 0; r < R; r++) w_steps(steps[r], block_weights(TYPE, w + (size_t)r * stream, k));
                // One step of every sum before the next of any: each waits for its last.
                TK_UNROLL for (int s = 0; s < 2; s++)
                    TK_UNROLL for (int c = 0; c < C; c++)
                        TK_UNROLL for (int r = 0; r < R; r++)
                            sum[r * C + c] = i_dot_step(sum[r * C + c], steps[r][s], x.q + (2 * k + s) * C + c, C);
            }
            TK_UNROLL for (int r = 0; r < R; r++) {
                const uint8_t *block = w + (size_t)r * stream;
                const lanes scale = run_scales(TYPE, block, header + r, runs * b + run);
                const lanes minimum = has_minima(TYPE) ? run_minima(TYPE, block, header + r, runs * b + run) : l_zero();
                float *to = acc + 16 * C * r;
                TK_UNROLL for (int c = 0; c < C; c++, to += 16) {
                    ilanes dot = i_dots_end(sum[r * C + c]);
                    for (int i = 0; i < lifted_eights(TYPE); i++) dot = i_add(dot, i_set(x.c[c]));
                    lanes v = l_fma(l_mul(scale, l_set(x.d[c])), l_from_integers(dot), l_load(to));
                    if (has_minima(TYPE)) v = l_fma(minimum, run_sum(&x, runs, run, c), v);
                    l_store(to, v);
                }
            }
        }
    }
}
#endif
