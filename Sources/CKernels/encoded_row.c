// Single rows of a matrix as floats, for the embedding.
#include <string.h>

#include "format.h"
#include "half.h"

// 2^(e - 128): half of what the exponent says, as the table of MXFP4 holds doubled values.
static float exponent_to_float(uint8_t e) {
    const uint32_t bits = e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static void floats(int32_t type, const uint8_t *p, float *out) {
    for (int k = 0; k < 32; k++) {
        uint16_t half;
        if (type == TK_F32) {
            memcpy(out + k, p + 4 * k, 4);
            continue;
        }
        memcpy(&half, p + 2 * k, 2);
        out[k] = type == TK_F16 ? half_to_float(half) : bfloat_to_float(half);
    }
}

// `length` columns of one scale and minimum.
static void run(const uint8_t *codes, int length, int offset, float scale, float minimum, float *out) {
    for (int k = 0; k < length; k++) out[k] = scale * (float)(codes[k] - offset) + minimum;
}

static void simple(int32_t type, const tk_block *b, float *out) {
    const float scale = type == TK_MXFP4 ? exponent_to_float(b->scale[0]) : half_at(b->scale);
    const int8_t *table = type == TK_MXFP4 ? tk_table_mxfp4 : tk_table_iq4_nl;
    switch (type) {
    case TK_Q8_0:
        for (int k = 0; k < 32; k++) out[k] = scale * (float)(int8_t)b->codes[k];
        break;
    case TK_MXFP4:
    case TK_IQ4_NL:
        for (int k = 0; k < 32; k++) out[k] = scale * (float)table[b->codes[k]];
        break;
    case TK_Q4_0: run(b->codes, 32, 8, scale, 0.0f, out); break;
    case TK_Q5_0: run(b->codes, 32, 16, scale, 0.0f, out); break;
    default: run(b->codes, 32, 0, scale, half_at(b->minimum), out); break;
    }
}

static void super(int32_t type, const tk_block *b, float *out) {
    const float scale = half_at(b->scale);
    const float minimum = type == TK_Q3_K || type == TK_Q6_K ? 0.0f : half_at(b->minimum);
    const int length = type == TK_Q4_K || type == TK_Q5_K ? 32 : 16;
    const int offset = type == TK_Q3_K ? 4 : type == TK_Q6_K ? 32 : 0;
    for (int j = 0; j < 256 / length; j++) {
        const int own = type == TK_Q6_K   ? (int8_t)b->run_scales[j]
                        : type == TK_Q3_K ? b->run_scales[j] - 32
                                          : b->run_scales[j];
        const float lowest = length == 32 || type == TK_Q2_K ? minimum * (float)-b->run_minima[j] : 0.0f;
        run(b->codes + length * j, length, offset, scale * (float)own, lowest, out + length * j);
    }
}

void tk_encoded_row(int32_t type, const void *rows, int32_t columns, int32_t row, float *out) {
    const tk_format format = tk_format_of(type);
    if (format.columns == 0) return;
    const int32_t blocks = columns / format.columns;
    const size_t one = (size_t)format.bytes;
    const uint8_t *p = (const uint8_t *)rows + (size_t)row * (size_t)blocks * one;
    for (int32_t b = 0; b < blocks; b++, p += one, out += format.columns) {
        tk_block block;
        if (type == TK_F32 || type == TK_F16 || type == TK_BF16) {
            floats(type, p, out);
            continue;
        }
        tk_block_read(type, p, &block);
        if (format.columns == 256) super(type, &block, out);
        else simple(type, &block, out);
    }
}
