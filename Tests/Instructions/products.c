// Matrix products: every format, shapes with and without a rest, every number of columns up to some forty and around
// 128, where slabs end; and weights and activations at the ends of what there is.
#include "agree.h"
#include "kernels.h"

typedef struct {
    tk_matrix matrix;
    const float *x;
    int32_t count;
    size_t ldx;
    // Up to so many columns stand apart from the others.
    const int32_t *apart;
} product_case;

static size_t ldy_of(const product_case *p) { return (size_t)p->matrix.groups * 16 + 1; }

// Columns first...first+count-1 together, the matrix in some parts.
static void multiply(
    const tk_kernels *kernels, const product_case *p, int32_t first, int32_t count, int32_t parts, float *y) {
    if (count == 0) return;
    const int32_t columns = p->matrix.columns;
    const int32_t kinds = tk_kind_of(p->matrix.type);
    tk_panel panel = {
        .quantised = room(tk_panel_quantised_bytes(columns, count)),
        .floats = room((size_t)columns * (size_t)count * sizeof(float)),
        .columns = columns,
        .count = count,
        .kinds = kinds,
    };
    const float *x = p->x + (size_t)first * p->ldx;
    // As two threads would.
    kernels->fill(&panel, x, p->ldx, NULL, 0, 0, count / 2, NULL);
    kernels->fill(&panel, x, p->ldx, NULL, 0, count / 2, count, NULL);
    for (int32_t i = 0; i < parts; i++) {
        const int32_t from = p->matrix.groups * i / parts, to = p->matrix.groups * (i + 1) / parts;
        kernels->multiply(&p->matrix, from, to, &panel, y + (size_t)first * ldy_of(p) + (size_t)from * 16, ldy_of(p));
    }
}

// Way 0: every column alone. Others: in two batches.
static void multiply_all(tk_isa isa, int32_t way, const void *context, void *results) {
    const product_case *p = context;
    const tk_kernels *kernels = tk_kernels_of(isa);
    if (way == 0) {
        for (int32_t c = 0; c < p->count; c++) multiply(kernels, p, c, 1, 1, results);
        return;
    }
    const int32_t apart = p->apart ? p->apart[way - 1] : way - 1;
    multiply(kernels, p, 0, apart, 1 + way % 3, results);
    multiply(kernels, p, apart, p->count - apart, 1 + way % 2, results);
}

static void hold_product(const product_case *p, int32_t ways, result_kind kind, const char *type, const char *what) {
    const size_t count = (size_t)p->count * ldy_of(p);
    hold(
        multiply_all, p, ways, kind, count, "%s, %d rows, %d wide, %d columns, %s", type, (int)p->matrix.rows,
        (int)p->matrix.columns, (int)p->count, what);
}

enum { MANY = 41 };

static void shapes(chance *c, const weight_type *t) {
    // Fewer rows than a group; four streams with a rest, of which the last group is not full.
    static const int32_t rows[] = {5, 69, 112};
    const int32_t block = block_columns(t->type);
    // The last one has more than one chunk of 256 columns, and one that is not whole.
    const int32_t widths[] = {block, block == 256 ? 256 : 96, block == 256 ? 512 : 320};
    for (int i = 0; i < 3; i++) {
        const int32_t width = widths[i];
        const product_case p = {
            .matrix = random_matrix(c, t->type, rows[i], width, 1),
            .x = random_floats(c, (size_t)MANY * (size_t)(width + 1), -4, 4),
            .count = MANY,
            .ldx = (size_t)width + 1,
        };
        // All pairs of numbers that give MANY, so every number of columns.
        hold_product(&p, i == 1 ? 2 + MANY / 2 : 6, FINITE_FLOATS, t->name, "random");
    }
}

static void slabs(chance *c, const weight_type *t) {
    static const int32_t apart[] = {0, 11, 10, 12, 3, 64};
    enum { COLUMNS = 139 };
    const int32_t width = block_columns(t->type);
    const product_case p = {
        .matrix = random_matrix(c, t->type, 48, width, 1),
        .x = random_floats(c, (size_t)COLUMNS * (size_t)width, -4, 4),
        .count = COLUMNS,
        .ldx = (size_t)width,
        .apart = apart,
    };
    hold_product(&p, 7, FINITE_FLOATS, t->name, "slabs");
}

