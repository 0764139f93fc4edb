// Formats of super-blocks of 256 columns: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K. A header for all eight blocks of 32, then their
// planes.
#pragma once
#include "format.h"
#include "weights_planes.h"

TK_INLINE size_t super_header_bytes(const int TYPE) {
    return TYPE == TK_Q2_K ? 320 : TYPE == TK_Q3_K ? 224 : TYPE == TK_Q6_K ? 288 : 256;
}
TK_INLINE size_t super_block_bytes(const int TYPE) {
    return TYPE == TK_Q2_K ? 128 : TYPE == TK_Q3_K ? 192 : TYPE == TK_Q4_K ? 256 : TYPE == TK_Q5_K ? 320 : 384;
}
// Unsigned bytes: weights lifted by lift_of(TYPE).
TK_INLINE ilanes super_codes(const int TYPE, const uint8_t *p, int k) {
    switch (TYPE) {
    case TK_Q2_K: return plane_pairs(p, k, 0);
    case TK_Q3_K: return i_or(plane_pairs(p, k, 0), plane_bits(p + 128, k, 2));
    case TK_Q4_K: return plane_nibbles(p, k);
    case TK_Q5_K: return i_or(plane_nibbles(p, k), plane_bits(p + 256, k, 4));
    default: return i_or(plane_nibbles(p, k), plane_pairs(p + 256, k, 4));
    }
}
TK_INLINE wlanes super_weights(const int TYPE, const uint8_t *p, int k) {
    switch (TYPE) {
    case TK_Q2_K: return w_unsigned(super_codes(TYPE, p, k));
    case TK_Q3_K: return w_signed(w_minus(super_codes(TYPE, p, k), 4));
    case TK_Q4_K: return k < 4 ? w_low_nibbles(w_load(p + 64 * k)) : w_high_nibbles(w_load(p + 64 * (k - 4)));
    case TK_Q5_K: return w_unsigned(super_codes(TYPE, p, k));
    default: return w_signed(w_minus(super_codes(TYPE, p, k), 32));
    }
}

// Number n of sixteen: five in each of three vectors, the last one in the bits that these leave.
TK_INLINE ilanes six_bits(const uint8_t *p, int n) {
    if (n < 15) return i_and(i_shift_right(w_load(p + 64 * (n / 5)), n % 5 * 6), i_set(63));
    const ilanes low = i_shift_right(w_load(p), 30), middle = i_shift_right(w_load(p + 64), 30);
    return i_or(i_or(low, i_shift_left(middle, 2)), i_shift_left(i_shift_right(w_load(p + 128), 30), 4));
}

// What the header says of each run, as floats, exactly: a half times a number of at most eight bits.
TK_INLINE void super_scales(const int TYPE, const uint8_t *header, float (*scale)[16], float (*minimum)[16]) {
    const lanes d = l_load_halves(header);
    if (TYPE == TK_Q4_K || TYPE == TK_Q5_K) {
        const lanes m = l_sub(l_zero(), l_load_halves(header + 32));
        TK_UNROLL for (int j = 0; j < 8; j++) {
            l_store(scale[j], l_mul(d, l_from_integers(six_bits(header + 64, j))));
            l_store(minimum[j], l_mul(m, l_from_integers(six_bits(header + 64, 8 + j))));
        }
    } else if (TYPE == TK_Q3_K) {
        TK_UNROLL for (int j = 0; j < 16; j++)
            l_store(scale[j], l_mul(d, l_from_integers(i_sub(six_bits(header + 32, j), i_set(32)))));
    } else if (TYPE == TK_Q6_K) {
        TK_UNROLL for (int j = 0; j < 16; j++)
            l_store(scale[j], l_mul(d, l_from_integers(i_load_signed_bytes(header + 32 + 16 * j))));
    } else {
        const lanes m = l_sub(l_zero(), l_load_halves(header + 32));
        TK_UNROLL for (int j = 0; j < 16; j++) {
            const ilanes both = i_load_bytes(header + 64 + 16 * j);
            l_store(scale[j], l_mul(d, l_from_integers(i_and(both, i_set(15)))));
            l_store(minimum[j], l_mul(m, l_from_integers(i_shift_right(both, 4))));
        }
    }
}
