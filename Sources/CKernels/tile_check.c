#include "tile_check.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    int32_t type, rows, columns, count;
} sample;

// A sample's weights and activations, and what is made of them.
typedef struct {
    sample of;
    tk_matrix matrix;
    uint8_t *packed;
    float *x;
    tk_panel panel;
    float *y;
    size_t y_bytes;
} trial;

static uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

// Random rows, but that no scale is infinite or not a number.
static bool make_weights(trial *t, uint64_t *random) {
    const sample *s = &t->of;
    const size_t bytes = tk_group_bytes(s->type, s->columns) * (size_t)(s->rows / TK_GROUP_ROWS);
    // Bytes of a block of the file, and where its halves lie: how much each row is scaled and, if that is not zero, its minima.
    const size_t block = s->type == TK_Q8_0 ? 34 : s->type == TK_Q4_K ? 144 : s->type == TK_Q2_K ? 84 : 210;
    const size_t scale = s->type == TK_Q6_K ? 208 : s->type == TK_Q2_K ? 80 : 0;
    const size_t minima = s->type == TK_Q4_K ? 2 : s->type == TK_Q2_K ? 82 : 0;
    uint8_t *encoded = malloc(bytes);
    t->packed = malloc(bytes);
    if (encoded && t->packed) {
        for (size_t i = 0; i < bytes; i++) encoded[i] = (uint8_t)next_random(random);
        for (size_t i = 0; i < bytes; i += block) {
            // Halves below two: the highest bit of the exponent is not set.
            encoded[i + scale + 1] &= 0xBF;
            if (minima) encoded[i + minima + 1] &= 0xBF;
        }
        tk_repack(s->type, encoded, s->rows, s->columns, t->packed);
    }
    free(encoded);
    t->matrix = (tk_matrix){s->type, s->rows, s->columns, s->rows / TK_GROUP_ROWS, t->packed};
    return encoded && t->packed;
}

static bool begin(trial *t, const sample *s) {
    uint64_t random = 1;
    const size_t n = (size_t)s->count, values = n * (size_t)s->columns;
    *t = (trial){.of = *s, .y_bytes = n * (size_t)s->rows * sizeof(float)};
    t->x = malloc(values * sizeof(float));
    t->y = malloc(t->y_bytes);
    t->panel = (tk_panel){
        .quantised = malloc(tk_panel_quantised_bytes(s->columns, s->count) + 64),
        .columns = s->columns,
        .count = s->count,
        .kinds = TK_KIND_QUANTISED,
    };
    if (!t->x || !t->y || !t->panel.quantised || !make_weights(t, &random)) return false;
    for (size_t i = 0; i < values; i++) {
        const float v = (float)(int32_t)next_random(&random);
        // Every fourth column is extreme: nothing but the greatest integers.
        t->x[i] = i / (size_t)s->columns % 4 == 3 ? (v < 0 ? -3.0f : 3.0f) : v / 1e9f;
    }
    return true;
}

static void end(trial *t) {
    free(t->packed);
    free(t->x);
    free(t->panel.quantised);
    free(t->y);
}

static void fill(trial *t, const tk_kernels *kernels) {
    kernels->fill(&t->panel, t->x, (size_t)t->of.columns, NULL, 0, 0, t->of.count, NULL);
}
static void multiply(trial *t, const tk_kernels *kernels) {
    kernels->multiply(&t->matrix, 0, t->matrix.groups, &t->panel, t->y, (size_t)t->of.rows);
}

static bool gives_same_bits(const sample *s, const tk_kernels *one, const tk_kernels *other) {
    trial t;
    bool same = begin(&t, s);
    float *first = same ? malloc(t.y_bytes) : NULL;
    same = first != NULL;
    if (same) {
        fill(&t, one);
        multiply(&t, one);
        memcpy(first, t.y, t.y_bytes);
        memset(t.y, 0xFF, t.y_bytes);
        fill(&t, other);
        multiply(&t, other);
        same = memcmp(first, t.y, t.y_bytes) == 0;
    }
    free(first);
    end(&t);
    return same;
}

bool tk_same_bits(const tk_kernels *one, const tk_kernels *other) {
    static const int32_t types[] = {TK_Q8_0, TK_Q4_K, TK_Q6_K, TK_Q2_K}, counts[] = {9, 16, 45};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++)
            if (!gives_same_bits(&(sample){types[i], 48, 512, counts[j]}, one, other)) return false;
    return true;
}

static int64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// The least of some rounds, by turns, as others may disturb them.
static bool measure(const sample *s, const tk_kernels *const kernels[2], int64_t sums[2]) {
    trial t;
    const bool begun = begin(&t, s);
    int64_t least[2] = {INT64_MAX, INT64_MAX};
    for (int round = 0; begun && round < 12; round++) {
        const int i = round & 1;
        fill(&t, kernels[i]);
        const int64_t start = nanoseconds();
        multiply(&t, kernels[i]);
        const int64_t taken = nanoseconds() - start;
        if (taken < least[i]) least[i] = taken;
    }
    end(&t);
    for (int i = 0; i < 2; i++) sums[i] += least[i] == INT64_MAX ? 0 : least[i];
    return begun;
}

bool tk_is_faster(const tk_kernels *one, const tk_kernels *other) {
    const tk_kernels *const kernels[2] = {one, other};
    int64_t sums[2] = {0, 0};
    return measure(&(sample){TK_Q4_K, 64, 1024, 128}, kernels, sums) &&
           measure(&(sample){TK_Q6_K, 64, 1024, 128}, kernels, sums) && sums[0] < sums[1];
}
