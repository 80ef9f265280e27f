#pragma once
#include <utility>

#include <damo/graph/values/axes.hpp>
#include <damo/graph/var.hpp>

// Elements by order. NaN counts as larger than everything; negative axes count from the end.
namespace damo {

/// The elements along `axis` from the smallest to the largest, in x's dtype. The gradient goes back
/// to where each came from.
Var sort(const Arg& x, int axis = -1);
/// The positions that sort, int64; of equal elements the first comes first.
Var argsort(const Arg& x, int axis = -1);
/// The k largest along `axis`, the largest first; of -k, the k smallest, the smallest first. `k` is
/// a number or an int64 scalar (then at least 0). Throws ShapeError for more than there are.
Var topk(const Arg& x, const Arg& k, int axis = -1);
/// Their positions.
Var argtopk(const Arg& x, const Arg& k, int axis = -1);
/// Both.
std::pair<Var, Var> topk_and_argtopk(const Arg& x, const Arg& k, int axis = -1);
/// `max` and `argmax`.
std::pair<Var, Var> max_and_argmax(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});

enum class Side { left, right };
/// Where to put each of `values` into the sorted vector `sorted` to keep it so: before its equals,
/// or after them. int64.
Var searchsorted(const Arg& sorted, const Arg& values, Side side = Side::left);

/// The distinct elements as a sorted vector; all NaN are one.
Var unique(const Arg& x);
struct UniqueParts {
  Var values;   ///< as `unique`
  Var index;    ///< where each is found first in `ravel(x)`
  Var inverse;  ///< which of the values each element of `ravel(x)` is
  Var counts;   ///< how often each is there
};
UniqueParts unique_parts(const Arg& x);

/// How often each of 0, 1, ... stands in an int64 vector, or the sum of the weights there; as many
/// as its largest element says, and no fewer than `minlength`. Throws ShapeError for a negative
/// element.
Var bincount(const Arg& x, const Arg& minlength = 0);
Var weighted_bincount(const Arg& x, const Arg& weights, const Arg& minlength = 0);

}  // namespace damo
