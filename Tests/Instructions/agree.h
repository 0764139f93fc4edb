// Results of the kernels, held against each other bit for bit.
//
// A case is computed by the portable kernels first; what they give is expected of all others, and of every way to come
// by it (columns together or alone, one thread or three). It also goes into a digest, so that machines of different
// kinds can be held against each other: the same seed must give the same digest everywhere.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CKernels.h"

// SplitMix64: the same numbers on every machine.
typedef struct {
    uint64_t state;
} chance;
uint64_t draw(chance *c);
int32_t below(chance *c, int32_t bound);
float between(chance *c, float low, float high);
// Any bits that are a finite number.
float any_finite(chance *c);

// Memory that is given back when its group of cases ends; zeroed, on a border of 64 bytes.
void *room(size_t bytes);
float *random_floats(chance *c, size_t count, float low, float high);

// Rows in GGUF's encoding. `scale` bounds the magnitude of the weights; with 0 all bits are random, but for scales and
// floats that are not finite.
uint8_t *random_rows(chance *c, int32_t type, int32_t rows, int32_t columns, float scale);
// All codes and scales of super-blocks of one row become this byte; halves stay.
void flatten_row(int32_t type, uint8_t *rows, int32_t columns, int32_t row, uint8_t byte);
// All halves of one row of a quantised type; of MXFP4 the exponents, from the half's upper bits.
void set_halves(int32_t type, uint8_t *rows, int32_t columns, int32_t row, uint16_t half);
tk_matrix interleaved(int32_t type, const uint8_t *rows, int32_t count, int32_t columns);
tk_matrix random_matrix(chance *c, int32_t type, int32_t rows, int32_t columns, float scale);

typedef struct {
    int32_t type;
    const char *name;
} weight_type;
enum { WEIGHT_TYPES = 15 };
extern const weight_type weight_types[WEIGHT_TYPES];
// Columns of a block.
int32_t block_columns(int32_t type);

// Of floats, every NaN is taken for the same: which bits one has, processors decide. Where none may come out, one is a
// difference. Of words all bits count.
typedef enum { FLOATS, FINITE_FLOATS, WORDS } result_kind;
// Writes a case's results, four bytes each; all of them, whatever the way.
typedef void (*computation)(tk_isa isa, int32_t way, const void *context, void *results);
// Computes a case with every instruction set and in every way. The name is as printf has it.
void hold(
    computation compute, const void *context, int32_t ways, result_kind kind, size_t count, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

// The groups of cases.
void products(chance *c);
void elements(chance *c);
void rotations(chance *c);
void attentions(chance *c);
void convolutions(chance *c);
void encodings(chance *c);
void models(chance *c);
