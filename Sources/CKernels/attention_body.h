// Attention of a few queries over the paged keys and values of their key-value head.
//
// Per query, whatever else is computed with it: score[p] = scale * (fma over dimensions in order); the greatest score;
// e[p] = exp(score[p] - greatest), 0 where that is below e^-86; their sum over sixteen lanes, lane = p mod 16; and
// out[d] = (fma over positions in order of e[p] * value[p][d]) / sum. Positions after the query's own take no part.
#pragma once
#include <math.h>

#include "elementwise_body.h"
#include "multiply_body.h"

// Dispatches on the number of queries, as many row groups at a time as the registers hold.
#define TK_ATTEND_CASE(RESUME, R_, T_)                                                                                 \
    case T_:                                                                                                           \
        for (; r + R_ <= groups; r += R_)                                                                              \
            tile_floats(                                                                                               \
                0, RESUME, R_, T_, w + (size_t)r * stream, w_column, stream, x, x_k, x_column, columns,                \
                y + (size_t)r * 16, 16, ldy);                                                                          \
        for (; r < groups; r++)                                                                                        \
            tile_floats(                                                                                               \
                0, RESUME, 1, T_, w + (size_t)r * stream, w_column, stream, x, x_k, x_column, columns,                 \
                y + (size_t)r * 16, 16, ldy);                                                                          \
        break;
#if TK_TILE_COLUMNS == 8
#define TK_ATTEND_WIDE(RESUME)                                                                                         \
    TK_ATTEND_CASE(RESUME, 1, 5) TK_ATTEND_CASE(RESUME, 1, 6) TK_ATTEND_CASE(RESUME, 1, 7) TK_ATTEND_CASE(RESUME, 1, 8)
#else
#define TK_ATTEND_WIDE(RESUME)
#endif
#define TK_ATTEND(name, RESUME)                                                                                        \
    static void name(                                                                                                  \
        int32_t queries, const uint8_t *w, size_t w_column, size_t stream, int32_t groups, const float *x, size_t x_k, \
        size_t x_column, int32_t columns, float *y, size_t ldy) {                                                      \
        int32_t r = 0;                                                                                                 \
        switch (queries) {                                                                                             \
            TK_ATTEND_CASE(RESUME, 4, 1)                                                                               \
            TK_ATTEND_CASE(RESUME, 4, 2)                                                                               \
            TK_ATTEND_CASE(RESUME, 2, 3)                                                                               \
            TK_ATTEND_CASE(RESUME, 2, 4)                                                                               \
            TK_ATTEND_WIDE(RESUME)                                                                                     \
        default: break;                                                                                                \
        }                                                                                                              \
    }
TK_ATTEND(scores_of_page, 0)
TK_ATTEND(values_of_page, 1)

// Scores to weights in place; returns one over their sum.
TK_INLINE float softmax(float *scores, int32_t length, float scale) {
    const lanes least = l_set(-INFINITY), factor = l_set(scale), floor = l_set(-86.0f);
    lanes greatest = least, sum = l_zero();
    for (int32_t p = 0; p < length; p += 16) {
        lanes v = l_mul(l_load(scores + p), factor);
        if (length - p < 16) v = l_first(length - p, v, least);
        greatest = l_max(greatest, v);
        l_store(scores + p, v);
    }
    const lanes top = l_set(l_greatest(greatest));
    for (int32_t p = 0; p < length; p += 16) {
        const lanes v = l_sub(l_load(scores + p), top);
        const lanes e = l_if_less(v, floor, l_zero(), l_exp(v));
        sum = l_add(sum, e);
        l_store(scores + p, e);
    }
    return 1.0f / l_sum(sum);
}

static void attend(
    const tk_attention *a, int32_t key_value_head, int32_t first_query, int32_t count, float *scratch,
    size_t score_ld) {
    const int32_t dimension = a->shape->head_dimension, group = a->shape->heads / a->shape->key_value_heads;
    const size_t wide = (size_t)dimension;
    const size_t keys = a->layer_offset + (size_t)key_value_head * 2 * TK_PAGE_POSITIONS * wide;
    const size_t values = keys + TK_PAGE_POSITIONS * wide;
    const float scale = 1.0f / sqrtf((float)dimension);
    float *queries = scratch, *sums = queries + TK_TILE_COLUMNS * wide, *scores = sums + TK_TILE_COLUMNS * wide;
    int32_t length[TK_TILE_COLUMNS];
    float inverse[TK_TILE_COLUMNS];

    for (int32_t t = 0; t < count; t++) {
        const int32_t position = (first_query + t) / group, head = key_value_head * group + (first_query + t) % group;
        const float *q = a->qkv + (size_t)position * a->ld + (size_t)head * wide;
        for (int32_t d = 0; d < dimension; d++) queries[d * count + t] = q[d];
        length[t] = a->first_position + position + 1;
    }
    const int32_t shortest = length[0], longest = length[count - 1];

    for (int32_t p = 0; p < longest; p += TK_PAGE_POSITIONS) {
        const int32_t left = longest - p < TK_PAGE_POSITIONS ? longest - p : TK_PAGE_POSITIONS;
        const float *page = a->cache->pages[p / TK_PAGE_POSITIONS] + keys;
        scores_of_page(
            count, (const uint8_t *)page, 64, 64 * wide, (left + 15) / 16, queries, (size_t)count, 1, dimension,
            scores + p, score_ld);
    }
    for (int32_t t = 0; t < count; t++) inverse[t] = softmax(scores + (size_t)t * score_ld, length[t], scale);

    memset(sums, 0, (size_t)count * wide * sizeof(float));
    for (int32_t p = 0; p < shortest; p += TK_PAGE_POSITIONS) {
        const int32_t left = shortest - p < TK_PAGE_POSITIONS ? shortest - p : TK_PAGE_POSITIONS;
        const float *page = a->cache->pages[p / TK_PAGE_POSITIONS] + values;
        values_of_page(
            count, (const uint8_t *)page, 4 * wide, 64, dimension / 16, scores + p, 1, score_ld, left, sums, wide);
    }
    // Queries of later positions see a few keys more.
    for (int32_t t = 0; t < count; t++) {
        for (int32_t p = shortest; p < length[t]; p++) {
            const float *page = a->cache->pages[p / TK_PAGE_POSITIONS] + values;
            values_of_page(
                1, (const uint8_t *)(page + (size_t)(p % TK_PAGE_POSITIONS) * wide), 4 * wide, 64, dimension / 16,
                scores + (size_t)t * score_ld + p, 1, 0, 1, sums + (size_t)t * wide, wide);
        }
        const int32_t position = (first_query + t) / group, head = key_value_head * group + (first_query + t) % group;
        float *out = a->out + ((size_t)position * (size_t)a->shape->heads + (size_t)head) * wide;
        const lanes factor = l_set(inverse[t]);
        for (int32_t d = 0; d < dimension; d += 16)
            l_store(out + d, l_mul(l_load(sums + (size_t)t * wide + d), factor));
    }
}
