// What is asked of kernels with tiles before they are used: that they give the bits that others give, and sooner.
#pragma once
#include "kernels.h"

// Whether both give the same bits for some products, of which whole tiles and ragged ones, runs of 16 and 32 columns,
// minima and the greatest integers are part. False when memory ran out.
bool tk_same_bits(const tk_kernels *one, const tk_kernels *other);
// Whether `one` takes less time than `other` for many columns, Q4_K and Q6_K together.
bool tk_is_faster(const tk_kernels *one, const tk_kernels *other);
