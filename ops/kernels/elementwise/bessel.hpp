#pragma once

namespace damo {

/// e^-|x| I_order(x), the modified Bessel function of the first kind, for any real order; NaN for a
/// negative x unless the order is whole.
double scaled_bessel_i(double order, double x);
/// I_order(x).
double bessel_i(double order, double x);

}  // namespace damo
