// What no instruction set has of its own, and yet must be the same everywhere: interleaved rows, rows as floats,
// halves, frequencies, cosines and sines. Here only the digest can tell machines apart.
#include <string.h>

#include "agree.h"
#include "half.h"

typedef struct {
    int32_t type, rows, columns;
    const uint8_t *encoded;
} rows_case;

static void run_repack(tk_isa isa, int32_t way, const void *context, void *results) {
    const rows_case *r = context;
    (void)isa, (void)way;
    tk_repack(r->type, r->encoded, r->rows, r->columns, results);
}

static void run_rows(tk_isa isa, int32_t way, const void *context, void *results) {
    const rows_case *r = context;
    (void)isa, (void)way;
    for (int32_t row = 0; row < r->rows; row++)
        tk_encoded_row(r->type, r->encoded, r->columns, row, (float *)results + (size_t)row * (size_t)r->columns);
}

// Every half to single and back, and singles around each, with ties, to halves.
static void run_halves(tk_isa isa, int32_t way, const void *context, void *results) {
    uint32_t *out = results;
    (void)isa, (void)way, (void)context;
    for (uint32_t h = 0; h < 65536; h++) {
        const float value = half_to_float((uint16_t)h);
        uint32_t bits;
        memcpy(&bits, &value, 4);
        out[2 * h] = bits;
        uint32_t mixed = 0;
        for (uint32_t i = 0; i < 5; i++) {
            const uint32_t near = bits + (i == 0 ? 0 : i == 1 ? 0xFFF : i == 2 ? 0x1000 : i == 3 ? 0x1001 : 0x1800);
            float single;
            memcpy(&single, &near, 4);
            mixed = mixed * 31 + float_to_half(single);
        }
        out[2 * h + 1] = mixed;
    }
}

static void run_scale(tk_isa isa, int32_t way, const void *context, void *results) {
    (void)isa, (void)way;
    memcpy(results, context, 4096 * sizeof(float));
    tk_scale(results, 4096, 0.3f);
}

void encodings(chance *c) {
    for (int i = 0; i < WEIGHT_TYPES; i++) {
        const weight_type *t = &weight_types[i];
        const int32_t columns = block_columns(t->type) * 3;
        const rows_case r = {t->type, 21, columns, random_rows(c, t->type, 21, columns, 0)};
        // Two groups, of which the second is filled up with zeros.
        hold(run_repack, &r, 1, WORDS, 2 * tk_group_bytes(t->type, columns) / 4, "%s interleaved", t->name);
        hold(run_rows, &r, 1, FLOATS, (size_t)(21 * columns), "%s as floats", t->name);
    }
    hold(run_halves, NULL, 1, WORDS, 131072, "halves");
    float *values = room(4096 * sizeof *values);
    for (int i = 0; i < 4096; i++) values[i] = any_finite(c);
    hold(run_scale, values, 1, FLOATS, 4096, "scaled");
}

static void run_rotation(tk_isa isa, int32_t way, const void *context, void *results) {
    static const int32_t positions[] = {0, 1, 2, 63, 1000, 131071, 1048575};
    const tk_rotary *r = context;
    const int32_t pairs = r->dimension / 2;
    float *out = results;
    double *frequencies = room((size_t)pairs * sizeof *frequencies);
    (void)isa, (void)way;
    tk_rotation_frequencies(r, frequencies);
    memcpy(out, frequencies, (size_t)pairs * sizeof *frequencies);
    out += 2 * pairs;
    for (int i = 0; i < 7; i++, out += 2 * pairs)
        tk_rotation(positions[i], frequencies, pairs, (double)r->magnitude, out, out + pairs);
    out[0] = tk_yarn_magnitude(r->factor);
    out[1] = tk_longrope_magnitude(r->factor, r->original_context);
}

void rotations(chance *c) {
    static const int32_t dimensions[] = {2, 16, 40, 64, 128};
    static const float bases[] = {10000, 500000, 1000000, 2};
    for (int scaling = TK_SCALING_NONE; scaling <= TK_SCALING_LLAMA3; scaling++)
        for (int i = 0; i < 5; i++)
            for (int b = 0; b < 4; b++) {
                const bool yarn = scaling == TK_SCALING_YARN;
                const tk_rotary r = {
                    .dimension = dimensions[i],
                    .base = bases[b],
                    .scaling = scaling,
                    .factor = between(c, 1.5f, 40),
                    .original_context = (float)(128 << below(c, 9)),
                    .low = 1,
                    .high = yarn ? 32 : 4,
                    .magnitude = b == 1 ? 1.1f : 1,
                    .divisors = b == 2 ? random_floats(c, (size_t)dimensions[i], 1, 9) : NULL,
                };
                hold(
                    run_rotation, &r, 1, WORDS, (size_t)dimensions[i] * 8 + 2, "rotation %d, %d dimensions, base %g",
                    scaling, (int)dimensions[i], (double)bases[b]);
            }
}
