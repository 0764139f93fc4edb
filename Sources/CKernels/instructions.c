// Which kernels this machine can run. On x86-64, CPUID tells of the processor and XCR0 of the registers that the
// operating system saves; on arm64 the kernel tells in the auxiliary vector.
#include "tk_instructions.h"

#include "kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>

static tk_isa detect(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return TK_ISA_PORTABLE;
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
    if ((c & (fma | osxsave | avx | f16c)) != (fma | osxsave | avx | f16c)) return TK_ISA_PORTABLE;
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 0x6) != 0x6) return TK_ISA_PORTABLE;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & (1u << 5))) return TK_ISA_PORTABLE;
    const unsigned foundation = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31, vnni = 1u << 11;
    const unsigned wide = foundation | dq | bw | vl;
    if ((b & wide) == wide && (c & vnni) && (low & 0xE0) == 0xE0) return TK_ISA_AVX512;
    return TK_ISA_AVX2;
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

static tk_isa detect(void) {
    const unsigned long dot_products = 1ul << 20;  // HWCAP_ASIMDDP
    return getauxval(AT_HWCAP) & dot_products ? TK_ISA_NEON : TK_ISA_PORTABLE;
}
#else
static tk_isa detect(void) { return TK_ISA_PORTABLE; }
#endif

tk_isa tk_isa_best(void) {
    // Written once with the same value by whoever comes first.
    static _Atomic int known = -1;
    int level = known;
    if (level < 0) known = level = (int)detect();
    return (tk_isa)level;
}

bool tk_isa_available(tk_isa isa) {
    const tk_isa best = tk_isa_best();
    // A processor with AVX-512 has AVX2 too.
    return isa == TK_ISA_PORTABLE || isa == best || (isa == TK_ISA_AVX2 && best == TK_ISA_AVX512);
}

const tk_kernels *tk_kernels_of(tk_isa isa) {
    if (!tk_isa_available(isa)) isa = tk_isa_best();
#if defined(__x86_64__)
    if (isa == TK_ISA_AVX512) return &tk_kernels_avx512;
    if (isa == TK_ISA_AVX2) return &tk_kernels_avx2;
#elif defined(__aarch64__)
    if (isa == TK_ISA_NEON) return &tk_kernels_neon;
#endif
    return &tk_kernels_portable;
}
