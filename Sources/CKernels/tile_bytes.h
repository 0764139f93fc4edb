// Many columns, by a processor that multiplies tiles of bytes: a product of two tiles is what 16 columns of activations
// and 16 rows of weights have in common over one run of a block, 32 or 16 values that share a scale.
//
//   a        16 columns, of each the high or the low bytes of the run's q (q = 256 * high + low, both signed)
//   b        the run's weights as signed bytes: row k of the tile is vector k of the interleaved layout
//   a * b    16 x 16 integer dot products, columns by rows: row t of the tile is column t's vector of sixteen lanes
//
// Two products make the integer of tk_matrix.h, and scales and minima go in as they do everywhere else, from vector
// registers, in which a tile's sums stay while 256 columns of weights pass by. Runs being so short, what limits this is
// not the multiplying but to take the integers out of the tiles again: for a run two stores of 16 vectors, and for each
// two vectors that are read back a shift, an addition, a conversion, a multiplication and a multiply-add. So the next
// block's products are under way while those of the last are added up.
#pragma once
#include "kernels.h"
#include "tiles_amx.h"
#include "weights.h"

#include "tile_quantised.h"

enum {
    TK_BYTES_BLOCKS = 8,    // unpacked at a time
    TK_BYTES_COLUMNS = 16,  // of a tile
    TK_BYTES_GROUPS = 2,    // unpacked side by side, so that activations are fetched half as often
    TK_BYTES_SLAB = 128,    // columns whose sums stay in the cache
};

// A row group's weights of one chunk.
typedef struct {
    uint8_t weights[TK_BYTES_BLOCKS][8 * 64] __attribute__((aligned(64)));
    tk_header header;
} byte_chunk;

// What tiles leave of one run: [column][row].
typedef struct {
    int32_t high[TK_BYTES_COLUMNS * 16] __attribute__((aligned(64)));
    int32_t low[TK_BYTES_COLUMNS * 16] __attribute__((aligned(64)));
} run_products;

TK_INLINE void unpack_bytes(const int TYPE, const uint8_t *w, int32_t blocks, byte_chunk *out) {
    const int runs = runs_of(TYPE), lift = lift_of(TYPE);
    if (is_super(TYPE)) super_scales(TYPE, w, out->header.scale, out->header.minimum);
    w += header_bytes(TYPE);
    for (int32_t b = 0; b < blocks; b++, w += block_bytes(TYPE)) {
        TK_UNROLL for (int k = 0; k < 8; k++) {
            ilanes v = block_codes(TYPE, w, k);
            if (lift) v = w_minus(v, (int8_t)lift);
            memcpy(out->weights[b] + 64 * k, &v, 64);
        }
        if (is_super(TYPE)) continue;
        l_store(out->header.scale[runs * b], simple_scales(TYPE, w));
        if (has_minima(TYPE)) l_store(out->header.minimum[runs * b], simple_minima(w));
    }
}

// Tiles 0, 1: sums of 16 columns; 2, 3: their bytes; 4: weights. 5, 6, 7: sums and bytes of `rest` columns.
static tk_tile_config tile_shapes(int runs, int32_t rest) {
    const uint16_t run = (uint16_t)(TK_BLOCK_COLUMNS / runs);
    tk_tile_config config = {
        .palette = 1,
        .row_bytes = {64, 64, run, run, 64, 64, 64, run},
        .rows = {16, 16, 16, 16, (uint8_t)(run / 4), (uint8_t)rest, (uint8_t)rest, (uint8_t)rest},
    };
    if (rest == 0) config.row_bytes[5] = config.row_bytes[6] = config.row_bytes[7] = 0;
    return config;
}

// The products of all runs of a block with T columns. With AH and AL the same tile, that is used twice.
#define TK_BLOCK_PRODUCTS(RUNS, T, SUM_H, SUM_L, AH, AL)                                                               \
    for (int run = 0; run < (RUNS); run++) {                                                                           \
        const size_t at = (size_t)(32 / (RUNS) * run);                                                                 \
        TK_TILE_LOAD(4, w + 16 * at, 64);                                                                              \
        TK_TILE_LOAD(AH, q + at, 32);                                                                                  \
        TK_TILE_ZERO(SUM_H);                                                                                           \
        TK_TILE_DOT(SUM_H, AH, 4);                                                                                     \
        TK_TILE_LOAD(AL, q + 32 * (T) + at, 32);                                                                       \
        TK_TILE_ZERO(SUM_L);                                                                                           \
        TK_TILE_DOT(SUM_L, AL, 4);                                                                                     \
        TK_TILE_STORE(SUM_H, out[run].high, 64);                                                                       \
        TK_TILE_STORE(SUM_L, out[run].low, 64);                                                                        \
    }
