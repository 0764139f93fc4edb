// Memory for weights and caches.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Zeroed memory on a border of at least 64 bytes, in huge pages where whole ones fit. NULL when memory ran out.
void *tk_memory_allocate(size_t bytes);
// With the same count of bytes as when it was allocated.
void tk_memory_free(void *memory, size_t bytes);

// Whether none of so many single-precision values is infinite or not a number.
bool tk_all_finite(const void *values, size_t count);
