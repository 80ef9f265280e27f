#pragma once

// How draws move with the parameters of their distributions while their quantile stays (Figurnov,
// Mohamed and Mnih, "Implicit reparameterization gradients", 2018): minus the derivative of the
// distribution function in the parameter, over the density. In float64; NaN for parameters out of
// range, 0 at the ends of the range.
namespace damo {

/// dz/dshape of a gamma draw z of scale 1.
double implicit_gamma(double shape, double z);
/// dz/da of a beta draw z.
double implicit_beta_a(double a, double b, double z);
double implicit_beta_b(double a, double b, double z);

/// The derivatives of distribution functions in parameters, which the above are made of: of
/// gamma_below in the shape, of beta_below in a and b. 0 at the ends of the range.
double gamma_below_in_shape(double shape, double x);
double beta_below_in_a(double a, double b, double x);
double beta_below_in_b(double a, double b, double x);

}  // namespace damo
