// Vectors of SEQEXP_REAL in SEQEXP_VECTOR_BYTES bytes (GCC and Clang vector extensions), and activations on them.
//
// The compiler turns them into the registers its flags allow: SSE or NEON at 16 bytes, AVX2 at 32, AVX-512 at 64.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#ifndef SEQEXP_REAL
#define SEQEXP_REAL float
#endif
#ifndef SEQEXP_VECTOR_BYTES
#define SEQEXP_VECTOR_BYTES 16
#endif
#define INLINE inline __attribute__((always_inline))

namespace {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif

using Real = SEQEXP_REAL;
typedef Real Vector __attribute__((vector_size(SEQEXP_VECTOR_BYTES)));
constexpr int kLanes = SEQEXP_VECTOR_BYTES / sizeof(Real);
constexpr bool kSingle = sizeof(Real) == 4;

// What the exponential needs to know of the format.
typedef std::conditional_t<kSingle, uint32_t, uint64_t> Word;
typedef Word Bits __attribute__((vector_size(SEQEXP_VECTOR_BYTES)));
constexpr int kMantissa = kSingle ? 23 : 52, kBias = kSingle ? 127 : 1023;
constexpr int kTerms = kSingle ? 7 : 13;  // (ln 2 / 2)^7 / 8! = 1.5e-8, (ln 2 / 2)^13 / 14! = 1.2e-17
constexpr Real kMagic = kSingle ? Real(12582912.0) : Real(6755399441055744.0);  // adding it rounds to an integer
constexpr Real kLn2High = kSingle ? Real(0.693359375) : Real(6.93145751953125e-1);
constexpr Real kLn2Low = kSingle ? Real(-2.12194440e-4) : Real(1.42860682030941723212e-6);
constexpr Real kLowest = kSingle ? Real(-87.3) : Real(-708), kHighest = kSingle ? Real(88.3) : Real(709);
constexpr Real kFlat = kSingle ? Real(10) : Real(20);  // tanh is 1 beyond

INLINE Vector load(const Real* from) {
    Vector v;
    __builtin_memcpy(&v, from, sizeof v);
    return v;
}

INLINE void store(Real* to, Vector v) { __builtin_memcpy(to, &v, sizeof v); }

INLINE Vector all(Real value) { return value - Vector{}; }

// Calls body(0), body(1), ... with numbers known when compiling, so that arrays of vectors live in registers.
template <class Body, int... I> INLINE void each(Body&& body, std::integer_sequence<int, I...>) {
    (body(std::integral_constant<int, I>{}), ...);
}
template <int Count, class Body> INLINE void each(Body&& body) { each(body, std::make_integer_sequence<int, Count>{}); }

constexpr Real inverse_factorial(int n) { return n < 2 ? Real(1) : inverse_factorial(n - 1) / Real(n); }

// exp(x) = power * (1 + rest), power a power of two and rest = exp(r) - 1 with |r| <= ln(2) / 2, by Taylor's series.
struct Exponential {
    Vector power, rest;
};

INLINE Exponential exponential(Vector x) {
    const Vector shifted = x * all(Real(1.4426950408889634)) + all(kMagic);
    const Vector n = shifted - all(kMagic);
    const Vector r = (x - n * all(kLn2High)) - n * all(kLn2Low);
    // Two terms at a time (Estrin): the chain of sums that wait for each other is half as long.
    const Vector square = r * r;
    Vector series = {};
    each<kTerms / 2>([&](auto i) {
        constexpr int term = kTerms - 1 - 2 * i;
        const Vector pair = all(inverse_factorial(term)) + r * all(inverse_factorial(term + 1));
        series = i ? pair + series * square : pair;
    });
    // n sits in the low bits of `shifted`; moved up it is the exponent of 2^n.
    const Bits bits = ((Bits)shifted + Word(kBias)) << kMantissa;
    return {(Vector)bits, series * square + r};
}

// Written so that a NaN passes through: a comparison with it is false.
INLINE Vector clamp(Vector x, Real low, Real high) {
    x = all(high) < x ? all(high) : x;
    return all(low) > x ? all(low) : x;
}

INLINE Vector sigmoid(Vector x) {
    const auto e = exponential(clamp(-x, kLowest, kHighest));
    return all(1) / (all(1) + (e.power + e.power * e.rest));
}

// tanh(x) = m / (m + 2) with m = exp(2x) - 1, which loses no digits near zero.
INLINE Vector hyperbolic_tangent(Vector x) {
    x = clamp(x, -kFlat, kFlat);
    const auto e = exponential(x + x);
    const Vector m = e.power * e.rest + (e.power - all(1));
    return m / (m + all(2));
}

}  // namespace
