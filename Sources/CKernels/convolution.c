// The phase of a short convolution.
#include "phases.h"

// No position may overwrite what it still sees, nor a page's first one what the page before ended with.
_Static_assert(TK_TAPS_MAX <= TK_CONVOLVED_ROWS && TK_PAGE_POSITIONS % TK_CONVOLVED_ROWS == 0, "");

void tk_convolve_all(const tk_job *j, int32_t layer, int32_t thread, int32_t threads) {
    tk_workspace *w = j->space;
    const int32_t width = w->shape.width;
    // A channel's positions depend on each other, and on no other channel.
    const tk_range mine = tk_share(width / 16, thread, threads);
    if (mine.from == mine.to) return;
    int32_t first_row = 0;
    for (int32_t s = 0; s < j->segment_count; first_row += j->segments[s++].count) {
        const tk_convolution v = {
            .layer = &j->layers[layer],
            .format = j->format,
            .pages = j->segments[s].pages.tables[j->slots[layer].group],
            .offset = j->slots[layer].offset,
            .width = width,
            .first_position = j->segments[s].first_position,
            .count = j->segments[s].count,
            .bcv = w->qkv + (size_t)first_row * (size_t)w->shape.projected,
            .ld = (size_t)w->shape.projected,
            .out = w->attended + (size_t)first_row * (size_t)width,
        };
        w->kernels->convolve(&v, 16 * mine.from, 16 * mine.to);
    }
}
