// Tile registers as Intel's AMX has them (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, "Intel
// AMX", and LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TDPBSSD in volume 2), palette 1: eight registers of up to 16 rows
// of up to 64 bytes.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TK_TILES = 8, TK_TILE_ROWS = 16, TK_TILE_ROW_BYTES = 64 };

// What LDTILECFG reads.
typedef struct {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tk_tile_config;

// The same in plain C, for tests: in debug builds only. Each thread has its own registers. Where the processor would
// raise an exception, false is returned and nothing is done.
bool tk_emulated_configure(const tk_tile_config *config);
void tk_emulated_release(void);
bool tk_emulated_load(int tile, const void *base, size_t stride);
bool tk_emulated_store(int tile, void *base, size_t stride);
bool tk_emulated_zero(int tile);
// sum += a * b, where a's rows hold signed bytes, and b's fours of them from one column.
bool tk_emulated_dot(int sum, int a, int b);
// All of the register, what lies outside its shape too.
void tk_emulated_bytes(int tile, uint8_t *bytes);
// From now on the calling thread's dot products err by one in their last sum, or no longer do.
void tk_emulated_spoil(bool spoiled);
