// kernels_amx.c with tiles and lanes in plain C, for tests on processors without AVX-512.
#if defined(TK_EMULATED_TILES)
#include "kernels.h"
#pragma STDC FP_CONTRACT OFF
#define TK_TILES_IN_C
// Sixteen lanes are loops enough.
#define TK_UNROLL
#include "lanes_portable.h"
#define TK_BASE tk_kernels_portable
#define TK_TILED tk_kernels_tiles_portable
#include "tiled_body.h"
#endif
