#pragma once
#include <damo/graph/values/axes.hpp>
#include <damo/graph/var.hpp>

// Of sorted elements, as NumPy: NaN where there is a NaN. Integers give floatX. Throws ShapeError
// where there are no elements.
namespace damo {

/// The middle element, or the mean of the two in the middle.
Var median(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// The element below which a part `q` of them lies, between two elements by a straight line. A
/// vector `q` adds a first axis. Throws for q outside [0, 1]: ShapeError of the run where it is
/// computed.
Var quantile(const Arg& x, const Arg& q, const Axes& axes = {}, ReduceOptions options = {});
/// The same for q in percent.
Var percentile(const Arg& x, const Arg& q, const Axes& axes = {}, ReduceOptions options = {});

}  // namespace damo
