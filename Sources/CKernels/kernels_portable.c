// The kernels in plain C, for processors without any of the others.
#include <math.h>
#include <string.h>

#include "kernels.h"
#pragma STDC FP_CONTRACT OFF
#define TK_TILE_COLUMNS 4
#define TK_FEW_COLUMNS 1
#define TK_UNPACKED_COLUMNS 4
#define TK_UNPACKED_GROUPS 1
// Sixteen lanes are loops enough.
#define TK_UNROLL
#include "lanes_portable.h"

#include "convolution_body.h"

const tk_kernels tk_kernels_portable = {
    TK_TILE_COLUMNS, multiply, fill, activate, normalise, cap, rotate, attend, gather, store, convolve, route,
    sigmoid};
