#pragma once
#include <damo/graph/var.hpp>

// Integers as patterns of 64 bits, two's complement. Two bools give a bool (but for shifts); floats
// are a TypeError.
namespace damo {

Var bitwise_and(const Arg& a, const Arg& b);
Var bitwise_or(const Arg& a, const Arg& b);
Var bitwise_xor(const Arg& a, const Arg& b);
/// All bits turned around: -1 - a; of a bool, not a.
Var invert(const Arg& a);
/// a 2^n; 0 for an n that is negative or larger than 63, as in NumPy.
Var left_shift(const Arg& a, const Arg& n);
/// a / 2^n rounded towards minus infinity; 0 or -1 for an n that is negative or larger than 63.
Var right_shift(const Arg& a, const Arg& n);

}  // namespace damo
