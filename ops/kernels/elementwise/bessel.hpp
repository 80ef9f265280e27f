#pragma once

namespace damo {

/// J_order(x), of the first kind, for a whole order; NaN for another one.
double bessel_j(double order, double x);
/// e^-|x| I_order(x), the modified Bessel function of the first kind, for any real order; NaN for a
/// negative x unless the order is whole.
double scaled_bessel_i(double order, double x);
/// I_order(x).
double bessel_i(double order, double x);

}  // namespace damo
