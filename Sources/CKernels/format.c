// GGUF's blocks taken apart. The layouts are those of ggml's block_q4_0 ... block_q6_K, block_iq4_nl and block_mxfp4.
#include "format.h"

#include <string.h>

const int8_t tk_table_iq4_nl[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
const int8_t tk_table_mxfp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// `count` low nibbles, then as many high ones.
static void nibbles(uint8_t *restrict codes, const uint8_t *restrict packed, int count) {
    for (int i = 0; i < count; i++) codes[i] = packed[i] & 15;
    for (int i = 0; i < count; i++) codes[count + i] = packed[i] >> 4;
}

// Adds the two formats' fifth bits, one for each of 32 columns in order.
static void fifth_bits(uint8_t *restrict codes, const uint8_t *restrict packed) {
    for (int i = 0; i < 32; i++) codes[i] |= (uint8_t)((packed[i / 8] >> i % 8 & 1) << 4);
}

// Twelve bytes of six-bit numbers: Q4_K's and Q5_K's scales and minima, eight of each.
static void scales_and_minima(tk_block *block, const uint8_t *p) {
    for (int j = 0; j < 4; j++) {
        block->run_scales[j] = p[j] & 63;
        block->run_minima[j] = p[j + 4] & 63;
        block->run_scales[j + 4] = (uint8_t)((p[j + 8] & 15) | p[j] >> 6 << 4);
        block->run_minima[j + 4] = (uint8_t)(p[j + 8] >> 4 | p[j + 4] >> 6 << 4);
    }
}

// Two bits for each of 256 columns: 128 of them take 32 bytes, 32 of them one place in each byte.
static void bit_pairs(uint8_t *restrict codes, const uint8_t *restrict packed) {
    for (int i = 0; i < 256; i += 32)
        for (int l = 0; l < 32; l++) codes[i + l] = packed[i / 128 * 32 + l] >> i % 128 / 32 * 2 & 3;
}

static void read_q2_k(const uint8_t *restrict p, tk_block *restrict block) {
    for (int j = 0; j < 16; j++) {
        block->run_scales[j] = p[j] & 15;
        block->run_minima[j] = p[j] >> 4;
    }
    bit_pairs(block->codes, p + 16);
    memcpy(block->scale, p + 80, 2);
    memcpy(block->minimum, p + 82, 2);
}

static void read_q3_k(const uint8_t *restrict p, tk_block *restrict block) {
    bit_pairs(block->codes, p + 32);
    for (int i = 0; i < 256; i += 32)
        for (int l = 0; l < 32; l++) block->codes[i + l] |= (uint8_t)((p[l] >> i / 32 & 1) << 2);
    for (int j = 0; j < 16; j++) {
        const int low = j < 8 ? p[96 + j] & 15 : p[96 + j - 8] >> 4;
        block->run_scales[j] = (uint8_t)(low | (p[104 + j % 4] >> j / 4 * 2 & 3) << 4);
    }
    memcpy(block->scale, p + 108, 2);
}

static void read_q4_k(const uint8_t *restrict p, tk_block *restrict block) {
    memcpy(block->scale, p, 2);
    memcpy(block->minimum, p + 2, 2);
    scales_and_minima(block, p + 4);
    for (int i = 0; i < 4; i++) nibbles(block->codes + 64 * i, p + 16 + 32 * i, 32);
}

static void read_q5_k(const uint8_t *restrict p, tk_block *restrict block) {
    memcpy(block->scale, p, 2);
    memcpy(block->minimum, p + 2, 2);
    scales_and_minima(block, p + 4);
    for (int i = 0; i < 4; i++) nibbles(block->codes + 64 * i, p + 48 + 32 * i, 32);
    for (int i = 0; i < 256; i += 32)
        for (int l = 0; l < 32; l++) block->codes[i + l] |= (uint8_t)((p[16 + l] >> i / 32 & 1) << 4);
}

static void read_q6_k(const uint8_t *restrict p, tk_block *restrict block) {
    for (int i = 0; i < 2; i++) nibbles(block->codes + 128 * i, p + 64 * i, 64);
    for (int i = 0; i < 256; i += 32)
        for (int l = 0; l < 32; l++)
            block->codes[i + l] |= (uint8_t)((p[128 + i / 128 * 32 + l] >> i % 128 / 32 * 2 & 3) << 4);
    memcpy(block->run_scales, p + 192, 16);
    memcpy(block->scale, p + 208, 2);
}

void tk_block_read(int32_t type, const uint8_t *p, tk_block *block) {
    switch (type) {
    case TK_Q8_0:
        memcpy(block->scale, p, 2);
        memcpy(block->codes, p + 2, 32);
        break;
    case TK_Q4_0:
    case TK_IQ4_NL:
        memcpy(block->scale, p, 2);
        nibbles(block->codes, p + 2, 16);
        break;
    case TK_Q4_1:
        memcpy(block->scale, p, 2);
        memcpy(block->minimum, p + 2, 2);
        nibbles(block->codes, p + 4, 16);
        break;
    case TK_Q5_0:
        memcpy(block->scale, p, 2);
        nibbles(block->codes, p + 6, 16);
        fifth_bits(block->codes, p + 2);
        break;
    case TK_Q5_1:
        memcpy(block->scale, p, 2);
        memcpy(block->minimum, p + 2, 2);
        nibbles(block->codes, p + 8, 16);
        fifth_bits(block->codes, p + 4);
        break;
    case TK_MXFP4:
        block->scale[0] = p[0];
        nibbles(block->codes, p + 1, 16);
        break;
    case TK_Q2_K: read_q2_k(p, block); break;
    case TK_Q3_K: read_q3_k(p, block); break;
    case TK_Q4_K: read_q4_k(p, block); break;
    case TK_Q5_K: read_q5_k(p, block); break;
    case TK_Q6_K: read_q6_k(p, block); break;
    default: break;
    }
}
