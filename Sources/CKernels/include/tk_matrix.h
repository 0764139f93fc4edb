// Weight matrices in the interleaved layout that all kernels share, and their products with activations.
//
// A matrix of R rows and K columns is kept as groups of 16 rows (the last one filled up with zero rows). Within a
// group:
//
//   Q8_0        per 32 columns 544 bytes: 8 x 64 bytes (byte 4r+i of vector j is row r, column 4j+i), then 16 half
//               scales
//   Q4_0        per 32 columns 288 bytes: 16 half scales, then 4 x 64 bytes; the low nibbles hold columns 0-15 of the
//               block in the same order, the high nibbles columns 16-31
//   Q4_1        per 32 columns 320 bytes: 16 half scales, 16 half minima, then 4 x 64 bytes as for Q4_0
//   F16, F32    per column 16 values, one of each row
//
// So a vector lane is a row, nothing is ever summed across lanes, and the order in which a row is summed is the same
// for one column of activations as for a hundred:
//
//   quantised   acc = 0; for each block b: acc = fma(scale[b] * d[b], float(integer dot of b), acc);
//               for Q4_1 then acc = fma(minimum[b], s[b], acc)
//   float       acc = 0; for each column k: acc = fma(w[k], x[k], acc)
//
// where activations were quantised per 32 to 16-bit integers q, the nearest to x * (32512 / greatest magnitude), with
// scale d = greatest magnitude / 32512 and s = d * sum of q. Eight bits would be cheaper by a little, and would turn an
// answer wherever the two best tokens are close: their error is 256 times as large. 32512 is 127 * 256, so that
// q = 256 * h + l with h in -127...127 and l in -128...127: a processor that multiplies only bytes takes two dot
// products and gets the same integer. No block's dot exceeds 32 * 128 * 32512, which is below 2^27.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tk_instructions.h"

// Numbered as in GGUF v3.
enum { TK_F32 = 0, TK_F16 = 1, TK_Q4_0 = 2, TK_Q4_1 = 3, TK_Q8_0 = 8 };

enum { TK_GROUP_ROWS = 16, TK_BLOCK_COLUMNS = 32 };

typedef struct {
    int32_t type;
    int32_t rows;     // as in the file
    int32_t columns;  // a multiple of 32
    int32_t groups;   // of 16 rows, the last one filled up
    const uint8_t *data;
} tk_matrix;

// Bytes of one group of 16 rows; 0 for an unknown type.
size_t tk_group_bytes(int32_t type, int32_t columns);
// Interleaves GGUF rows into `destination`, which has room for all groups.
void tk_repack(int32_t type, const void *source, int32_t rows, int32_t columns, uint8_t *destination);
// One of the rows of a matrix as it lies in a GGUF file, as floats, for the embedding. `row` must be one of the matrix's.
void tk_encoded_row(int32_t type, const void *rows, int32_t columns, int32_t row, float *out);

// y[c * ldy + r] = row r of the matrix times column c of x (c * ldx ...), on the calling thread. `ldy` must hold all
// groups' rows. Allocates; the engine itself goes through tk_layers_run. Returns false when memory ran out.
bool tk_multiply(tk_isa isa, const tk_matrix *matrix, const float *x, int32_t count, size_t ldx, float *y, size_t ldy);