TK_INLINE void block_products(
    const int RUNS, const bool WHOLE, const uint8_t *w, const uint8_t *q, int32_t T, run_products *out) {
    if (WHOLE) {
        TK_UNROLL TK_BLOCK_PRODUCTS(RUNS, TK_BYTES_COLUMNS, 0, 1, 2, 3)
    } else {
        TK_UNROLL TK_BLOCK_PRODUCTS(RUNS, T, 5, 6, 7, 7)
    }
}

// One column's sums with what tiles left of a block's runs.
TK_INLINE lanes with_runs(
    const int RUNS, const bool MINIMA, const run_products *products, const lanes *scales, const lanes *minima,
    const panel_block *x, int t, lanes sum) {
    TK_UNROLL for (int run = 0; run < RUNS; run++) {
        const ilanes high = w_load((const uint8_t *)(products[run].high + 16 * t));
        const ilanes dot = i_add(i_shift_left(high, 8), w_load((const uint8_t *)(products[run].low + 16 * t)));
        sum = l_fma(l_mul(scales[run], l_set(x->d[t])), l_from_integers(dot), sum);
        if (MINIMA) sum = l_fma(minima[run], run_sum(x, RUNS, run, t), sum);
    }
    return sum;
}

// The same for T columns, whose sums are 16 in `acc` if WHOLE, else in memory.
TK_INLINE void add_products(
    const int RUNS, const bool MINIMA, const bool WHOLE, const run_products *products, const tk_header *header,
    int32_t b, const panel_block *x, int32_t T, lanes *acc, float *sums) {
    lanes scales[2], minima[2];
    TK_UNROLL for (int run = 0; run < RUNS; run++) {
        scales[run] = l_load(header->scale[RUNS * b + run]);
        if (MINIMA) minima[run] = l_load(header->minimum[RUNS * b + run]);
    }
    if (WHOLE) {
        TK_UNROLL for (int t = 0; t < TK_BYTES_COLUMNS; t++) {
            acc[t] = with_runs(RUNS, MINIMA, products, scales, minima, x, t, acc[t]);
            // Nothing is to be loaded far ahead: the sums need the registers.
            __asm__ volatile("" ::: "memory");
        }
    } else {
        for (int t = 0; t < T; t++)
            l_store(
                sums + 16 * t, with_runs(RUNS, MINIMA, products, scales, minima, x, t, l_load(sums + 16 * t)));
    }
}

// One group's chunk times a tile of T columns, added to sums[T][16].
TK_INLINE void tile_of_bytes(
    const int RUNS, const bool MINIMA, const bool WHOLE, const byte_chunk *w, int32_t blocks, const uint8_t *panel,
    int32_t T, float *sums) {
    const size_t stride = TK_PANEL_BLOCK_BYTES * (size_t)T;
    run_products products[2][2];
    lanes acc[TK_BYTES_COLUMNS];
    if (WHOLE) TK_UNROLL for (int t = 0; t < TK_BYTES_COLUMNS; t++) acc[t] = l_load(sums + 16 * t);
    block_products(RUNS, WHOLE, w->weights[0], panel, T, products[0]);
    panel_block x = panel_at(panel, T, 0);
    int32_t b = 0;
#pragma clang loop unroll(disable)
    while (b < blocks - 1) {
        panel += stride;
        block_products(RUNS, WHOLE, w->weights[b + 1], panel, T, products[(b + 1) & 1]);
        add_products(RUNS, MINIMA, WHOLE, products[b & 1], &w->header, b, &x, T, acc, sums);
        x = panel_at(panel, T, 0);
        b++;
    }
    add_products(RUNS, MINIMA, WHOLE, products[b & 1], &w->header, b, &x, T, acc, sums);
    if (WHOLE) TK_UNROLL for (int t = 0; t < TK_BYTES_COLUMNS; t++) l_store(sums + 16 * t, acc[t]);
}

typedef void (*unpack_bytes_function)(const uint8_t *w, int32_t blocks, byte_chunk *out);
typedef void (*tile_of_bytes_function)(
    const byte_chunk *w, int32_t blocks, const uint8_t *panel, int32_t width, float *sums);
#define TK_TILE_OF_BYTES(name, RUNS, MINIMA)                                                                           \
    static void name(const byte_chunk *w, int32_t blocks, const uint8_t *panel, int32_t width, float *sums) {          \
        if (width == TK_BYTES_COLUMNS) tile_of_bytes(RUNS, MINIMA, true, w, blocks, panel, TK_BYTES_COLUMNS, sums);    \
        else tile_of_bytes(RUNS, MINIMA, false, w, blocks, panel, width, sums);                                        \
    }
