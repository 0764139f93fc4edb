// Rotary position embeddings: which dimensions of a head are rotated in pairs, and how fast each pair turns.
#pragma once
#include <stdint.h>

enum { TK_PAIRS_ADJACENT = 0, TK_PAIRS_HALVES = 1 };

enum {
    TK_SCALING_NONE = 0,
    TK_SCALING_LINEAR = 1,  // positions divided by the factor
    TK_SCALING_NTK = 2,     // base * factor^(d / (d - 2))
    TK_SCALING_YARN = 3,    // Peng et al., YaRN: per pair between divided and not, by its turns in the old context
    TK_SCALING_LLAMA3 = 4,  // divided where wavelengths exceed the old context, blended between two wavelengths
};

typedef struct {
    int32_t dimension;         // of each head, rotated: the first ones; even
    int32_t pairs;             // (2i, 2i + 1) or (i, i + dimension / 2)
    float base;
    int32_t scaling;
    float factor;
    float original_context;    // YaRN and Llama 3: positions that the unscaled rotation was trained for
    float low, high;           // YaRN: beta slow and fast; Llama 3: low and high frequency factor
    float magnitude;           // of the rotated values: 1, or the attention factor of YaRN and LongRoPE
    const float *divisors;     // dimension / 2 numbers that frequencies are divided by; NULL: none
} tk_rotary;

// 0.1 * ln(factor) + 1, YaRN's magnitude.
float tk_yarn_magnitude(float factor);
// sqrt(1 + ln(factor) / ln(original context)), LongRoPE's magnitude.
float tk_longrope_magnitude(float factor, float original_context);

// Cosines and sines are made of additions, multiplications, divisions and square roots alone: the system's mathematics
// library may differ in the last bit from one machine to the next.

// The angle per position of each of the dimension / 2 pairs. base must be positive and finite.
void tk_rotation_frequencies(const tk_rotary *rotary, double *frequencies);
// magnitude times cosine and sine of position * frequency for each frequency.
void tk_rotation(
    int32_t position, const double *frequencies, int32_t count, double magnitude, float *cosines, float *sines);
