// The kernels for AVX2 with FMA and F16C.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#pragma STDC FP_CONTRACT OFF
#define TK_TILE_COLUMNS 4
#define TK_FEW_COLUMNS 1
#define TK_UNPACKED_COLUMNS 4
#define TK_UNPACKED_GROUPS 1
#include "lanes_avx2.h"

#include "convolution_body.h"

const tk_kernels tk_kernels_avx2 = {
    TK_TILE_COLUMNS, multiply, fill, activate, normalise, cap, rotate, attend, gather, store, convolve, route,
    sigmoid};
#pragma clang attribute pop
#endif