enum { EXTREMES = 21 };
static void extreme_column(chance *c, int32_t kind, int32_t width, float *x) {
    // Denormals, around the border below which a block counts as zero, and the greatest.
    static const float limits[] = {1e-44f, 1e-38f, 0.9999999e-30f, 1e-30f, 1e-20f, 1, 1e20f, 3e38f, 3.4028235e38f};
    static const float carries[] = {32512, 128, -128, 127, -129, 383, -384, -32512};
    for (int32_t k = 0; k < width; k++) switch (kind) {
        case 0: case 1: case 2: case 3: case 4: case 5: case 6: case 7: case 8:
            x[k] = k % 3 == 0 ? limits[kind] : -limits[kind];
            break;
        case 9: x[k] = 0.0f; break;
        case 10: x[k] = -0.0f; break;
        // One large value in a block pushes the others onto halves, where ties must go to even.
        case 11: x[k] = k % 32 == 0 ? 32512 : (float)(k % 13) - 5.5f; break;
        case 12: x[k] = carries[k % 8]; break;
        // Low bytes of -128 in every place; the greatest integers of either sign.
        case 13: x[k] = k % 32 == 31 ? 32512 : -128; break;
        case 14: x[k] = -32512; break;
        case 15: x[k] = k % 2 ? 32511.5f : -32510.5f; break;
        // A single value, and blocks that are zero beside others.
        case 16: x[k] = k == 17 ? -1.5f : 0; break;
        case 17: x[k] = k / 32 % 2 ? 0 : 1e-3f; break;
        case 18: x[k] = k == 5 ? __builtin_nanf("") : 1; break;
        case 19: x[k] = k == 20 ? -__builtin_inff() : -1; break;
        default: x[k] = any_finite(c);
        }
}

static void extremes(chance *c, const weight_type *t) {
    const int32_t rows = 38, width = block_columns(t->type) == 32 ? 64 : 256;
    for (int round = 0; round < 2; round++) {
        uint8_t *encoded = random_rows(c, t->type, rows, width, round == 0 ? 0 : 1);
        if (tk_kind_of(t->type) == TK_KIND_QUANTISED) {
            // Codes and scales of super-blocks all ones, and all zero; the greatest halves, the least, zero and less.
            static const uint16_t scales[] = {0x7BFF, 0xFBFF, 0x0001, 0x8001, 0x0000, 0x8000, 0x03FF, 0x3C00};
            static const uint8_t codes[] = {0xFF, 0x00, 0x80, 0x7F};
            for (int32_t r = 0; r < 32; r++) {
                flatten_row(t->type, encoded, width, r, codes[r % 4]);
                if (r >= 4 || round == 0) set_halves(t->type, encoded, width, r, scales[r / 4]);
            }
        }
        float *x = room((size_t)EXTREMES * (size_t)width * sizeof *x);
        for (int32_t i = 0; i < EXTREMES; i++) extreme_column(c, i, width, x + (size_t)i * (size_t)width);
        const product_case p = {
            .matrix = interleaved(t->type, encoded, rows, width), .x = x, .count = EXTREMES, .ldx = (size_t)width};
        hold_product(&p, 2 + EXTREMES / 2, FLOATS, t->name, round == 0 ? "all bits" : "extreme rows");
    }
}

// Every half there is, and as many bfloats, each shown by a column that is one in its place only.
static void all_halves(int32_t type, const char *name) {
    enum { ROWS = 2048, WIDTH = 32 };
    uint16_t *weights = room(sizeof *weights * ROWS * WIDTH);
    for (int32_t i = 0; i < ROWS * WIDTH; i++) {
        const int32_t exponent = type == TK_F16 ? 0x7C00 : 0x7F80;
        weights[i] = (i & exponent) == exponent ? 0 : (uint16_t)i;
    }
    float *x = room(sizeof *x * WIDTH * WIDTH);
    for (int32_t i = 0; i < WIDTH; i++) x[i * WIDTH + i] = 1;
    const product_case p = {
        .matrix = interleaved(type, (const uint8_t *)weights, ROWS, WIDTH), .x = x, .count = WIDTH, .ldx = WIDTH};
    hold_product(&p, 3, FINITE_FLOATS, name, "every number");
}

// Integers that activations become, one by one: weights of one, each row's in a place of its own.
static void quantised(chance *c) {
    enum { WIDTH = 32, BLOCKS = 400 };
    uint8_t *encoded = room(34 * WIDTH);
    for (int32_t r = 0; r < WIDTH; r++) {
        encoded[34 * r + 1] = 0x3C;
        encoded[34 * r + 2 + r] = 1;
    }
    float *x = room(sizeof *x * WIDTH * BLOCKS);
    for (int32_t i = 0; i < BLOCKS; i++) {
        const float limit = between(c, 0.5f, 40000);
        for (int32_t k = 0; k < WIDTH; k++)
            x[i * WIDTH + k] = i % 4 == 0   ? any_finite(c)
                               : i % 4 == 1 ? (float)(below(c, 65025) - 32512) / 2 + (k == 0 ? 16256 : 0)
                                            : between(c, -limit, limit);
        if (i < EXTREMES) extreme_column(c, i, WIDTH, x + i * WIDTH);
    }
    static const int32_t apart[] = {0, 8, 9, 200};
    const product_case p = {
        .matrix = interleaved(TK_Q8_0, encoded, WIDTH, WIDTH),
        .x = x,
        .count = BLOCKS,
        .ldx = WIDTH,
        .apart = apart,
    };
    hold_product(&p, 5, FLOATS, "quantised activations", "ones");
}

void products(chance *c) {
    for (int i = 0; i < WEIGHT_TYPES; i++) {
        shapes(c, &weight_types[i]);
        slabs(c, &weight_types[i]);
        extremes(c, &weight_types[i]);
    }
    all_halves(TK_F16, "F16");
    all_halves(TK_BF16, "BF16");
    quantised(c);
}
