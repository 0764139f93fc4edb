#include "CTLSPin.h"

/* A C target needs a source file; everything here is a declaration. */
