// How fast this machine's memory is read, the bound that decoding works against.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "tk_pool.h"

// Reads `bytes` (a multiple of 4096) once, every thread its own part as four distant streams side by side: the pattern in which
// the kernels read weights, and the fastest found on the machines at hand. The result depends on every byte, so that
// no read can be left out.
uint64_t tk_read_memory(tk_pool *pool, const void *memory, size_t bytes);
