#pragma once
#include <damo/graph/var.hpp>

// Functions that neither overflow nor underflow where what they are made of does.
namespace damo {

/// exp(x^2) erfc(x).
Var erfcx(const Arg& x);
/// log(erfc(x)).
Var log_erfc(const Arg& x);
/// The logarithm of the normal distribution's cumulative probability.
Var log_ndtr(const Arg& x);
/// log(cosh(x)).
Var log_cosh(const Arg& x);
/// 1 / cosh(x)^2, the slope of tanh.
Var sech_squared(const Arg& x);

}  // namespace damo
