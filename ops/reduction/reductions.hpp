#pragma once
#include <damo/graph/values/axes.hpp>
#include <damo/graph/var.hpp>

// Reductions over all axes, one or several: `sum(x)`, `sum(x, 1)`, `sum(x, {0, -1}, {.keepdims =
// true})`, `sum(x, {.keepdims = true})`.
namespace damo {

/// The sum; 0 of nothing. bool and int64 give int64.
Var sum(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
inline Var sum(const Arg& x, ReduceOptions options) { return sum(x, Axes{}, options); }
/// The product; 1 of nothing. bool and int64 give int64. Its gradient is exact where elements are
/// 0.
Var prod(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
inline Var prod(const Arg& x, ReduceOptions options) { return prod(x, Axes{}, options); }
/// The largest element, NaN if there is one. The gradient is shared equally by all elements that
/// equal it. Throws ShapeError when there are none.
Var max(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
inline Var max(const Arg& x, ReduceOptions options) { return max(x, Axes{}, options); }
/// The smallest, likewise.
Var min(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
inline Var min(const Arg& x, ReduceOptions options) { return min(x, Axes{}, options); }
/// Whether any element is nonzero.
Var any(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
inline Var any(const Arg& x, ReduceOptions options) { return any(x, Axes{}, options); }
/// Whether all are.
Var all(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
inline Var all(const Arg& x, ReduceOptions options) { return all(x, Axes{}, options); }
/// The arithmetic mean; of bool and int64 in floatX.
Var mean(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
inline Var mean(const Arg& x, ReduceOptions options) { return mean(x, Axes{}, options); }
/// The int64 position of the first largest element (or NaN), in row-major order over the axes
/// named.
Var argmax(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
inline Var argmax(const Arg& x, ReduceOptions options) { return argmax(x, Axes{}, options); }
/// The same for the smallest.
Var argmin(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
inline Var argmin(const Arg& x, ReduceOptions options) { return argmin(x, Axes{}, options); }
/// log(sum(exp(x))), neither overflowing nor underflowing.
Var logsumexp(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
inline Var logsumexp(const Arg& x, ReduceOptions options) { return logsumexp(x, Axes{}, options); }
namespace detail {
Var var(const Arg& x, const Axes& axes, VarianceOptions options);
Var std(const Arg& x, const Axes& axes, VarianceOptions options);
Var norm(const Arg& x, const Axes& axes, NormOptions options);
}  // namespace detail

// g++ 12 also takes `{.ddof = 1}` for a list of axes; of two equally good functions it then prefers
// the one that is no template.

/// The mean of (x - mean)^2.
template <class = void>
Var var(const Arg& x, const Axes& axes = {}, VarianceOptions options = {}) {
  return detail::var(x, axes, options);
}
inline Var var(const Arg& x, VarianceOptions options) { return detail::var(x, {}, options); }
/// Its square root.
template <class = void>
Var std(const Arg& x, const Axes& axes = {}, VarianceOptions options = {}) {
  return detail::std(x, axes, options);
}
inline Var std(const Arg& x, VarianceOptions options) { return detail::std(x, {}, options); }
/// The norm of all elements as one vector.
template <class = void>
Var norm(const Arg& x, const Axes& axes = {}, NormOptions options = {}) {
  return detail::norm(x, axes, options);
}
inline Var norm(const Arg& x, NormOptions options) { return detail::norm(x, {}, options); }

/// exp(x) / sum(exp(x)) over `axes`. Where an infinity leaves it undefined, the largest elements
/// share the mass equally.
Var softmax(const Arg& x, const Axes& axes = -1);
/// log(softmax(x)), exact in the tails.
Var log_softmax(const Arg& x, const Axes& axes = -1);
/// Running sums along one axis, the first when none is named. (NumPy's `cumsum(x)` is
/// `cumsum(ravel(x))`.)
Var cumsum(const Arg& x, int axis = 0);
/// log(cumsum(exp(x))), for any finite x.
Var logcumsumexp(const Arg& x, int axis = 0);

}  // namespace damo
