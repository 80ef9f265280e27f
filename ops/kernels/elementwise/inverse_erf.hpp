#pragma once

namespace damo {

/// The x in (-inf, inf) whose erf is y; infinite at 1 and -1, NaN beyond.
double inverse_erf(double y);
/// The x whose erfc is y, exact also where y is next to 0; NaN outside [0, 2].
double inverse_erfc(double y);

}  // namespace damo
