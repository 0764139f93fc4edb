// Cosines and sines for rotary position embeddings, from additions and multiplications alone: the system's mathematics
// library may differ in the last bit from one machine to the next.
#pragma once
#include <stdint.h>

// frequencies[i] = base^(-2i / dimension), dimension / 2 of them. base must be positive and finite.
void tk_rotation_frequencies(float base, int32_t dimension, double *frequencies);
// Cosine and sine of position * frequency for each frequency.
void tk_rotation(int32_t position, const double *frequencies, int32_t count, float *cosines, float *sines);
