// Sixteen lanes in plain C: compiler vectors, which arm64 and x86-64 alike lower to whatever they have.
//
// The three lanes_*.h define the same vocabulary. Everything above them is written once, in the *_body.h files, so that
// all instruction sets perform the same operations in the same order.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "half.h"
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

// Vectors of 64 bytes would be passed differently with AVX-512; here they never are, as everything is inlined.
#pragma clang diagnostic ignored "-Wpsabi"
#define TK_INLINE static inline __attribute__((always_inline))

typedef float lanes __attribute__((vector_size(64), aligned(4)));
typedef int32_t ilanes __attribute__((vector_size(64), aligned(4)));
typedef uint32_t ulanes __attribute__((vector_size(64), aligned(4)));
typedef int8_t blanes __attribute__((vector_size(64), aligned(4)));

TK_INLINE lanes l_load(const float *p) { lanes v; memcpy(&v, p, 64); return v; }
TK_INLINE void l_store(float *p, lanes v) { memcpy(p, &v, 64); }
TK_INLINE lanes l_set(float x) { return (lanes){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
TK_INLINE lanes l_zero(void) { return l_set(0.0f); }
TK_INLINE lanes l_add(lanes a, lanes b) { return a + b; }
TK_INLINE lanes l_sub(lanes a, lanes b) { return a - b; }
TK_INLINE lanes l_mul(lanes a, lanes b) { return a * b; }
TK_INLINE lanes l_div(lanes a, lanes b) { return a / b; }
TK_INLINE lanes l_fma(lanes a, lanes b, lanes c) {
#if defined(__aarch64__)
    return __builtin_elementwise_fma(a, b, c);
#else
    lanes r;
    for (int i = 0; i < 16; i++) r[i] = fmaf(a[i], b[i], c[i]);
    return r;
#endif
}
TK_INLINE ilanes i_set(int32_t x) { return (ilanes){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
TK_INLINE ilanes i_zero(void) { return i_set(0); }
TK_INLINE ilanes i_add(ilanes a, ilanes b) { return a + b; }
TK_INLINE ilanes i_sub(ilanes a, ilanes b) { return a - b; }
TK_INLINE ilanes i_and(ilanes a, ilanes b) { return a & b; }
TK_INLINE ilanes i_or(ilanes a, ilanes b) { return a | b; }
// The sign bits of all bytes turned.
TK_INLINE ilanes i_flip(ilanes a) { return a ^ i_set((int32_t)0x80808080); }
TK_INLINE ilanes i_shift_left(ilanes a, int bits) { return a << bits; }
// Zeros come in from the left.
TK_INLINE ilanes i_shift_right(ilanes a, int bits) { return (ilanes)((ulanes)a >> (uint32_t)bits); }
TK_INLINE ilanes i_shift_left_23(ilanes a) { return a << 23; }
TK_INLINE ilanes i_choose(ilanes mask, ilanes yes, ilanes no) { return (mask & yes) | (~mask & no); }
TK_INLINE ilanes i_max(ilanes a, ilanes b) { return i_choose(a > b, a, b); }
TK_INLINE ilanes l_bits(lanes a) { return (ilanes)a; }
TK_INLINE lanes l_from_bits(ilanes a) { return (lanes)a; }
TK_INLINE lanes l_from_integers(ilanes a) { return __builtin_convertvector(a, lanes); }
// The second operand where either is not a number, as x86 has it.
TK_INLINE lanes l_max(lanes a, lanes b) { return (lanes)i_choose(a > b, (ilanes)a, (ilanes)b); }
TK_INLINE lanes l_min(lanes a, lanes b) { return (lanes)i_choose(a < b, (ilanes)a, (ilanes)b); }
// `v` where `test` is less than `limit`, else `other`.
TK_INLINE lanes l_if_less(lanes test, lanes limit, lanes v, lanes other) {
    return (lanes)i_choose(test < limit, (ilanes)v, (ilanes)other);
}
// The first `count` lanes of `v`, then `fill`.
TK_INLINE lanes l_first(int32_t count, lanes v, lanes fill) {
    const ilanes index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return (lanes)i_choose(index < i_set(count), (ilanes)v, (ilanes)fill);
}
// Nearest integers, ties to even; |a| must be below 2^22.
TK_INLINE ilanes l_round(lanes a) { return (ilanes)(a + l_set(12582912.0f)) - i_set(0x4B400000); }
TK_INLINE float l_sum(lanes v) {
    float a[8];
    for (int i = 0; i < 8; i++) a[i] = v[i] + v[i + 8];
    for (int i = 0; i < 4; i++) a[i] = a[i] + a[i + 4];
    return (a[0] + a[2]) + (a[1] + a[3]);
}
TK_INLINE float l_greatest(lanes v) {
    float m = v[0];
    for (int i = 1; i < 16; i++) m = v[i] > m ? v[i] : m;
    return m;
}
TK_INLINE int32_t i_sum(ilanes v) {
    int32_t s = 0;
    for (int i = 0; i < 16; i++) s += v[i];
    return s;
}
TK_INLINE int32_t i_greatest(ilanes v) {
    int32_t m = v[0];
    for (int i = 1; i < 16; i++) m = v[i] > m ? v[i] : m;
    return m;
}

TK_INLINE lanes l_load_halves(const uint8_t *p) {
    lanes v;
#if defined(__aarch64__)
    __fp16 h[16];
    memcpy(h, p, 32);
    for (int i = 0; i < 16; i++) v[i] = (float)h[i];
#else
    for (int i = 0; i < 16; i++) {
        uint16_t h;
        memcpy(&h, p + 2 * i, 2);
        v[i] = half_to_float(h);
    }
#endif
    return v;
}
TK_INLINE lanes l_load_bfloats(const uint8_t *p) {
    ilanes v;
    for (int i = 0; i < 16; i++) v[i] = (int32_t)((uint32_t)p[2 * i] << 16 | (uint32_t)p[2 * i + 1] << 24);
    return (lanes)v;
}
TK_INLINE ilanes i_load_bytes(const uint8_t *p) {
    ilanes v;
    for (int i = 0; i < 16; i++) v[i] = p[i];
    return v;
}
TK_INLINE ilanes i_load_signed_bytes(const uint8_t *p) {
    ilanes v;
    for (int i = 0; i < 16; i++) v[i] = (int8_t)p[i];
    return v;
}

// To the nearest half, ties to even.
TK_INLINE void l_store_halves(uint8_t *p, lanes v) {
#if defined(__aarch64__)
    __fp16 h[16];
    for (int i = 0; i < 16; i++) h[i] = (__fp16)v[i];
    memcpy(p, h, 32);
#else
    for (int i = 0; i < 16; i++) {
        const uint16_t h = float_to_half(v[i]);
        memcpy(p + 2 * i, &h, 2);
    }
#endif
}
// Integer dot products. w_load takes 64 bytes of weights, in each lane four consecutive columns of one row. What
// w_signed, w_unsigned (bytes below 128) and the nibbles make of them, i_dot multiplies by the 16-bit activations of
// those columns, which x_split has laid out in two dwords per four columns; in a panel they lie `next` apart. Each
// level has its own form of weights (wlanes), sums (dots) and split; the integer that i_dots_end gives is the same.
// w_centred takes n from every weight, which must leave it in -128...127.
//
// i_dot in steps: w_steps writes the TK_STEPS / 8 vectors that a level makes of the weights of four columns, and
// i_dot_step multiplies one of them. Step s of a block's TK_STEPS begins with dword 16 / TK_STEPS * s of activations.
TK_INLINE ilanes w_load(const uint8_t *p) { ilanes v; memcpy(&v, p, 64); return v; }
TK_INLINE ilanes w_splat(int8_t n) { return i_set((int32_t)(0x01010101u * (uint8_t)n)); }
// n less in every byte.
TK_INLINE ilanes w_minus(ilanes w, int8_t n) { return (ilanes)((blanes)w - (blanes)w_splat(n)); }
// What the table of 16 holds for every byte, which must be below 16.
TK_INLINE ilanes w_table(ilanes w, const int8_t *table) {
#if defined(__aarch64__)
    const int8x16_t t = vld1q_s8(table);
    uint8x16_t v[4];
    int8x16_t r[4];
    memcpy(v, &w, 64);
    for (int i = 0; i < 4; i++) r[i] = vqtbl1q_s8(t, v[i]);
    memcpy(&w, r, 64);
#else
    uint8_t v[64];
    memcpy(v, &w, 64);
    for (int i = 0; i < 64; i++) v[i] = (uint8_t)table[v[i]];
    memcpy(&w, v, 64);
#endif
    return w;
}
#if defined(TK_DOT_PRODUCTS)
// arm64 multiplies bytes, four lanes at a time: x = 256 * high + low, both signed, and a sum for each.
typedef ilanes wlanes;
typedef struct { ilanes high, low; } dots;
TK_INLINE wlanes w_low_nibbles(ilanes w) { return w & i_set(0x0F0F0F0F); }
TK_INLINE wlanes w_high_nibbles(ilanes w) { return (w >> 4) & i_set(0x0F0F0F0F); }
TK_INLINE wlanes w_signed(ilanes w) { return w; }
TK_INLINE wlanes w_unsigned(ilanes w) { return w; }
TK_INLINE wlanes w_centred(wlanes w, int8_t n) { return w_minus(w, n); }
TK_INLINE void x_split(int32_t *p, ilanes v) {
    for (int k = 0; k < 4; k++) {
        int8_t high[4], low[4];
        for (int i = 0; i < 4; i++) {
            low[i] = (int8_t)v[4 * k + i];
            high[i] = (int8_t)((v[4 * k + i] - low[i]) >> 8);
        }
        memcpy(p + 2 * k, high, 4);
        memcpy(p + 2 * k + 1, low, 4);
    }
}
TK_INLINE dots i_dots_zero(void) { return (dots){i_zero(), i_zero()}; }
TK_INLINE ilanes i_dot_bytes(ilanes sum, wlanes w, int32_t x) {
    const int8x16_t b = vreinterpretq_s8_s32(vdupq_n_s32(x));
    int32x4_t s[4];
    int8x16_t v[4];
    memcpy(s, &sum, 64);
    memcpy(v, &w, 64);
    for (int i = 0; i < 4; i++) s[i] = vdotq_s32(s[i], v[i], b);
    memcpy(&sum, s, 64);
    return sum;
}
TK_INLINE dots i_dot(dots sum, wlanes w, const int32_t *x, int next) {
    return (dots){i_dot_bytes(sum.high, w, x[0]), i_dot_bytes(sum.low, w, x[next])};
}
TK_INLINE ilanes i_dots_end(dots sum) { return (sum.high << 8) + sum.low; }
enum { TK_STEPS = 8 };
TK_INLINE void w_steps(ilanes *to, wlanes w) { to[0] = w; }
TK_INLINE dots i_dot_step(dots sum, ilanes w, const int32_t *x, int next) { return i_dot(sum, w, x, next); }
#else
// 16-bit pairs: columns 0 and 2, columns 1 and 3.
typedef struct { ilanes even, odd; } wlanes;
typedef ilanes dots;
TK_INLINE wlanes w_low_nibbles(ilanes w) { return (wlanes){w & i_set(0x000F000F), (w >> 8) & i_set(0x000F000F)}; }
TK_INLINE wlanes w_high_nibbles(ilanes w) {
    return (wlanes){(w >> 4) & i_set(0x000F000F), (w >> 12) & i_set(0x000F000F)};
}
TK_INLINE wlanes w_signed(ilanes w) {
    const ilanes lower = i_set(0xFFFF);
    return (wlanes){
        (((w << 24) >> 24) & lower) | (((w << 8) >> 24) << 16), (((w << 16) >> 24) & lower) | ((w >> 24) << 16)};
}
TK_INLINE wlanes w_unsigned(ilanes w) { return (wlanes){w & i_set(0x00FF00FF), (w >> 8) & i_set(0x00FF00FF)}; }
TK_INLINE ilanes w_minus_16(ilanes w, int16_t n) {
    typedef int16_t hlanes __attribute__((vector_size(64), aligned(4)));
    return (ilanes)((hlanes)w - (hlanes)i_set((int32_t)(0x00010001u * (uint16_t)n)));
}
TK_INLINE wlanes w_centred(wlanes w, int8_t n) { return (wlanes){w_minus_16(w.even, n), w_minus_16(w.odd, n)}; }
TK_INLINE void x_split(int32_t *p, ilanes v) {
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 2; i++) {
            const int16_t pair[2] = {(int16_t)v[4 * k + i], (int16_t)v[4 * k + i + 2]};
            memcpy(p + 2 * k + i, pair, 4);
        }
}
TK_INLINE dots i_dots_zero(void) { return i_zero(); }
TK_INLINE ilanes i_dot_pairs(ilanes sum, ilanes w, int32_t x) {
    int16_t b[2];
    memcpy(b, &x, 4);
    sum += ((w << 16) >> 16) * i_set(b[0]);
    return sum + (w >> 16) * i_set(b[1]);
}
TK_INLINE dots i_dot(dots sum, wlanes w, const int32_t *x, int next) {
    return i_dot_pairs(i_dot_pairs(sum, w.even, x[0]), w.odd, x[next]);
}
TK_INLINE ilanes i_dots_end(dots sum) { return sum; }
enum { TK_STEPS = 16 };
TK_INLINE void w_steps(ilanes *to, wlanes w) {
    to[0] = w.even;
    to[1] = w.odd;
}
TK_INLINE dots i_dot_step(dots sum, ilanes w, const int32_t *x, int next) {
    (void)next;
    return i_dot_pairs(sum, w, x[0]);
}
#endif
