// The kernels for AVX2 with FMA and F16C.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#pragma STDC FP_CONTRACT OFF
#define TK_TILE_COLUMNS 4
#include "lanes_avx2.h"

#include "attention_body.h"

const tk_kernels tk_kernels_avx2 = {TK_TILE_COLUMNS, multiply, fill, activate, rotate, attend};
#pragma clang attribute pop
#endif
