// Sizes of the weight formats, and their blocks as they lie in a GGUF file taken apart into codes and scales.
//
// How the codes' bits are strewn over the file's bytes is known to format.c alone: interleaving (repack.c) and single
// rows as floats (encoded_row.c) begin with the codes. What they stand for is told in tk_matrix.h.
#pragma once
#include <stdint.h>

#include "tk_matrix.h"

typedef struct {
    int32_t columns;  // of a block; 0 for an unknown type
    int32_t bytes;    // that a row's block takes, in GGUF as in the interleaved layout
} tk_format;

static inline tk_format tk_format_of(int32_t type) {
    switch (type) {
    case TK_F32: return (tk_format){32, 128};
    case TK_F16: return (tk_format){32, 64};
    case TK_BF16: return (tk_format){32, 64};
    case TK_Q4_0: return (tk_format){32, 18};
    case TK_Q4_1: return (tk_format){32, 20};
    case TK_Q5_0: return (tk_format){32, 22};
    case TK_Q5_1: return (tk_format){32, 24};
    case TK_Q8_0: return (tk_format){32, 34};
    case TK_IQ4_NL: return (tk_format){32, 18};
    case TK_MXFP4: return (tk_format){32, 17};
    case TK_Q2_K: return (tk_format){256, 84};
    case TK_Q3_K: return (tk_format){256, 110};
    case TK_Q4_K: return (tk_format){256, 144};
    case TK_Q5_K: return (tk_format){256, 176};
    case TK_Q6_K: return (tk_format){256, 210};
    default: return (tk_format){0, 0};
    }
}

// One row's block: the codes in the order of the columns, and everything else as the file has it.
typedef struct {
    uint8_t codes[256];
    uint8_t scale[2];    // a half; MXFP4: one byte, an exponent
    uint8_t minimum[2];  // a half
    // Of each run in a super-block. Q3_K's are lifted by 32, Q6_K's are signed.
    uint8_t run_scales[16];
    uint8_t run_minima[16];
} tk_block;

// Of a quantised type.
void tk_block_read(int32_t type, const uint8_t *encoded, tk_block *block);

// What a code of these two formats stands for.
extern const int8_t tk_table_iq4_nl[16];
extern const int8_t tk_table_mxfp4[16];  // twice the E2M1 value; the scale is half of the exponent's
