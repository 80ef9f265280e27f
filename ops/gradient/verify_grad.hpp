#pragma once
#include <concepts>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/graph/var.hpp>

namespace damo {

struct VerifyGradOptions {
  /// The largest error allowed, relative to the derivative (and to 1 where that is smaller).
  double rel_tol = 1e-6;
  /// The largest step of a finite difference, relative to the size of what moves.
  double eps = 0.02;
  /// Of the random projections and directions.
  std::uint64_t seed = 1;
  /// Random projections of the output that are checked, each along a random direction.
  int projections = 2;
  /// Every element by itself as well, where there are no more than this.
  std::int64_t elements = 64;
  /// Whether the derivatives of the derivatives are checked too.
  bool second_order = false;
  /// Whether forward mode must agree with reverse mode.
  bool forward_mode = false;
};

/// Compares the derivatives of `output` with respect to the float64 ones of `inputs`, at the values
/// `points`, with finite differences (central, extrapolated after Ridders 1982). Throws
/// NumericError naming the worst element, with both values, and when a value is not finite.
void verify_grad(const Var& output, const Vars& inputs, const std::vector<Array>& points,
                 const VerifyGradOptions& options = {});

namespace detail {
/// Inputs for the points: axes of size 1 are known to be 1, other sizes are open.
Vars inputs_for(const std::vector<Array>& points);
/// The point in float64 where it is a float.
std::vector<Array> in_float64(std::vector<Array> points);

template <class F>
Var call_with(const F& fn, const Vars& in) {
  if constexpr (std::is_invocable_v<F, const Vars&>) {
    return fn(in);
  } else if constexpr (std::is_invocable_v<F, Var>) {
    return fn(in.at(0));
  } else if constexpr (std::is_invocable_v<F, Var, Var>) {
    return fn(in.at(0), in.at(1));
  } else if constexpr (std::is_invocable_v<F, Var, Var, Var>) {
    return fn(in.at(0), in.at(1), in.at(2));
  } else {
    return fn(in.at(0), in.at(1), in.at(2), in.at(3));
  }
}
}  // namespace detail

/// The same for a function of one to four variables, or of `const Vars&`: as many as there are
/// points. Floats are taken in float64, integers are not differentiated.
template <class F>
requires(!std::convertible_to<F, Var>) void verify_grad(const F& fn, std::vector<Array> points,
                                                        const VerifyGradOptions& options = {}) {
  points = detail::in_float64(std::move(points));
  const Vars in = detail::inputs_for(points);
  verify_grad(detail::call_with(fn, in), in, points, options);
}

}  // namespace damo
