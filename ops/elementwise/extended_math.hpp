#pragma once
#include <utility>

#include <damo/graph/var.hpp>

// More of NumPy's elementwise mathematics.
namespace damo {

Var arcsinh(const Arg& x);
Var arccosh(const Arg& x);
Var arctanh(const Arg& x);
/// 2^x.
Var exp2(const Arg& x);
/// sqrt(x^2 + y^2), neither overflowing nor underflowing. Its gradient at (0, 0) is 0.
Var hypot(const Arg& x, const Arg& y);
/// x log(1 + y), 0 where x is 0 unless y is NaN.
Var xlog1py(const Arg& x, const Arg& y);
Var deg2rad(const Arg& x);
Var rad2deg(const Arg& x);
/// To the nearest integer, halves away from 0; `round` takes them to the even one.
Var round_half_away_from_zero(const Arg& x);
/// The quotient rounded towards minus infinity, and the remainder.
std::pair<Var, Var> divmod(const Arg& a, const Arg& b);
/// The quotient of integers rounded up. Throws TypeError for floats.
Var ceil_intdiv(const Arg& a, const Arg& b);

}  // namespace damo
