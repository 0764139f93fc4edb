// Chance, and weights made of it.
#include <string.h>

#include "agree.h"
#include "format.h"
#include "half.h"

uint64_t draw(chance *c) {
    c->state += 0x9E3779B97F4A7C15u;
    uint64_t z = c->state;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

int32_t below(chance *c, int32_t bound) { return (int32_t)(draw(c) % (uint64_t)bound); }

float between(chance *c, float low, float high) {
    return low + (high - low) * ((float)(draw(c) >> 40) / 16777216.0f);
}

float any_finite(chance *c) {
    uint32_t bits;
    do bits = (uint32_t)draw(c);
    while ((bits & 0x7F800000) == 0x7F800000);
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

float *random_floats(chance *c, size_t count, float low, float high) {
    float *values = room(count * sizeof *values);
    for (size_t i = 0; i < count; i++) values[i] = between(c, low, high);
    return values;
}

const weight_type weight_types[WEIGHT_TYPES] = {
    {TK_F32, "F32"},   {TK_F16, "F16"},   {TK_BF16, "BF16"}, {TK_Q4_0, "Q4_0"},     {TK_Q4_1, "Q4_1"},
    {TK_Q5_0, "Q5_0"}, {TK_Q5_1, "Q5_1"}, {TK_Q8_0, "Q8_0"}, {TK_IQ4_NL, "IQ4_NL"}, {TK_MXFP4, "MXFP4"},
    {TK_Q2_K, "Q2_K"}, {TK_Q3_K, "Q3_K"}, {TK_Q4_K, "Q4_K"}, {TK_Q5_K, "Q5_K"},     {TK_Q6_K, "Q6_K"},
};

int32_t block_columns(int32_t type) { return tk_format_of(type).columns; }

static void put_half(chance *c, uint8_t *p, float largest, bool any) {
    uint16_t half = float_to_half(between(c, -largest, largest));
    if (any)
        do half = (uint16_t)draw(c);
        while ((half & 0x7C00) == 0x7C00);
    memcpy(p, &half, 2);
}

static void put_float(chance *c, int32_t type, uint8_t *p, float largest, bool any) {
    const float value = any ? any_finite(c) : between(c, -largest, largest);
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if (type == TK_F32) memcpy(p, &bits, 4);
    const uint16_t upper = (uint16_t)(bits >> 16);
    if (type == TK_BF16) memcpy(p, &upper, 2);
}

// Where a block's halves lie: its scale, and its minimum unless that is -1.
typedef struct {
    int scale, minimum;
    float scale_divisor, minimum_divisor;  // of the greatest weight wanted
} halves;
static halves halves_of(int32_t type) {
    switch (type) {
    case TK_Q4_0: return (halves){0, -1, 8, 1};
    case TK_Q4_1: return (halves){0, 2, 16, 1};
    case TK_Q5_0: return (halves){0, -1, 16, 1};
    case TK_Q5_1: return (halves){0, 2, 32, 1};
    case TK_Q2_K: return (halves){80, 82, 45, 15};
    case TK_Q3_K: return (halves){108, -1, 128, 1};
    case TK_Q4_K: return (halves){0, 2, 945, 63};
    case TK_Q5_K: return (halves){0, 2, 1953, 63};
    case TK_Q6_K: return (halves){208, -1, 4096, 1};
    default: return (halves){0, -1, 127, 1};
    }
}

static void random_block(chance *c, int32_t type, uint8_t *p, float scale) {
    const tk_format format = tk_format_of(type);
    const bool any = scale == 0;
    const float largest = any ? 1 : scale;
    if (type == TK_F16) {
        for (int k = 0; k < 32; k++) put_half(c, p + 2 * k, largest, any);
        return;
    }
    if (type == TK_F32 || type == TK_BF16) {
        const int size = format.bytes / 32;
        for (int k = 0; k < 32; k++) put_float(c, type, p + size * k, largest, any);
        return;
    }
    for (int i = 0; i < format.bytes; i++) p[i] = (uint8_t)draw(c);
    if (type == TK_MXFP4) {
        if (!any) p[0] = (uint8_t)(124 - (int)(1 / largest));
        return;
    }
    const halves h = halves_of(type);
    put_half(c, p + h.scale, largest / h.scale_divisor, any);
    if (h.minimum >= 0) put_half(c, p + h.minimum, largest / h.minimum_divisor, any);
}

uint8_t *random_rows(chance *c, int32_t type, int32_t rows, int32_t columns, float scale) {
    const tk_format format = tk_format_of(type);
    const size_t blocks = (size_t)rows * (size_t)(columns / format.columns), bytes = (size_t)format.bytes;
    uint8_t *encoded = room(blocks * bytes);
    for (size_t b = 0; b < blocks; b++) random_block(c, type, encoded + b * bytes, scale);
    return encoded;
}

void flatten_row(int32_t type, uint8_t *rows, int32_t columns, int32_t row, uint8_t byte) {
    const tk_format format = tk_format_of(type);
    const size_t bytes = (size_t)format.bytes, blocks = (size_t)(columns / format.columns);
    const halves h = halves_of(type);
    uint8_t *p = rows + (size_t)row * blocks * bytes;
    for (size_t i = 0; i < blocks * bytes; i++) {
        const int at = (int)(i % bytes);
        const bool scale = at == h.scale || (at == h.scale + 1 && type != TK_MXFP4);
        if (!scale && !(h.minimum >= 0 && (at == h.minimum || at == h.minimum + 1))) p[i] = byte;
    }
}

void set_halves(int32_t type, uint8_t *rows, int32_t columns, int32_t row, uint16_t half) {
    const tk_format format = tk_format_of(type);
    const size_t bytes = (size_t)format.bytes, blocks = (size_t)(columns / format.columns);
    const halves h = halves_of(type);
    uint8_t *p = rows + (size_t)row * blocks * bytes;
    for (size_t b = 0; b < blocks; b++, p += bytes) {
        if (type == TK_MXFP4) {
            p[0] = (uint8_t)(half >> 7);
            continue;
        }
        memcpy(p + h.scale, &half, 2);
        if (h.minimum >= 0) memcpy(p + h.minimum, &half, 2);
    }
}

tk_matrix interleaved(int32_t type, const uint8_t *rows, int32_t count, int32_t columns) {
    const int32_t groups = (count + TK_GROUP_ROWS - 1) / TK_GROUP_ROWS;
    uint8_t *data = room(tk_group_bytes(type, columns) * (size_t)groups);
    tk_repack(type, rows, count, columns, data);
    return (tk_matrix){type, count, columns, groups, data};
}

tk_matrix random_matrix(chance *c, int32_t type, int32_t rows, int32_t columns, float scale) {
    return interleaved(type, random_rows(c, type, rows, columns, scale), rows, columns);
}
