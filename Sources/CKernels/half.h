// Half precision to single, exactly, without instructions for it.
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
