#pragma once

namespace damo {

/// exp(x^2) erfc(x).
double scaled_erfc(double x);
/// Its n-th derivative, for whole n from 0 on; NaN for another one. Far out the first is a
/// difference of what is almost equal, 2 x y - 2 / sqrt(pi), and those above it are worse: none is
/// taken here.
double scaled_erfc_derivative(double n, double x);

}  // namespace damo
