// Sizes of interleaved matrices, and the product on the calling thread.
#include "tk_matrix.h"

#include <stdlib.h>

#include "format.h"
#include "kernels.h"

size_t tk_group_bytes(int32_t type, int32_t columns) {
    const tk_format format = tk_format_of(type);
    if (format.columns == 0 || columns % format.columns != 0) return 0;
    return (size_t)format.bytes * TK_GROUP_ROWS * (size_t)(columns / format.columns);
}

tk_matrix tk_matrix_part(const tk_matrix *matrix, int32_t first_row, int32_t rows) {
    tk_matrix part = *matrix;
    part.rows = rows;
    part.groups = (rows + TK_GROUP_ROWS - 1) / TK_GROUP_ROWS;
    part.data += tk_group_bytes(matrix->type, matrix->columns) * (size_t)(first_row / TK_GROUP_ROWS);
    return part;
}

bool tk_multiply(
    tk_isa isa, const tk_matrix *matrix, const float *x, int32_t count, size_t ldx, float *y, size_t ldy) {
    const tk_kernels *kernels = tk_kernels_of(isa);
    const size_t columns = (size_t)matrix->columns, n = (size_t)count;
    tk_panel panel = {
        .quantised = malloc(tk_panel_quantised_bytes(matrix->columns, count) + 64),
        .floats = malloc((columns * n + 16) * sizeof(float)),
        .columns = matrix->columns,
        .count = count,
        .kinds = tk_kind_of(matrix->type),
    };
    const bool room = panel.quantised && panel.floats;
    if (room) {
        kernels->fill(&panel, x, ldx, NULL, 0, 0, count, NULL);
        kernels->multiply(matrix, 0, matrix->groups, &panel, y, ldy);
    }
    free(panel.quantised);
    free(panel.floats);
    return room;
}
