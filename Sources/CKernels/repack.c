// Interleaving of GGUF rows into the layout that tk_matrix.h describes.
#include <string.h>

#include "format.h"

// Dword lanes: row r of a vector of 16 rows.
static uint32_t codes_at(const uint8_t *codes, int column) {
    uint32_t four;
    memcpy(&four, codes + column, 4);
    return four;
}
static void put(uint8_t *vector, int32_t r, uint32_t lane) { memcpy(vector + 4 * r, &lane, 4); }

// The planes that the codes of 32 columns are cut into, from bit `low` of each code on.
static void put_nibbles(uint8_t *o, int32_t r, const uint8_t *codes) {
    for (int k = 0; k < 4; k++)
        put(o + 64 * k, r,
            (codes_at(codes, 4 * k) & 0x0F0F0F0F) | (codes_at(codes, 16 + 4 * k) & 0x0F0F0F0F) << 4);
}
static void put_pairs(uint8_t *o, int32_t r, const uint8_t *codes, int low) {
    for (int half = 0; half < 2; half++) {
        uint32_t lane = 0;
        for (int f = 0; f < 4; f++) lane |= (codes_at(codes, 16 * half + 4 * f) >> low & 0x03030303) << 2 * f;
        put(o + 64 * half, r, lane);
    }
}
static void put_bits(uint8_t *o, int32_t r, const uint8_t *codes, int low) {
    uint32_t lane = 0;
    for (int k = 0; k < 8; k++) lane |= (codes_at(codes, 4 * k) >> low & 0x01010101) << k;
    put(o, r, lane);
}
// Sixteen six-bit numbers: five in each of three dwords, the last one in what these leave.
static void put_sixes(uint8_t *o, int32_t r, const uint8_t *first, const uint8_t *second) {
    for (int i = 0; i < 3; i++) {
        uint32_t lane = (uint32_t)(second[7] >> 2 * i & 3) << 30;
        for (int f = 0; f < 5; f++) {
            const int n = 5 * i + f;
            lane |= (uint32_t)(n < 8 ? first[n] : second[n - 8]) << 6 * f;
        }
        put(o + 64 * i, r, lane);
    }
}
static void put_half(uint8_t *o, int32_t r, const uint8_t *half) { memcpy(o + 2 * r, half, 2); }

static void place_simple(int32_t type, const tk_block *b, int32_t r, uint8_t *o) {
    switch (type) {
    case TK_Q8_0:
        for (int k = 0; k < 8; k++) put(o + 64 * k, r, codes_at(b->codes, 4 * k));
        put_half(o + 512, r, b->scale);
        break;
    case TK_Q4_0:
    case TK_IQ4_NL:
        put_half(o, r, b->scale);
        put_nibbles(o + 32, r, b->codes);
        break;
    case TK_MXFP4:
        o[r] = b->scale[0];
        put_nibbles(o + 16, r, b->codes);
        break;
    case TK_Q4_1:
        put_half(o, r, b->scale);
        put_half(o + 32, r, b->minimum);
        put_nibbles(o + 64, r, b->codes);
        break;
    case TK_Q5_0:
        put_half(o, r, b->scale);
        put_nibbles(o + 32, r, b->codes);
        put_bits(o + 288, r, b->codes, 4);
        break;
    case TK_Q5_1:
        put_half(o, r, b->scale);
        put_half(o + 32, r, b->minimum);
        put_nibbles(o + 64, r, b->codes);
        put_bits(o + 320, r, b->codes, 4);
        break;
    default: break;
    }
}

static void place_super(int32_t type, const tk_block *b, int32_t r, uint8_t *o) {
    put_half(o, r, b->scale);
    o += 32;
    if (type == TK_Q4_K || type == TK_Q5_K || type == TK_Q2_K) {
        put_half(o, r, b->minimum);
        o += 32;
    }
    if (type == TK_Q2_K || type == TK_Q6_K) {
        for (int j = 0; j < 16; j++)
            o[16 * j + r] = (uint8_t)(b->run_scales[j] | (type == TK_Q2_K ? b->run_minima[j] << 4 : 0));
        o += 256;
    } else {
        put_sixes(o, r, b->run_scales, type == TK_Q3_K ? b->run_scales + 8 : b->run_minima);
        o += 192;
    }
    for (int j = 0; j < 8; j++) {
        const uint8_t *codes = b->codes + 32 * j;
        switch (type) {
        case TK_Q2_K:
            put_pairs(o, r, codes, 0);
            o += 128;
            break;
        case TK_Q3_K:
            put_pairs(o, r, codes, 0);
            put_bits(o + 128, r, codes, 2);
            o += 192;
            break;
        case TK_Q4_K:
            put_nibbles(o, r, codes);
            o += 256;
            break;
        case TK_Q5_K:
            put_nibbles(o, r, codes);
            put_bits(o + 256, r, codes, 4);
            o += 320;
            break;
        case TK_Q6_K:
            put_nibbles(o, r, codes);
            put_pairs(o + 256, r, codes, 4);
            o += 384;
            break;
        default: break;
        }
    }
}

// Values of `size` bytes, column by column.
static void place_floats(const uint8_t *s, size_t size, int32_t r, uint8_t *o) {
    for (int k = 0; k < 32; k++) memcpy(o + 16 * size * (size_t)k + size * (size_t)r, s + size * (size_t)k, size);
}

static void place(int32_t type, const uint8_t *s, int32_t r, uint8_t *o) {
    tk_block block;
    switch (type) {
    case TK_F32: place_floats(s, 4, r, o); return;
    case TK_F16:
    case TK_BF16: place_floats(s, 2, r, o); return;
    default: break;
    }
    tk_block_read(type, s, &block);
    if (tk_format_of(type).columns == 256) place_super(type, &block, r, o);
    else place_simple(type, &block, r, o);
}

void tk_repack(int32_t type, const void *source, int32_t rows, int32_t columns, uint8_t *destination) {
    const tk_format format = tk_format_of(type);
    if (format.columns == 0) return;
    const size_t one = (size_t)format.bytes;
    const int32_t blocks = columns / format.columns;
    const uint8_t *from = source;
    for (int32_t g = 0; g * TK_GROUP_ROWS < rows; g++) {
        const int32_t filled = rows - g * TK_GROUP_ROWS < TK_GROUP_ROWS ? rows - g * TK_GROUP_ROWS : TK_GROUP_ROWS;
        for (int32_t b = 0; b < blocks; b++, destination += one * TK_GROUP_ROWS) {
            if (filled < TK_GROUP_ROWS) memset(destination, 0, one * TK_GROUP_ROWS);
            for (int32_t r = 0; r < filled; r++) {
                const size_t block = (size_t)(g * TK_GROUP_ROWS + r) * (size_t)blocks + (size_t)b;
                place(type, from + block * one, r, destination);
            }
        }
    }
}
