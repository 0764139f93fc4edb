// Interleaving of GGUF rows, and single rows as floats for the embedding.
#include "tk_matrix.h"

#include <stdlib.h>
#include <string.h>

#include "half.h"
#include "kernels.h"

// Bytes of one row's block of 32 in GGUF, and of 16 rows' block here: the same per row.
static size_t block_bytes(int32_t type) {
    switch (type) {
    case TK_F32: return 128;
    case TK_F16: return 64;
    case TK_Q4_0: return 18;
    case TK_Q4_1: return 20;
    case TK_Q8_0: return 34;
    default: return 0;
    }
}

size_t tk_group_bytes(int32_t type, int32_t columns) {
    return block_bytes(type) * TK_GROUP_ROWS * (size_t)(columns / TK_BLOCK_COLUMNS);
}

// One row's block of 32 into its lane of the group's block.
static void place(int32_t type, const uint8_t *s, int32_t r, uint8_t *o) {
    switch (type) {
    case TK_Q8_0:  // half scale, 32 bytes
        for (int k = 0; k < 8; k++) memcpy(o + 64 * k + 4 * r, s + 2 + 4 * k, 4);
        memcpy(o + 512 + 2 * r, s, 2);
        break;
    case TK_Q4_0:  // half scale, 16 bytes of nibbles
        memcpy(o + 2 * r, s, 2);
        for (int k = 0; k < 4; k++) memcpy(o + 32 + 64 * k + 4 * r, s + 2 + 4 * k, 4);
        break;
    case TK_Q4_1:  // half scale, half minimum, 16 bytes of nibbles
        memcpy(o + 2 * r, s, 2);
        memcpy(o + 32 + 2 * r, s + 2, 2);
        for (int k = 0; k < 4; k++) memcpy(o + 64 + 64 * k + 4 * r, s + 4 + 4 * k, 4);
        break;
    case TK_F16:
        for (int k = 0; k < 32; k++) memcpy(o + 32 * k + 2 * r, s + 2 * k, 2);
        break;
    case TK_F32:
        for (int k = 0; k < 32; k++) memcpy(o + 64 * k + 4 * r, s + 4 * k, 4);
        break;
    default: break;
    }
}

void tk_repack(int32_t type, const void *source, int32_t rows, int32_t columns, uint8_t *destination) {
    const size_t one = block_bytes(type);
    const int32_t blocks = columns / TK_BLOCK_COLUMNS;
    const uint8_t *from = source;
    for (int32_t g = 0; g * TK_GROUP_ROWS < rows; g++)
        for (int32_t b = 0; b < blocks; b++, destination += one * TK_GROUP_ROWS) {
            const int32_t filled = rows - g * TK_GROUP_ROWS < TK_GROUP_ROWS ? rows - g * TK_GROUP_ROWS : TK_GROUP_ROWS;
            if (filled < TK_GROUP_ROWS) memset(destination, 0, one * TK_GROUP_ROWS);
            for (int32_t r = 0; r < filled; r++) {
                const size_t block = (size_t)(g * TK_GROUP_ROWS + r) * (size_t)blocks + (size_t)b;
                place(type, from + block * one, r, destination);
            }
        }
}

static float half_at(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, 2);
    return half_to_float(h);
}

void tk_encoded_row(int32_t type, const void *rows, int32_t columns, int32_t row, float *out) {
    const int32_t blocks = columns / TK_BLOCK_COLUMNS;
    const size_t one = block_bytes(type);
    const uint8_t *p = (const uint8_t *)rows + (size_t)row * (size_t)blocks * one;
    for (int32_t b = 0; b < blocks; b++, p += one, out += 32) {
        float scale, minimum;
        switch (type) {
        case TK_F32: memcpy(out, p, 128); break;
        case TK_F16:
            for (int k = 0; k < 32; k++) out[k] = half_at(p + 2 * k);
            break;
        case TK_Q8_0:
            scale = half_at(p);
            for (int k = 0; k < 32; k++) out[k] = scale * (float)(int8_t)p[2 + k];
            break;
        case TK_Q4_0:
        case TK_Q4_1:
            scale = half_at(p);
            minimum = type == TK_Q4_1 ? half_at(p + 2) : -8.0f * scale;
            for (int k = 0; k < 16; k++) {
                const uint8_t packed = p[(type == TK_Q4_1 ? 4 : 2) + k];
                out[k] = scale * (float)(packed & 15) + minimum;
                out[k + 16] = scale * (float)(packed >> 4) + minimum;
            }
            break;
        default: break;
        }
    }
}

bool tk_multiply(
    tk_isa isa, const tk_matrix *matrix, const float *x, int32_t count, size_t ldx, float *y, size_t ldy) {
    const tk_kernels *kernels = tk_kernels_of(isa);
    const size_t columns = (size_t)matrix->columns, n = (size_t)count;
    tk_panel panel = {
        .quantised = malloc(tk_panel_quantised_bytes(matrix->columns, count) + 64),
        .floats = malloc((columns * n + 16) * sizeof(float)),
        .columns = matrix->columns,
        .count = count,
        .kinds = tk_kind_of(matrix->type),
    };
    const bool room = panel.quantised && panel.floats;
    if (room) {
        kernels->fill(&panel, x, ldx, NULL, 0, 0, count, NULL);
        kernels->multiply(matrix, 0, matrix->groups, &panel, y, ldy);
    }
    free(panel.quantised);
    free(panel.floats);
    return room;
}
