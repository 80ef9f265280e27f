#pragma once

namespace damo {

/// The derivative of digamma; infinite at 0, -1, -2, ...
double trigamma(double x);

/// The n-th derivative of digamma, for any whole n from 0 on; NaN for another one. At 0 the limit
/// on the side of its sign; at -1, -2, ... infinity for odd n, NaN for even n.
double polygamma(double n, double x);

/// polygamma(n, x) - polygamma(n, x + h), which keeps its digits where h is small beside x.
double polygamma_difference(double n, double x, double h);

}  // namespace damo
