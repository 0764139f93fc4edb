// Sixteen lanes in two AVX2 registers. The vocabulary is explained in lanes_portable.h.
#pragma once
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define TK_INLINE static inline __attribute__((always_inline))

typedef struct { __m256 low, high; } lanes;
typedef struct { __m256i low, high; } ilanes;
typedef ilanes wlanes;

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
TK_INLINE void i_store_bytes(int8_t *p, ilanes v) {
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(v.low, v.high), 0xD8);
    __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128((__m128i *)p, bytes);
}
TK_INLINE lanes l_load_halves(const uint8_t *p) {
    return (lanes){
        _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
        _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 16))),
    };
}

TK_INLINE wlanes w_load(const uint8_t *p) {
    return (wlanes){_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32))};
}
TK_INLINE wlanes w_low_nibbles(wlanes w) {
    const __m256i mask = _mm256_set1_epi8(15);
    return (wlanes){_mm256_and_si256(w.low, mask), _mm256_and_si256(w.high, mask)};
}
TK_INLINE wlanes w_high_nibbles(wlanes w) {
    const __m256i mask = _mm256_set1_epi8(15);
    return (wlanes){
        _mm256_and_si256(_mm256_srli_epi16(w.low, 4), mask), _mm256_and_si256(_mm256_srli_epi16(w.high, 4), mask)};
}
TK_INLINE wlanes w_signed(wlanes w) { return w; }
// A whole block of nibbles is summed in 16 bits: 16 products of at most 15 * 127 stay below 2^15.
TK_INLINE ilanes i_dot_nibbles(ilanes sum, wlanes w, const int32_t *x) {
    const __m256i b = _mm256_set1_epi32(*x);
    return (ilanes){
        _mm256_add_epi16(sum.low, _mm256_maddubs_epi16(w.low, b)),
        _mm256_add_epi16(sum.high, _mm256_maddubs_epi16(w.high, b)),
    };
}
TK_INLINE ilanes i_dot_nibbles_end(ilanes sum) {
    const __m256i one = _mm256_set1_epi16(1);
    return (ilanes){_mm256_madd_epi16(sum.low, one), _mm256_madd_epi16(sum.high, one)};
}
// |w| times x with the sign of w. Pairs stay below 2^15 because activations are never -128.
TK_INLINE __m256i i_signed_pairs(__m256i w, __m256i x) {
    return _mm256_madd_epi16(
        _mm256_maddubs_epi16(_mm256_sign_epi8(w, w), _mm256_sign_epi8(x, w)), _mm256_set1_epi16(1));
}
TK_INLINE ilanes i_dot_signed(ilanes sum, wlanes w, const int32_t *x) {
    const __m256i b = _mm256_set1_epi32(*x);
    return (ilanes){
        _mm256_add_epi32(sum.low, i_signed_pairs(w.low, b)), _mm256_add_epi32(sum.high, i_signed_pairs(w.high, b))};
}
TK_INLINE ilanes i_dot_signed_end(ilanes sum, int32_t correction) {
    (void)correction;
    return sum;
}
