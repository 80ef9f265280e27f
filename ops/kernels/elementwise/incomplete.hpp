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
/// x^a e^-x / Gamma(a) for 0 < x < inf: the density of the logarithm of a draw.
double gamma_front(double a, double x);

/// The part of a beta distribution below x: the regularized incomplete beta function.
double beta_below(double a, double b, double x);
double beta_density(double a, double b, double x);
/// x^a y^b / B(a, b) for 0 < x < 1 and y = 1 - x: the density of a draw's log odds.
double beta_front(double a, double b, double x, double y);

/// log B(a, b) for positive a and b; of others by way of the logarithms of |gamma|.
double log_beta(double a, double b);

}  // namespace damo
