// What happens to activations between matrix products: norms, activation functions, caps, rotation, the choice of
// experts.
#include <math.h>
#include <string.h>

#include "agree.h"
#include "kernels.h"

typedef struct {
    const float *x, *second;  // norms, or `up`
    int32_t count, columns;
    float epsilon, scale, cap;
    int32_t activation;
    bool gated;
    tk_matrix matrix;
    const float *cosines, *sines;
    int32_t pairs, adjacent;
    const tk_layer *layer;
} element_case;

// Numbers of every size: near zero, ordinary ones, and what overflows.
static float *numbers(chance *c, size_t count) {
    static const float special[] = {
        0.0f, -0.0f, 1e-45f, -1e-38f, 86, -86, 86.5f, -86.00001f, 88, -88, 88.7f, 128, -200, 1e10f, -1e10f, 3.4e38f,
        -3.4e38f, INFINITY, -INFINITY, NAN,
    };
    float *x = room(count * sizeof *x);
    for (size_t i = 0; i < count; i++) {
        const int32_t kind = below(c, 16);
        x[i] = kind == 0   ? any_finite(c)
               : kind == 1 ? special[below(c, sizeof special / sizeof *special)]
               : kind < 5  ? between(c, -100, 100)
                           : between(c, -8, 8);
    }
    return x;
}

static void run_normalise(tk_isa isa, int32_t way, const void *context, void *results) {
    const element_case *e = context;
    float *out = results;
    // In place, too.
    if (way == 1) memcpy(out, e->x, (size_t)e->count * sizeof *out);
    tk_kernels_of(isa)->normalise(way == 1 ? out : e->x, e->second, e->epsilon, e->count, out);
}

// Norm and product together, as a layer begins.
static void run_fill(tk_isa isa, int32_t way, const void *context, void *results) {
    const element_case *e = context;
    const tk_kernels *kernels = tk_kernels_of(isa);
    const int32_t width = e->matrix.columns, step = way == 0 ? 1 : way == 1 ? 3 : e->columns;
    const size_t ldy = (size_t)e->matrix.groups * 16;
    float *scratch = room((size_t)width * sizeof *scratch);
    for (int32_t first = 0; first < e->columns; first += step) {
        const int32_t count = tk_less(step, e->columns - first);
        // Both forms at once, as where matrices of both kinds follow.
        tk_panel panel = {
            .quantised = room(tk_panel_quantised_bytes(width, count)),
            .floats = room((size_t)width * (size_t)count * sizeof(float)),
            .columns = width,
            .count = count,
            .kinds = TK_KIND_QUANTISED | TK_KIND_FLOATS,
        };
        kernels->fill(
            &panel, e->x + (size_t)first * (size_t)width, (size_t)width, e->second, e->epsilon, 0, count, scratch);
        kernels->multiply(&e->matrix, 0, e->matrix.groups, &panel, (float *)results + (size_t)first * ldy, ldy);
    }
}

static void run_activate(tk_isa isa, int32_t way, const void *context, void *results) {
    const element_case *e = context;
    const tk_kernels *kernels = tk_kernels_of(isa);
    const size_t width = (size_t)e->matrix.columns, all = width * (size_t)e->columns;
    const size_t ldy = (size_t)e->matrix.groups * 16;
    float *activated = results, *y = activated + all;
    const int32_t step = way == 0 ? 1 : way == 1 ? 5 : e->columns;
    for (int32_t first = 0; first < e->columns; first += step) {
        const int32_t count = tk_less(step, e->columns - first);
        float *gate = room(width * (size_t)count * sizeof *gate), *up = room(width * (size_t)count * sizeof *up);
        memcpy(gate, e->x + (size_t)first * width, width * (size_t)count * sizeof *gate);
        memcpy(up, e->second + (size_t)first * width, width * (size_t)count * sizeof *up);
        tk_panel panel = {
            .quantised = room(tk_panel_quantised_bytes(e->matrix.columns, count)),
            .floats = room(width * (size_t)count * sizeof(float)),
            .columns = e->matrix.columns,
            .count = count,
            .kinds = tk_kind_of(e->matrix.type),
        };
        // A part of the rows at a time, as threads have them.
        const int32_t rows = e->matrix.columns / 3 / 32 * 32;
        for (int32_t row = 0, some; row < e->matrix.columns; row += some) {
            some = way == 1 && rows > 0 ? tk_less(rows, e->matrix.columns - row) : e->matrix.columns;
            kernels->activate(&panel, e->activation, e->gated ? gate + row : NULL, up + row, width, row, some);
        }
        memcpy(activated + (size_t)first * width, e->gated ? gate : up, width * (size_t)count * sizeof *gate);
        kernels->multiply(&e->matrix, 0, e->matrix.groups, &panel, y + (size_t)first * ldy, ldy);
    }
}

static void run_cap(tk_isa isa, int32_t way, const void *context, void *results) {
    const element_case *e = context;
    (void)way;
    memcpy(results, e->x, (size_t)e->count * sizeof(float));
    tk_kernels_of(isa)->cap(results, e->count, e->scale, e->cap);
}

static void run_sigmoid(tk_isa isa, int32_t way, const void *context, void *results) {
    const element_case *e = context;
    (void)way;
    for (int32_t i = 0; i < e->count; i++) ((float *)results)[i] = tk_kernels_of(isa)->sigmoid(e->x[i]);
}

static void run_rotate(tk_isa isa, int32_t way, const void *context, void *results) {
    const element_case *e = context;
    (void)way;
    memcpy(results, e->x, (size_t)e->count * sizeof(float));
    tk_kernels_of(isa)->rotate(results, e->cosines, e->sines, e->pairs, e->adjacent);
}

