// The kernels for arm64 with the dot product instructions of ARMv8.2.
#if defined(__aarch64__)
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#include "kernels.h"

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#pragma STDC FP_CONTRACT OFF
#define TK_TILE_COLUMNS 4
#define TK_FEW_COLUMNS 1
#define TK_UNPACKED_COLUMNS 2
#define TK_UNPACKED_GROUPS 1
#define TK_DOT_PRODUCTS
#include "lanes_portable.h"

#include "convolution_body.h"

const tk_kernels tk_kernels_neon = {
    TK_TILE_COLUMNS, multiply, fill, activate, normalise, cap, rotate, attend, gather, store, convolve, route,
    sigmoid};
#pragma clang attribute pop
#endif
