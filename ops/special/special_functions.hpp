#pragma once
#include <damo/graph/var.hpp>

// SciPy's special functions, beside those of elementwise mathematics. (Of plain numbers, `gamma(2)`
// and `j0(2)` are functions of C's library: write damo::gamma.)
namespace damo {

/// The x whose erf is y; infinite at 1 and -1, NaN beyond.
Var erfinv(const Arg& y);
/// The x whose erfc is y, exact next to 0.
Var erfcinv(const Arg& y);

Var gamma(const Arg& x);
/// log |B(a, b)|.
Var betaln(const Arg& a, const Arg& b);
/// The regularized lower incomplete gamma function: the part of a gamma distribution of shape `a`
/// below x. Derivatives in `a` exist to first order, and of these in x; a second one in `a` is a
/// GradError.
Var gammainc(const Arg& a, const Arg& x);
/// The regularized upper one.
Var gammaincc(const Arg& a, const Arg& x);
/// The regularized incomplete beta function: the part of a beta distribution below x. Derivatives
/// in `a` and `b` exist to first order, and of these in x; second ones in them are a GradError.
Var betainc(const Arg& a, const Arg& b, const Arg& x);

/// Bessel functions of the first kind, of orders 0 and 1.
Var j0(const Arg& x);
Var j1(const Arg& x);
/// Modified Bessel functions of the first kind, of orders 0 and 1.
Var i0(const Arg& x);
Var i1(const Arg& x);
/// e^-|x| I_order(x) for a real order; no derivative in it.
Var ive(const Arg& order, const Arg& x);

}  // namespace damo
