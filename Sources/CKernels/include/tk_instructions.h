// Which instruction sets the kernels exist for, and which of them this machine runs.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Every level computes the same bits; levels differ in speed only.
typedef enum {
    TK_ISA_PORTABLE = 0,
    TK_ISA_AVX2 = 1,
    TK_ISA_AVX512 = 2,
    TK_ISA_NEON = 3,  // arm64 with the dot product instructions of ARMv8.2
} tk_isa;

// Whether the processor has the instructions and the operating system saves the registers of that level.
bool tk_isa_available(tk_isa isa);
// The fastest available level.
tk_isa tk_isa_best(void);
