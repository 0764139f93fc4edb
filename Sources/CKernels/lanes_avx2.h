// Sixteen lanes in two AVX2 registers. The vocabulary is explained in lanes_portable.h.
#pragma once
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define TK_INLINE static inline __attribute__((always_inline))

typedef struct { __m256 low, high; } lanes;
typedef struct { __m256i low, high; } ilanes;
// Weights of four columns of each lane's row as 16-bit pairs: columns 0 and 2, columns 1 and 3.
typedef struct { ilanes even, odd; } wlanes;
typedef ilanes dots;

#define TK_BOTH(type, operation) ((type){operation(a.low, b.low), operation(a.high, b.high)})

TK_INLINE lanes l_load(const float *p) { return (lanes){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
TK_INLINE void l_store(float *p, lanes v) {
    _mm256_storeu_ps(p, v.low);
    _mm256_storeu_ps(p + 8, v.high);
}
TK_INLINE lanes l_set(float x) { return (lanes){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
TK_INLINE lanes l_zero(void) { return (lanes){_mm256_setzero_ps(), _mm256_setzero_ps()}; }
TK_INLINE lanes l_add(lanes a, lanes b) { return TK_BOTH(lanes, _mm256_add_ps); }
TK_INLINE lanes l_sub(lanes a, lanes b) { return TK_BOTH(lanes, _mm256_sub_ps); }
TK_INLINE lanes l_mul(lanes a, lanes b) { return TK_BOTH(lanes, _mm256_mul_ps); }
TK_INLINE lanes l_div(lanes a, lanes b) { return TK_BOTH(lanes, _mm256_div_ps); }
TK_INLINE lanes l_fma(lanes a, lanes b, lanes c) {
    return (lanes){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
TK_INLINE ilanes i_set(int32_t x) { return (ilanes){_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
TK_INLINE ilanes i_zero(void) { return (ilanes){_mm256_setzero_si256(), _mm256_setzero_si256()}; }
TK_INLINE ilanes i_add(ilanes a, ilanes b) { return TK_BOTH(ilanes, _mm256_add_epi32); }
TK_INLINE ilanes i_sub(ilanes a, ilanes b) { return TK_BOTH(ilanes, _mm256_sub_epi32); }
TK_INLINE ilanes i_and(ilanes a, ilanes b) { return TK_BOTH(ilanes, _mm256_and_si256); }
TK_INLINE ilanes i_or(ilanes a, ilanes b) { return TK_BOTH(ilanes, _mm256_or_si256); }
TK_INLINE ilanes i_flip(ilanes a) {
    const ilanes b = {_mm256_set1_epi8(-128), _mm256_set1_epi8(-128)};
    return TK_BOTH(ilanes, _mm256_xor_si256);
}
TK_INLINE ilanes i_shift_left(ilanes a, int bits) {
    return (ilanes){_mm256_slli_epi32(a.low, bits), _mm256_slli_epi32(a.high, bits)};
}
TK_INLINE ilanes i_shift_right(ilanes a, int bits) {
    return (ilanes){_mm256_srli_epi32(a.low, bits), _mm256_srli_epi32(a.high, bits)};
}
TK_INLINE ilanes i_shift_left_23(ilanes a) {
    return (ilanes){_mm256_slli_epi32(a.low, 23), _mm256_slli_epi32(a.high, 23)};
}
TK_INLINE ilanes i_max(ilanes a, ilanes b) { return TK_BOTH(ilanes, _mm256_max_epi32); }
TK_INLINE ilanes l_bits(lanes a) { return (ilanes){_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)}; }
TK_INLINE lanes l_from_bits(ilanes a) { return (lanes){_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)}; }
TK_INLINE lanes l_from_integers(ilanes a) { return (lanes){_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
TK_INLINE lanes l_max(lanes a, lanes b) { return TK_BOTH(lanes, _mm256_max_ps); }
TK_INLINE lanes l_min(lanes a, lanes b) { return TK_BOTH(lanes, _mm256_min_ps); }
TK_INLINE lanes l_if_less(lanes test, lanes limit, lanes v, lanes other) {
    return (lanes){
        _mm256_blendv_ps(other.low, v.low, _mm256_cmp_ps(test.low, limit.low, _CMP_LT_OQ)),
        _mm256_blendv_ps(other.high, v.high, _mm256_cmp_ps(test.high, limit.high, _CMP_LT_OQ)),
    };
}
TK_INLINE lanes l_first(int32_t count, lanes v, lanes fill) {
    const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256 low = _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(count), index));
    __m256 high = _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(count - 8), index));
    return (lanes){_mm256_blendv_ps(fill.low, v.low, low), _mm256_blendv_ps(fill.high, v.high, high)};
}
TK_INLINE ilanes l_round(lanes a) { return (ilanes){_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high)}; }
TK_INLINE float l_sum(lanes v) {
    __m256 a = _mm256_add_ps(v.low, v.high);
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}
TK_INLINE float l_greatest(lanes v) {
    __m256 a = _mm256_max_ps(v.low, v.high);
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}
TK_INLINE int32_t i_sum(ilanes v) {
    __m256i a = _mm256_add_epi32(v.low, v.high);
    __m128i b = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    b = _mm_add_epi32(b, _mm_unpackhi_epi64(b, b));
    return _mm_cvtsi128_si32(_mm_add_epi32(b, _mm_shuffle_epi32(b, 1)));
}
TK_INLINE int32_t i_greatest(ilanes v) {
    __m256i a = _mm256_max_epi32(v.low, v.high);
    __m128i b = _mm_max_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    b = _mm_max_epi32(b, _mm_unpackhi_epi64(b, b));
    return _mm_cvtsi128_si32(_mm_max_epi32(b, _mm_shuffle_epi32(b, 1)));
}
TK_INLINE lanes l_load_halves(const uint8_t *p) {
    return (lanes){
        _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
        _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 16))),
    };
}
TK_INLINE void l_store_halves(uint8_t *p, lanes v) {
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    _mm_storeu_si128((__m128i *)(p + 16), _mm256_cvtps_ph(v.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
TK_INLINE __m256 l_from_upper_halves(const uint8_t *p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
TK_INLINE lanes l_load_bfloats(const uint8_t *p) {
    return (lanes){l_from_upper_halves(p), l_from_upper_halves(p + 16)};
}
TK_INLINE ilanes i_load_bytes(const uint8_t *p) {
    const __m128i b = _mm_loadu_si128((const __m128i *)p);
    return (ilanes){_mm256_cvtepu8_epi32(b), _mm256_cvtepu8_epi32(_mm_srli_si128(b, 8))};
}
TK_INLINE ilanes i_load_signed_bytes(const uint8_t *p) {
    const __m128i b = _mm_loadu_si128((const __m128i *)p);
    return (ilanes){_mm256_cvtepi8_epi32(b), _mm256_cvtepi8_epi32(_mm_srli_si128(b, 8))};
}

TK_INLINE ilanes w_load(const uint8_t *p) {
    return (ilanes){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32))};
}
TK_INLINE ilanes w_shifted(ilanes w, int bits) {
    return (ilanes){_mm256_srli_epi16(w.low, bits), _mm256_srli_epi16(w.high, bits)};
}
TK_INLINE wlanes w_low_nibbles(ilanes w) {
    const ilanes mask = {_mm256_set1_epi16(15), _mm256_set1_epi16(15)};
    return (wlanes){i_and(w, mask), i_and(w_shifted(w, 8), mask)};
}
TK_INLINE wlanes w_high_nibbles(ilanes w) {
    const ilanes mask = {_mm256_set1_epi16(15), _mm256_set1_epi16(15)};
    return (wlanes){i_and(w_shifted(w, 4), mask), w_shifted(w, 12)};
}
TK_INLINE wlanes w_signed(ilanes w) {
    return (wlanes){
        {_mm256_srai_epi16(_mm256_slli_epi16(w.low, 8), 8), _mm256_srai_epi16(_mm256_slli_epi16(w.high, 8), 8)},
        {_mm256_srai_epi16(w.low, 8), _mm256_srai_epi16(w.high, 8)},
    };
}
TK_INLINE wlanes w_unsigned(ilanes w) { return (wlanes){i_and(w, i_set(0x00FF00FF)), w_shifted(w, 8)}; }
TK_INLINE ilanes w_minus(ilanes a, int8_t n) {
    const ilanes b = {_mm256_set1_epi8(n), _mm256_set1_epi8(n)};
    return TK_BOTH(ilanes, _mm256_sub_epi8);
}
TK_INLINE ilanes w_minus_16(ilanes a, int16_t n) {
    const ilanes b = {_mm256_set1_epi16(n), _mm256_set1_epi16(n)};
    return TK_BOTH(ilanes, _mm256_sub_epi16);
}
TK_INLINE wlanes w_centred(wlanes w, int8_t n) { return (wlanes){w_minus_16(w.even, n), w_minus_16(w.odd, n)}; }
TK_INLINE ilanes w_table(ilanes w, const int8_t *table) {
    const __m256i t = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    return (ilanes){_mm256_shuffle_epi8(t, w.low), _mm256_shuffle_epi8(t, w.high)};
}
// Lane 4k takes up 4k+2 as its upper half, lane 4k+1 takes up 4k+3; then those lanes are moved together.
TK_INLINE __m128i x_pairs(__m256i v) {
    const __m256i upper = _mm256_slli_epi32(_mm256_shuffle_epi32(v, 0x4E), 16);
    const __m256i pairs = _mm256_or_si256(_mm256_and_si256(v, _mm256_set1_epi32(0xFFFF)), upper);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(pairs, 0x08));
}
TK_INLINE void x_split(int32_t *p, ilanes v) {
    _mm_storeu_si128((__m128i *)p, x_pairs(v.low));
    _mm_storeu_si128((__m128i *)(p + 4), x_pairs(v.high));
}
TK_INLINE dots i_dots_zero(void) { return i_zero(); }
TK_INLINE dots i_dot(dots sum, wlanes w, const int32_t *x, int next) {
    const __m256i even = _mm256_set1_epi32(x[0]), odd = _mm256_set1_epi32(x[next]);
    sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(w.even.low, even));
    sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(w.even.high, even));
    sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(w.odd.low, odd));
    sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(w.odd.high, odd));
    return sum;
}
TK_INLINE ilanes i_dots_end(dots sum) { return sum; }
enum { TK_STEPS = 16 };
TK_INLINE void w_steps(ilanes *to, wlanes w) {
    to[0] = w.even;
    to[1] = w.odd;
}
TK_INLINE dots i_dot_step(dots sum, ilanes w, const int32_t *x, int next) {
    (void)next;
    const __m256i v = _mm256_set1_epi32(x[0]);
    sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(w.low, v));
    sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(w.high, v));
    return sum;
}
