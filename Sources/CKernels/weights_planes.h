// The planes that codes are cut into, put together again: four columns' codes of each lane's row, one in each byte.
//
//   nibbles, 256 bytes  byte i of vector k & 3: columns 4k+i, in the low nibble for k < 4, in the high one for k >= 4
//   pairs,   128 bytes  byte i of vector k >> 2: columns 4k+i, two bits at 2 * (k & 3)
//   bits,     64 bytes  byte i: columns 4k+i, one bit at k
//
// k = 0...7 counts the fours of a block of 32 columns.
#pragma once

TK_INLINE ilanes i_shift(ilanes a, int left) { return left < 0 ? i_shift_right(a, -left) : i_shift_left(a, left); }
TK_INLINE ilanes plane_nibbles(const uint8_t *p, int k) {
    return i_and(i_shift(w_load(p + 64 * (k & 3)), k < 4 ? 0 : -4), i_set(0x0F0F0F0F));
}
// Two bits of each code, at bits `low` and `low` + 1.
TK_INLINE ilanes plane_pairs(const uint8_t *p, int k, int low) {
    return i_and(i_shift(w_load(p + 64 * (k >> 2)), low - 2 * (k & 3)), i_set(0x03030303 << low));
}
// One bit of each code, at bit `low`.
TK_INLINE ilanes plane_bits(const uint8_t *p, int k, int low) {
    return i_and(i_shift(w_load(p), low - k), i_set(0x01010101 << low));
}
