// The arithmetic of the block engine: one arithmetic, the same bits on every instruction set, for any number of threads
// and of positions computed together. What each header promises stands at its head.
#pragma once
#include "tk_bandwidth.h"
#include "tk_cache.h"
#include "tk_forward.h"
#include "tk_instructions.h"
#include "tk_matrix.h"
#include "tk_memory.h"
#include "tk_pool.h"
#include "tk_rotary.h"
#include "tk_tiles.h"
