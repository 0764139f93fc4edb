// kernels_amx.c with tiles in plain C, for tests.
#if defined(__x86_64__) && defined(TK_EMULATED_TILES)
#include <immintrin.h>

#include "kernels.h"

#pragma clang attribute push(                                                                  \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), \
    apply_to = function)
#pragma STDC FP_CONTRACT OFF
#define TK_TILES_IN_C
#include "lanes_avx512.h"
#define TK_BASE tk_kernels_avx512
#define TK_TILED tk_kernels_tiles_avx512
#include "tiled_body.h"
#pragma clang attribute pop
#endif
