// The short convolution of hybrid models, channel by channel.
//
// What is convolved, u = b * v, is rounded as the cache keeps it when it is stored, and read back from there by every
// position that sees it, its own included: so it does not matter which positions were computed beside each other.
//
//   sum = fma over the taps in order of taps[t] * u[position - window + 1 + t], without those before the first position
//   the result is c * sum
#pragma once
#include "attention_body.h"

TK_INLINE uint8_t *row_in_page(const tk_convolution *v, int32_t position) {
    return v->pages[position / TK_PAGE_POSITIONS] + v->offset +
           (size_t)(position % TK_CONVOLVED_ROWS) * tk_convolved_row_bytes(v->format, v->width);
}

static void convolve(const tk_convolution *v, int32_t from, int32_t to) {
    const int32_t window = v->layer->window, width = v->width;
    const bool single = v->format == TK_CACHE_F32;
    for (int32_t row = 0; row < v->count; row++) {
        const int32_t position = v->first_position + row, oldest = position - window + 1;
        const int32_t first = oldest < 0 ? -oldest : 0;
        const float *b = v->bcv + (size_t)row * v->ld, *c = b + width, *x = c + width;
        float *out = v->out + (size_t)row * (size_t)width;
        uint8_t *rows[TK_TAPS_MAX];
        for (int32_t t = first; t < window; t++) rows[t] = row_in_page(v, oldest + t);
        uint8_t *own = rows[window - 1];
        for (int32_t i = from; i < to; i += 16) {
            const lanes u = l_mul(l_load(b + i), l_load(x + i));
            if (single) l_store((float *)own + i, u);
            else l_store_bounded_halves(own + 2 * i, u);
            lanes sum = l_zero();
            for (int32_t t = first; t < window; t++) {
                const lanes kept = single ? l_load((const float *)rows[t] + i) : l_load_halves(rows[t] + 2 * i);
                sum = l_fma(l_load(v->layer->taps + (size_t)t * (size_t)width + (size_t)i), kept, sum);
            }
            l_store(out + i, l_mul(l_load(c + i), sum));
        }
    }
}
