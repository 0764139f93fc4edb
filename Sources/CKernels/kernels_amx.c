// The kernels for AVX-512 with VNNI and AMX with bytes.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels.h"

#pragma clang attribute push(                                                                                     \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c,amx-tile,amx-int8"))), \
    apply_to = function)
#pragma STDC FP_CONTRACT OFF
#include "lanes_avx512.h"
#define TK_BASE tk_kernels_avx512
#define TK_TILED tk_kernels_amx
#include "tiled_body.h"
#pragma clang attribute pop
#endif
