#include "amx.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ARCH_REQUEST_COMPONENT = 0x1023, TILE_CONFIG = 17, TILE_DATA = 18 };  // ARCH_REQ_XCOMP_PERM; bits of XCR0

bool tk_amx_granted(void) {
    unsigned a, b, c, d;
    const unsigned tiles = 1u << 24, bytes = 1u << 25, osxsave = 1u << 27;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & osxsave)) return false;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & (tiles | bytes)) != (tiles | bytes)) return false;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    const unsigned components = 1u << TILE_CONFIG | 1u << TILE_DATA;
    if ((low & components) != components) return false;
    // Palette 1: eight tiles of 16 rows of 64 bytes, and a multiplier that takes whole ones.
    if (!__get_cpuid_count(0x1D, 0, &a, &b, &c, &d) || a < 1) return false;
    if (!__get_cpuid_count(0x1D, 1, &a, &b, &c, &d)) return false;
    if ((b & 0xFFFF) < 64 || b >> 16 < 8 || (c & 0xFFFF) < 16) return false;
    if (!__get_cpuid_count(0x1E, 0, &a, &b, &c, &d) || (b & 0xFF) < 16 || (b >> 8 & 0xFFFF) < 64) return false;
    // Refused by kernels before Linux 5.16, and where a thread's signal stack is too small for the tiles.
    return syscall(SYS_arch_prctl, ARCH_REQUEST_COMPONENT, TILE_DATA) == 0;
}
#else
bool tk_amx_granted(void) { return false; }
#endif
