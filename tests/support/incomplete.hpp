#pragma once
#include <cmath>

// Distribution functions of gamma and beta by their power series, in long double: the truth for
// draws and their derivatives.
namespace damo::test {

using Wide = long double;

/// The part of a gamma distribution (scale 1) below z.
inline Wide gamma_below(Wide shape, Wide z) {
  Wide term = 1 / shape, sum = term;
  for (int n = 1; term > sum * 1e-21L; ++n) sum += term *= z / (shape + n);
  return sum * std::exp(shape * std::log(z) - z - std::lgamma(shape));
}
inline Wide gamma_density(Wide shape, Wide z) {
  return std::exp((shape - 1) * std::log(z) - z - std::lgamma(shape));
}

inline Wide log_beta(Wide a, Wide b) {
  return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b);
}

/// The part of a beta distribution below z, where 1 - z is `rest`; for z of at most about 1/2.
inline Wide beta_below(Wide a, Wide b, Wide z, Wide rest) {
  Wide term = 1 / a, sum = term;
  for (int n = 1; term > sum * 1e-21L; ++n) sum += term *= z * (a + b + n - 1) / (a + n);
  return sum * std::exp(a * std::log(z) + b * std::log(rest) - log_beta(a, b));
}
inline Wide beta_density(Wide a, Wide b, Wide z, Wide rest) {
  return std::exp((a - 1) * std::log(z) + (b - 1) * std::log(rest) - log_beta(a, b));
}

/// The derivative of f at x by differences at h and h / 2, the error of h^2 taken out.
template <class F>
Wide derivative(F&& f, Wide x, Wide h) {
  const Wide coarse = (f(x + h) - f(x - h)) / (2 * h);
  const Wide fine = (f(x + h / 2) - f(x - h / 2)) / h;
  return fine + (fine - coarse) / 3;
}

}  // namespace damo::test