TK_TILE_OF_BYTES(bytes_whole, 1, false)
TK_TILE_OF_BYTES(bytes_whole_minima, 1, true)
TK_TILE_OF_BYTES(bytes_halves, 2, false)
TK_TILE_OF_BYTES(bytes_halves_minima, 2, true)

// How a type goes through `multiply_bytes`.
typedef struct {
    unpack_bytes_function unpack;
    tile_of_bytes_function tile;
    int runs;
} bytes_way;

// `lines` cache lines, `stride` bytes apart, on their way.
TK_INLINE void fetch(const void *p, size_t stride, size_t lines) {
    for (size_t i = 0; i < lines; i++) __builtin_prefetch((const uint8_t *)p + i * stride, 0, 3);
}

// Some groups times up to TK_BYTES_SLAB columns from column `first` on, a multiple of the tile's width. `y` is the
// first group's.
static void bytes_slab(
    const tk_matrix *m, const bytes_way *how, const tk_panel *panel, int32_t g, int32_t groups, int32_t first,
    int32_t count, float *y, size_t ldy) {
    byte_chunk w[TK_BYTES_GROUPS];
    float sums[TK_BYTES_SLAB * TK_BYTES_GROUPS * 16] __attribute__((aligned(64)));
    const size_t group = tk_group_bytes(m->type, m->columns);
    const size_t chunk = tk_group_bytes(m->type, TK_BLOCK_COLUMNS * TK_BYTES_BLOCKS);
    const int32_t blocks = m->columns / TK_BLOCK_COLUMNS, tile = TK_BYTES_COLUMNS * 16;
    const size_t tiles = (size_t)(count + TK_BYTES_COLUMNS - 1) / TK_BYTES_COLUMNS;
    const size_t share = (chunk / 64 + tiles) / tiles;
    y += (size_t)first * ldy;
    memset(sums, 0, tiles * (size_t)(groups * tile) * sizeof(float));
    for (int32_t b = 0; b < blocks; b += TK_BYTES_BLOCKS) {
        const int32_t some = tk_less(blocks - b, TK_BYTES_BLOCKS);
        const uint8_t *from = m->data + (size_t)g * group + (size_t)(b / TK_BYTES_BLOCKS) * chunk;
        for (int32_t r = 0; r < groups; r++) how->unpack(from + (size_t)r * group, some, w + r);
        for (int32_t t = 0; t < (int32_t)tiles; t++) {
            const int32_t c = t * TK_BYTES_COLUMNS, width = tk_less(panel->count - first - c, TK_BYTES_COLUMNS);
            const uint8_t *x = panel->quantised + tk_panel_quantised_bytes(m->columns, first + c) +
                               (size_t)b * TK_PANEL_BLOCK_BYTES * (size_t)width;
            for (int32_t r = 0; r < groups; r++) {
                // The next chunk's weights, and with the last one the rows of y.
                if (b + TK_BYTES_BLOCKS < blocks)
                    fetch(from + (size_t)r * group + chunk + (size_t)t * share * 64, 64, share);
                else fetch(y + (size_t)c * ldy + (size_t)r * 16, ldy * sizeof(float), (size_t)width);
                how->tile(w + r, some, x, width, sums + (t * groups + r) * tile);
            }
        }
    }
    for (int32_t c = 0; c < count; c++)
        for (int32_t r = 0; r < groups; r++)
            memcpy(
                y + (size_t)c * ldy + (size_t)r * 16,
                sums + (c / TK_BYTES_COLUMNS * groups + r) * tile + c % TK_BYTES_COLUMNS * 16, 64);
}

// Groups first...last-1 times a panel that pack_bytes has filled.
static void multiply_bytes(
    const tk_matrix *m, const bytes_way *how, int32_t first, int32_t last, const tk_panel *panel, float *y,
    size_t ldy) {
    const tk_tile_config config = tile_shapes(how->runs, panel->count % TK_BYTES_COLUMNS);
    TK_TILES_CONFIGURE(&config);
    for (int32_t g = first, groups; g < last; g += groups) {
        groups = tk_less(last - g, TK_BYTES_GROUPS);
        for (int32_t c = 0; c < panel->count; c += TK_BYTES_SLAB) {
            const int32_t count = tk_less(panel->count - c, TK_BYTES_SLAB);
            bytes_slab(m, how, panel, g, groups, c, count, y + (size_t)(g - first) * 16, ldy);
        }
    }
    // A thread that sleeps with tiles in use would have them saved and loaded again at every switch.
    TK_TILES_RELEASE();
}