static void run_route(tk_isa isa, int32_t way, const void *context, void *results) {
    const element_case *e = context;
    (void)way;
    tk_kernels_of(isa)->route(e->x, e->layer, results, (float *)results + e->layer->experts_used);
}

static void norms(chance *c) {
    for (int32_t count = 16; count <= 304; count += 48) {
        element_case e = {
            .x = random_floats(c, (size_t)count, -3, 3),
            .second = random_floats(c, (size_t)count, 0.5f, 1.5f),
            .count = count,
            .epsilon = 1e-5f,
        };
        hold(run_normalise, &e, 2, FLOATS, (size_t)count, "norm of %d", (int)count);
        e.x = numbers(c, (size_t)count);
        hold(run_normalise, &e, 2, FLOATS, (size_t)count, "norm of %d of every size", (int)count);
        float *zeros = room((size_t)count * sizeof *zeros);
        e.x = zeros;
        e.epsilon = 0;
        hold(run_normalise, &e, 2, FLOATS, (size_t)count, "norm of %d zeros", (int)count);
        for (int32_t i = 0; i < count; i++) zeros[i] = any_finite(c) * 1e-20f;
        e.epsilon = 1e-6f;
        hold(run_normalise, &e, 2, FLOATS, (size_t)count, "norm of %d small ones", (int)count);
    }
    static const weight_type types[] = {{TK_Q4_0, "Q4_0"}, {TK_Q6_K, "Q6_K"}, {TK_F16, "F16"}};
    for (int i = 0; i < 3; i++) {
        const int32_t columns = 19, width = 256;
        const element_case e = {
            .x = random_floats(c, (size_t)columns * (size_t)width, -3, 3),
            .second = random_floats(c, (size_t)width, 0.5f, 1.5f),
            .columns = columns,
            .epsilon = 1e-5f,
            .matrix = random_matrix(c, types[i].type, 32, width, 1),
        };
        hold(run_fill, &e, 3, FLOATS, (size_t)columns * 32, "norm and product, %s", types[i].name);
    }
}

static void activations(chance *c) {
    static const weight_type types[] = {{TK_Q8_0, "Q8_0"}, {TK_F32, "F32"}, {TK_Q5_1, "Q5_1"}};
    for (int i = 0; i < 3; i++)
        for (int32_t way = 0; way < 8; way++) {
            const int32_t columns = 21, width = 224;
            const size_t all = (size_t)columns * (size_t)width;
            const element_case e = {
                .x = way & 4 ? numbers(c, all) : random_floats(c, all, -6, 6),
                .second = way & 4 ? numbers(c, all) : random_floats(c, all, -6, 6),
                .columns = columns,
                .activation = way & 1 ? TK_GELU : TK_SILU,
                .gated = way & 2,
                .matrix = random_matrix(c, types[i].type, 32, width, 1),
            };
            hold(
                run_activate, &e, 3, FLOATS, all + (size_t)columns * 32, "%s%s%s, %s", way & 1 ? "GELU" : "SiLU",
                way & 2 ? ", gated" : "", way & 4 ? ", every size" : "", types[i].name);
        }
    element_case e = {.x = numbers(c, 4096), .count = 4096};
    for (int i = 0; i < 4; i++) {
        static const float caps[] = {0, 50, 3, 1e-3f};
        e.cap = caps[i];
        e.scale = i % 2 ? 0.125f : 1.5f;
        hold(run_cap, &e, 1, FLOATS, 4096, "cap %g", (double)caps[i]);
    }
    hold(run_sigmoid, &e, 1, FLOATS, 4096, "sigmoid");
}

static void rotated(chance *c) {
    static const int32_t counts[] = {1, 8, 15, 16, 20, 32, 48, 63};
    for (int i = 0; i < 16; i++) {
        const int32_t pairs = counts[i / 2], size = 2 * pairs + 5;
        const element_case e = {
            .x = i % 3 ? random_floats(c, (size_t)size, -4, 4) : numbers(c, (size_t)size),
            .cosines = random_floats(c, (size_t)pairs, -1, 1),
            .sines = random_floats(c, (size_t)pairs, -1, 1),
            .count = size,
            .pairs = pairs,
            .adjacent = i % 2 ? TK_PAIRS_ADJACENT : TK_PAIRS_HALVES,
        };
        hold(
            run_rotate, &e, 1, FLOATS, (size_t)size, "rotation of %d pairs, %s", (int)pairs,
            i % 2 ? "adjacent" : "halves");
    }
}

static void routes(chance *c) {
    static const int32_t experts[] = {2, 5, 16, 17, 64, 130}, used[] = {1, 2, 4, 3, 8, 6};
    for (int i = 0; i < 6; i++)
        for (int32_t kind = 0; kind < 8; kind++) {
            float *logits = random_floats(c, (size_t)(experts[i] + 15) / 16 * 16, -5, 5);
            // Equal ones, which go by their numbers; and some that are far below.
            if (kind & 4)
                for (int32_t k = 0; k < experts[i]; k++) logits[k] = (float)below(c, 3) * 40 - 60;
            const tk_layer layer = {
                .experts = experts[i],
                .experts_used = used[i],
                .experts_normalised = kind & 1,
                .experts_sigmoid = kind & 2,
                .experts_scale = 1.25f,
                .router_bias = kind == 3 || kind == 6 ? random_floats(c, (size_t)experts[i], -1, 1) : NULL,
            };
            const element_case e = {.x = logits, .layer = &layer};
            hold(
                run_route, &e, 1, FLOATS, (size_t)used[i] * 2, "%d of %d experts, kind %d", (int)used[i],
                (int)experts[i], (int)kind);
        }
}

void elements(chance *c) {
    norms(c);
    activations(c);
    rotated(c);
    routes(c);
}
