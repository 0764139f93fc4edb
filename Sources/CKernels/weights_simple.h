// Formats whose blocks of 32 columns stand alone: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, and two with a table, IQ4_NL and MXFP4.
#pragma once
#include "format.h"
#include "weights_planes.h"

// Where the planes begin: behind the scales and minima.
TK_INLINE size_t simple_planes(const int TYPE) {
    return TYPE == TK_Q8_0 ? 0 : TYPE == TK_MXFP4 ? 16 : TYPE == TK_Q4_1 || TYPE == TK_Q5_1 ? 64 : 32;
}
// Unsigned bytes: weights lifted by lift_of(TYPE).
TK_INLINE ilanes simple_codes(const int TYPE, const uint8_t *block, int k) {
    const uint8_t *p = block + simple_planes(TYPE);
    switch (TYPE) {
    case TK_Q8_0: return i_flip(w_load(p + 64 * k));
    case TK_Q5_0:
    case TK_Q5_1: return i_or(plane_nibbles(p, k), plane_bits(p + 256, k, 4));
    case TK_IQ4_NL: return i_flip(w_table(plane_nibbles(p, k), tk_table_iq4_nl));
    case TK_MXFP4: return i_flip(w_table(plane_nibbles(p, k), tk_table_mxfp4));
    default: return plane_nibbles(p, k);
    }
}
TK_INLINE wlanes simple_weights(const int TYPE, const uint8_t *block, int k) {
    const uint8_t *p = block + simple_planes(TYPE);
    switch (TYPE) {
    case TK_Q8_0: return w_signed(w_load(p + 64 * k));
    case TK_Q5_0:
    case TK_Q5_1: return w_unsigned(simple_codes(TYPE, block, k));
    case TK_IQ4_NL: return w_signed(w_table(plane_nibbles(p, k), tk_table_iq4_nl));
    case TK_MXFP4: return w_signed(w_table(plane_nibbles(p, k), tk_table_mxfp4));
    default: return k < 4 ? w_low_nibbles(w_load(p + 64 * k)) : w_high_nibbles(w_load(p + 64 * (k - 4)));
    }
}
// 2^(e - 128): half of what the exponent says, as the table holds doubled values. A subnormal for e < 2.
TK_INLINE lanes exponent_scales(const uint8_t *p) {
    const ilanes e = i_load_bytes(p);
    const ilanes normal = i_shift_left(i_sub(e, i_set(1)), 23);
    return l_from_bits(i_max(i_max(normal, i_shift_left(e, 22)), i_set(0x00200000)));
}
TK_INLINE lanes simple_scales(const int TYPE, const uint8_t *block) {
    if (TYPE == TK_MXFP4) return exponent_scales(block);
    return l_load_halves(block + (TYPE == TK_Q8_0 ? 512 : 0));
}
TK_INLINE lanes simple_minima(const uint8_t *block) { return l_load_halves(block + 32); }
