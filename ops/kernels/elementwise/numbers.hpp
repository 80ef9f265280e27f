#pragma once
#include <limits>

namespace damo {

inline constexpr double inf = std::numeric_limits<double>::infinity();
inline constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
inline constexpr double two_pi = 6.28318530717958647693;

inline bool is_positive_number(double x) { return x > 0 && x < inf; }

}  // namespace damo
