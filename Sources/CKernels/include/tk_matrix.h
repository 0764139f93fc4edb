// Weight matrices in the interleaved layout that all kernels share, and their products with activations.
//
// A matrix of R rows and K columns is kept as groups of 16 rows (the last one filled up with zero rows), a group as
// blocks of 32 columns, or of 256 for the types that end in _K. A block takes 16 times the bytes that a row's takes in
// GGUF, whose bits it holds in another order: codes are cut into planes, of which each vector of 64 bytes has four
// columns of each row, row r in bytes 4r...4r+3.
//
//   bytes     8 vectors          byte i of vector k: column 4k+i
//   nibbles   4 vectors          byte i of vector k: column 4k+i low, column 16+4k+i high
//   pairs     2 vectors          byte i of vector v, bits 2f and 2f+1: column 16v+4f+i
//   bits      1 vector           byte i, bit k: column 4k+i
//
//   Q8_0                  bytes, 16 half scales
//   Q4_0, IQ4_NL          16 half scales, nibbles
//   Q4_1                  16 half scales, 16 half minima, nibbles
//   Q5_0                  16 half scales, nibbles, bits (the fifth)
//   Q5_1                  16 half scales, 16 half minima, nibbles, bits
//   MXFP4                 16 exponents of one byte, nibbles
//   Q2_K                  16 halves d, 16 halves m, 16 x 16 bytes (scale low, minimum high); then 8 x: pairs
//   Q3_K                  16 halves d, sixes; then 8 x: pairs, bits (the third)
//   Q4_K                  16 halves d, 16 halves m, sixes; then 8 x: nibbles
//   Q5_K                  16 halves d, 16 halves m, sixes; then 8 x: nibbles, bits
//   Q6_K                  16 halves d, 16 x 16 signed bytes; then 8 x: nibbles, pairs (the upper two)
//   F16, BF16, F32        per column 16 values, one of each row
//
// Sixes are sixteen numbers of six bits for each row, in three vectors: number 5v+f in bits 6f...6f+5 of vector v, the
// last one in the bits that these leave, two a vector. Q3_K has sixteen scales; Q4_K and Q5_K eight, then eight minima.
//
// So a vector lane is a row, nothing is ever summed across lanes, and the order in which a row is summed is the same
// for one column of activations as for a hundred. A weight is scale * w (+ minimum), where w is an integer and all
// columns of a run have one scale and one minimum; a run is 16 columns for Q2_K, Q3_K and Q6_K, 32 for all others:
//
//   quantised   acc = 0; for each run r, in block b:
//                   acc = fma(scale[r] * d[b], float(sum of w * q), acc)
//                   for types with minima then acc = fma(minimum[r], s[r], acc)
//   float       acc = 0; for each column k: acc = fma(w[k], x[k], acc)
//
// where activations were quantised per 32 to 16-bit integers q, the nearest to x * (32512 / greatest magnitude), with
// scale d = greatest magnitude / 32512. s is d * sum of the block's q; for a run of 16 that is a block's first half,
// d * sum of its own q; for the second half, the difference of these two.
//
// scale and minimum are single precision, and exact: the file's halves (MXFP4: 2^(exponent - 128), as the values of its
// table are doubled), in super-blocks d * own scale and m * -(own minimum), a half times an integer of eight bits. w is
//
//   Q8_0 byte   Q4_0 code - 8   Q5_0 code - 16   Q3_K code - 4   Q6_K code - 32   IQ4_NL, MXFP4 table[code]   else code
//
// and never beyond -128...127. Eight bits for activations would be cheaper by a little, and would turn an answer
// wherever the two best tokens are close: their error is 256 times as large. 32512 is 127 * 256, so that
// q = 256 * h + l with h in -127...127 and l in -128...127: a processor that multiplies only bytes takes two dot
// products and gets the same integer. No block's dot exceeds 32 * 128 * 32512, which is below 2^27.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tk_instructions.h"

// Numbered as in GGUF v3.
enum {
    TK_F32 = 0,
    TK_F16 = 1,
    TK_Q4_0 = 2,
    TK_Q4_1 = 3,
    TK_Q5_0 = 6,
    TK_Q5_1 = 7,
    TK_Q8_0 = 8,
    TK_Q2_K = 10,
    TK_Q3_K = 11,
    TK_Q4_K = 12,
    TK_Q5_K = 13,
    TK_Q6_K = 14,
    TK_IQ4_NL = 20,
    TK_BF16 = 30,
    TK_MXFP4 = 39,
};

enum { TK_GROUP_ROWS = 16, TK_BLOCK_COLUMNS = 32 };

typedef struct {
    int32_t type;
    int32_t rows;     // as in the file
    int32_t columns;  // a multiple of 32
    int32_t groups;   // of 16 rows, the last one filled up
    const uint8_t *data;
} tk_matrix;

// Rows first_row...first_row+rows-1 of a matrix as one of its own, such as an expert's of many. first_row is a multiple
// of 16.
tk_matrix tk_matrix_part(const tk_matrix *matrix, int32_t first_row, int32_t rows);

// Bytes of one group of 16 rows, 16 times what a row takes in GGUF; 0 for an unknown type, and where a row does not
// consist of whole blocks.
size_t tk_group_bytes(int32_t type, int32_t columns);
// Interleaves GGUF rows into `destination`, which has room for all groups.
void tk_repack(int32_t type, const void *source, int32_t rows, int32_t columns, uint8_t *destination);
// One of the rows of a matrix as it lies in a GGUF file, as floats, for the embedding. `row` must be one of the
// matrix's.
void tk_encoded_row(int32_t type, const void *rows, int32_t columns, int32_t row, float *out);

// y[c * ldy + r] = row r of the matrix times column c of x (c * ldx ...), on the calling thread. `ldy` must hold all
// groups' rows. Allocates; the engine itself goes through tk_layers_run. Returns false when memory ran out.
bool tk_multiply(tk_isa isa, const tk_matrix *matrix, const float *x, int32_t count, size_t ldx, float *y, size_t ldy);
