// Whether this process may use AMX.
#pragma once
#include <stdbool.h>

// Whether the processor has tiles of the shapes that kernels_amx.c uses and multiplies signed bytes in them, and the
// system saves them and has just granted them to this process. A process may not use them without asking, as to save
// them takes eight kilobytes more for each thread.
bool tk_amx_granted(void);
