// Tile registers in plain C, instruction by instruction as the manual's pseudo-code has them. It exists so that the
// kernels that use tiles can be held against the others on machines without AMX; nothing else uses it.
#include "tk_tiles.h"

#include <string.h>

#if defined(TK_EMULATED_TILES)
typedef uint8_t tile_rows[TK_TILE_ROWS][TK_TILE_ROW_BYTES];

static _Thread_local struct {
    tk_tile_config config;  // palette 0: none
    tile_rows tiles[TK_TILES];
} state;
static _Thread_local bool is_spoiled;

static int rows_of(int tile) { return state.config.rows[tile]; }
static int bytes_of(int tile) { return state.config.row_bytes[tile]; }
// Whether an instruction may name the tile: TILECFG is in place and gives it a shape.
static bool valid(int tile) { return state.config.palette == 1 && tile >= 0 && tile < TK_TILES && rows_of(tile) > 0; }

// write_row_and_zero and zero_upper_rows of the manual.
static void write_row(int tile, int row, const void *bytes, int count) {
    memset(state.tiles[tile][row], 0, TK_TILE_ROW_BYTES);
    memcpy(state.tiles[tile][row], bytes, (size_t)count);
}
static void zero_from(int tile, int row) {
    memset(state.tiles[tile][row], 0, (size_t)(TK_TILE_ROWS - row) * TK_TILE_ROW_BYTES);
}

void tk_emulated_release(void) { memset(&state, 0, sizeof state); }

bool tk_emulated_configure(const tk_tile_config *config) {
    if (config->palette == 0) {
        tk_emulated_release();
        return true;
    }
    // A row to start from is what an interrupted load leaves; none is interrupted here.
    if (config->palette != 1 || config->start_row != 0) return false;
    for (int i = 0; i < 14; i++)
        if (config->reserved[i] != 0) return false;
    for (int t = 0; t < 16; t++) {
        const int rows = config->rows[t], bytes = config->row_bytes[t];
        if (t >= TK_TILES && (rows || bytes)) return false;
        if (rows > TK_TILE_ROWS || bytes > TK_TILE_ROW_BYTES || (rows == 0) != (bytes == 0)) return false;
    }
    memset(state.tiles, 0, sizeof state.tiles);
    state.config = *config;
    return true;
}

bool tk_emulated_load(int tile, const void *base, size_t stride) {
    if (!valid(tile)) return false;
    for (int row = 0; row < rows_of(tile); row++)
        write_row(tile, row, (const uint8_t *)base + (size_t)row * stride, bytes_of(tile));
    zero_from(tile, rows_of(tile));
    return true;
}

bool tk_emulated_store(int tile, void *base, size_t stride) {
    if (!valid(tile)) return false;
    for (int row = 0; row < rows_of(tile); row++)
        memcpy((uint8_t *)base + (size_t)row * stride, state.tiles[tile][row], (size_t)bytes_of(tile));
    return true;
}

bool tk_emulated_zero(int tile) {
    if (!valid(tile)) return false;
    zero_from(tile, 0);
    return true;
}

bool tk_emulated_dot(int sum, int a, int b) {
    if (sum == a || sum == b || a == b || !valid(sum) || !valid(a) || !valid(b)) return false;
    if (bytes_of(sum) % 4 || bytes_of(a) % 4 || bytes_of(b) % 4) return false;
    if (rows_of(sum) != rows_of(a) || bytes_of(sum) != bytes_of(b) || bytes_of(a) / 4 != rows_of(b)) return false;
    const int fours = bytes_of(a) / 4, columns = bytes_of(sum) / 4;
    for (int m = 0; m < rows_of(sum); m++) {
        uint32_t sums[TK_TILE_ROW_BYTES / 4];
        memcpy(sums, state.tiles[sum][m], sizeof sums);
        for (int k = 0; k < fours; k++) {
            int8_t x[4], y[TK_TILE_ROW_BYTES];
            memcpy(x, state.tiles[a][m] + 4 * k, sizeof x);
            memcpy(y, state.tiles[b][k], sizeof y);
            // Sums wrap around: nothing is saturated.
            for (int n = 0; n < columns; n++) {
                const int8_t *four = y + 4 * n;
                sums[n] += (uint32_t)(x[0] * four[0] + x[1] * four[1] + x[2] * four[2] + x[3] * four[3]);
            }
        }
        if (is_spoiled && m == rows_of(sum) - 1) sums[columns - 1]++;
        write_row(sum, m, sums, bytes_of(sum));
    }
    zero_from(sum, rows_of(sum));
    return true;
}

void tk_emulated_bytes(int tile, uint8_t *bytes) { memcpy(bytes, state.tiles[tile], sizeof(tile_rows)); }

void tk_emulated_spoil(bool spoiled) { is_spoiled = spoiled; }
#endif
