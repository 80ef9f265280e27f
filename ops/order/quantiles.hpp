#pragma once
#include <cstdint>

#include <damo/graph/values/axes.hpp>
#include <damo/graph/var.hpp>

// Of sorted elements, as NumPy: NaN where there is a NaN. Integers give floatX. Throws ShapeError
// where there are no elements.
namespace damo {

/// The middle element, or the mean of the two in the middle.
Var median(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// Where a quantile lies among n sorted elements, as NumPy 1.24 has it. The first nine are those of
/// Hyndman and Fan, Sample Quantiles in Statistical Packages (1996).
enum class QuantileMethod : std::uint8_t {
  inverted_cdf,           ///< the first element that at least a part q does not exceed
  averaged_inverted_cdf,  ///< the same, the mean of two where q n is a whole number
  /// The element nearest to q n; of two, the one that NumPy 1.24 takes, whose number from 1 is odd.
  closest_observation,
  interpolated_inverted_cdf,
  hazen,
  weibull,
  linear,  ///< a straight line between neighbours, position q (n - 1) counted from 0
  median_unbiased,
  normal_unbiased,
  lower,     ///< of the neighbours of `linear`, the first
  higher,    ///< the second
  midpoint,  ///< the mean of both
  nearest    ///< the nearer one; of two, that whose number from 0 is even
};
struct QuantileOptions {
  Flag keepdims{};
  QuantileMethod method = QuantileMethod::linear;
};

/// The element below which a part `q` of them lies, by one of the methods. A vector `q` adds a
/// first axis. Throws for q outside [0, 1]: ShapeError of the run where it is computed. What takes
/// an element as it is does not depend on q for `grad`.
Var quantile(const Arg& x, const Arg& q, const Axes& axes = {}, QuantileOptions options = {});
/// The same for q in percent.
Var percentile(const Arg& x, const Arg& q, const Axes& axes = {}, QuantileOptions options = {});

}  // namespace damo
