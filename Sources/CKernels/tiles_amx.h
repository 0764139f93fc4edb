// The instructions that tile_bytes.h is written in: AMX's own, or, with TK_TILES_IN_C, those of tiles_emulated.c. Tiles
// are named by literal numbers, as they are part of the instructions.
//
// These are the intrinsics that leave registers and configuration to us. With the others the compiler configures, and
// may move or drop what it takes for its own.
#pragma once
#include "tk_tiles.h"

#if defined(TK_TILES_IN_C)
#define TK_MUST(done) do { if (!(done)) __builtin_trap(); } while (0)
#define TK_TILES_CONFIGURE(config) TK_MUST(tk_emulated_configure(config))
#define TK_TILES_RELEASE() tk_emulated_release()
#define TK_TILE_LOAD(tile, base, stride) TK_MUST(tk_emulated_load(tile, base, stride))
#define TK_TILE_STORE(tile, base, stride) TK_MUST(tk_emulated_store(tile, base, stride))
#define TK_TILE_ZERO(tile) TK_MUST(tk_emulated_zero(tile))
#define TK_TILE_DOT(sum, a, b) TK_MUST(tk_emulated_dot(sum, a, b))
#else
#include <immintrin.h>
#define TK_TILES_CONFIGURE(config) _tile_loadconfig(config)
#define TK_TILES_RELEASE() _tile_release()
#define TK_TILE_LOAD(tile, base, stride) _tile_loadd(tile, base, stride)
#define TK_TILE_STORE(tile, base, stride) _tile_stored(tile, base, stride)
#define TK_TILE_ZERO(tile) _tile_zero(tile)
#define TK_TILE_DOT(sum, a, b) _tile_dpbssd(sum, a, b)
#endif
