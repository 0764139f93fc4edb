// Half precision and bfloat16 to single, exactly, and single to half, to the nearest, ties to even, without instructions
// for it.
#pragma once
#include <stdint.h>
#include <string.h>

static inline float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 1023, bits;
    if (exponent == 0) {
        float f = (float)fraction * (1.0f / 16777216.0f);
        return sign ? -f : f;
    }
    if (exponent == 31) bits = sign | 0x7F800000u | (fraction << 13) | (fraction ? 0x400000u : 0);
    else bits = sign | ((exponent + 112) << 23) | (fraction << 13);
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static inline uint16_t float_to_half(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7FFFFFFF;
    if (bits > 0x7F800000) return (uint16_t)(sign | 0x7E00 | (bits >> 13 & 0x3FF));
    if (bits >= 0x477FF000) return sign | 0x7C00;  // 65520 and more
    if (bits < 0x38800000) {                       // below 2^-14: multiples of 2^-24
        float magnitude;
        memcpy(&magnitude, &bits, 4);
        // In this binade a unit in the last place is 2^-24, so that the addition rounds.
        magnitude += 0.5f;
        memcpy(&bits, &magnitude, 4);
        return (uint16_t)(sign | (bits - 0x3F000000));
    }
    bits += 0xFFF + (bits >> 13 & 1);
    return (uint16_t)(sign | ((bits - 0x38000000) >> 13));
}

static inline float half_at(const uint8_t *p) {
    uint16_t h;
    memcpy(&h, p, 2);
    return half_to_float(h);
}

static inline float bfloat_to_float(uint16_t h) {
    const uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
