#pragma once

// The distribution functions and densities of gamma and beta, in float64; NaN for parameters out of
// range. Relative errors are within some 10^-14, also in the tails.
namespace damo {

/// The part of a gamma distribution (scale 1) below x: the regularized lower incomplete gamma
/// function.
double gamma_below(double shape, double x);
/// The part above.
double gamma_above(double shape, double x);
double gamma_density(double shape, double x);

/// The part of a beta distribution below x: the regularized incomplete beta function.
double beta_below(double a, double b, double x);
double beta_density(double a, double b, double x);

/// log B(a, b) for positive a and b; of others by way of the logarithms of |gamma|.
double log_beta(double a, double b);

}  // namespace damo
