// Cosines and sines for rotary position embeddings, from additions, multiplications, divisions and square roots alone:
// the system's mathematics library may differ in the last bit from one machine to the next.
#pragma once
#include <stdint.h>

#include "tk_rotary.h"

// The angle per position of each of the dimension / 2 pairs. base must be positive and finite.
void tk_rotation_frequencies(const tk_rotary *rotary, double *frequencies);
// magnitude times cosine and sine of position * frequency for each frequency.
void tk_rotation(
    int32_t position, const double *frequencies, int32_t count, double magnitude, float *cosines, float *sines);
