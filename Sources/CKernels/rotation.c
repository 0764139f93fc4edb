#include "tk_rotary.h"

#include <string.h>
#pragma STDC FP_CONTRACT OFF

static const double ln2_high = 0x1.62E42FEFA38p-1, ln2_low = 0x1.EF35793C7673p-45;

static double nearest(double x) {  // |x| < 2^51, ties to even
    const double shift = 0x1.8p52;
    return (x + shift) - shift;
}

// Natural logarithm of a positive normal number, by the series of artanh.
static double logarithm(double x) {
    uint64_t bits;
    memcpy(&bits, &x, 8);
    int32_t exponent = (int32_t)(bits >> 52) - 1023;
    bits = (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull;
    double m;
    memcpy(&m, &bits, 8);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    const double f = (m - 1) / (m + 1), square = f * f;
    double series = 0;
    for (int32_t k = 27; k >= 1; k -= 2) series = series * square + 1.0 / k;
    return exponent * ln2_high + (2 * f * series + exponent * ln2_low);
}

// e^x for -700 < x < 700, by Taylor's series.
static double exponential(double x) {
    const double n = nearest(x * 1.4426950408889634), r = (x - n * ln2_high) - n * ln2_low;
    double series = 1;
    for (int32_t k = 16; k >= 1; k--) series = 1 + series * r / k;
    const uint64_t bits = (uint64_t)((int64_t)n + 1023) << 52;
    double power;
    memcpy(&power, &bits, 8);
    return series * power;
}

static const double pi = 3.141592653589793;

static double clamped(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

// The greatest integer not above x, |x| < 2^51.
static double whole(double x) {
    const double n = nearest(x);
    return n > x ? n - 1 : n;
}

// The pair that turns so many times within the original context.
static double pair_of_turns(const tk_rotary *r, double turns) {
    return r->dimension * logarithm((double)r->original_context / (turns * 2 * pi)) / (2 * logarithm((double)r->base));
}

static double scaled(const tk_rotary *r, int32_t i, double frequency, double slowest, double fastest) {
    const double factor = (double)r->factor;
    if (r->scaling == TK_SCALING_LINEAR) return frequency / factor;
    if (r->scaling == TK_SCALING_YARN) {
        const double span = slowest - fastest;
        const double share = clamped((i - fastest) / (span > 0.001 ? span : 0.001), 0, 1);
        return frequency / factor * share + frequency * (1 - share);
    }
    if (r->scaling == TK_SCALING_LLAMA3) {
        const double wavelength = 2 * pi / frequency, context = (double)r->original_context;
        const double low = (double)r->low, high = (double)r->high;
        if (wavelength < context / high) return frequency;
        if (wavelength > context / low) return frequency / factor;
        const double smooth = (context / wavelength - low) / (high - low);
        return (1 - smooth) * frequency / factor + smooth * frequency;
    }
    return frequency;
}

void tk_rotation_frequencies(const tk_rotary *r, double *frequencies) {
    const int32_t dimension = r->dimension;
    double exponent = logarithm((double)r->base), slowest = 0, fastest = 0;
    if (r->scaling == TK_SCALING_NTK && dimension > 2)
        exponent += logarithm((double)r->factor) * dimension / (dimension - 2);
    if (r->scaling == TK_SCALING_YARN) {
        fastest = clamped(whole(pair_of_turns(r, (double)r->high)), 0, dimension - 1);
        slowest = clamped(-whole(-pair_of_turns(r, (double)r->low)), 0, dimension - 1);
    }
    const double step = -exponent * 2 / dimension;
    for (int32_t i = 0; i < dimension / 2; i++) {
        const double frequency = exponential(step * i);
        frequencies[i] = scaled(r, i, r->divisors ? frequency / (double)r->divisors[i] : frequency, slowest, fastest);
    }
}

float tk_yarn_magnitude(float factor) { return factor > 1 ? (float)(0.1 * logarithm((double)factor) + 1) : 1; }

float tk_longrope_magnitude(float factor, float original_context) {
    if (!(factor > 1) || !(original_context > 1)) return 1;
    return (float)__builtin_sqrt(1 + logarithm((double)factor) / logarithm((double)original_context));
}

void tk_rotation(
    int32_t position, const double *frequencies, int32_t count, double magnitude, float *cosines, float *sines) {
    // Half of pi in three parts, the first two of 33 bits: exact products for any quotient below 2^20.
    const double first = 0x1.921FB544p0, second = 0x1.0B4611A6p-34, third = 0x1.3198A2E037073p-69;
    for (int32_t i = 0; i < count; i++) {
        const double angle = (double)position * frequencies[i], n = nearest(angle * 0.6366197723675814);
        const double r = ((angle - n * first) - n * second) - n * third, square = r * r;
        double sine = 1, cosine = 1;
        for (int32_t k = 9; k >= 1; k--) sine = 1 - sine * square / (2 * k * (2 * k + 1));
        for (int32_t k = 9; k >= 1; k--) cosine = 1 - cosine * square / (2 * k * (2 * k - 1));
        sine *= r * magnitude;
        cosine *= magnitude;
        switch ((int64_t)n & 3) {
        case 0: cosines[i] = (float)cosine; sines[i] = (float)sine; break;
        case 1: cosines[i] = (float)-sine; sines[i] = (float)cosine; break;
        case 2: cosines[i] = (float)-cosine; sines[i] = (float)-sine; break;
        default: cosines[i] = (float)sine; sines[i] = (float)-cosine; break;
        }
    }
}
