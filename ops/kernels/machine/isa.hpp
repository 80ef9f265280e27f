#pragma once
#include <cstdint>
#include <string_view>

// Loops are compiled once per instruction set through this attribute and chosen at run time; scalar
// functions that are always_inline take on the instruction set of the loop around them.
#if defined(__GNUC__) && !defined(__clang__)
#define DAMO_TARGET_AVX2 __attribute__((target("arch=x86-64-v3")))
#define DAMO_TARGET_AVX512 __attribute__((target("arch=x86-64-v4,prefer-vector-width=512")))
#else
#define DAMO_TARGET_AVX2
#define DAMO_TARGET_AVX512
#endif
#define DAMO_INLINE inline __attribute__((always_inline))

namespace damo {

/// Instruction sets the kernels are compiled for.
enum class Isa : std::uint8_t { sse2, avx2, avx512 };

/// The instruction set in use: the best one the CPU has, unless `set_isa` lowered it.
Isa isa();
/// Uses `wanted`, or the best available below it. For tests: results have the same bits on each.
void set_isa(Isa wanted);
/// Whether this CPU multiplies one vector of 64 bytes in a cycle rather than two, as AMD's Zen 4.
bool multiplies_half_width();
std::string_view name(Isa isa);

}  // namespace damo
