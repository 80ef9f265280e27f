#pragma once
#include <initializer_list>
#include <vector>

#include <damo/graph/var.hpp>
#include <damo/ops/shape/sizes.hpp>

// Shapes and their change. What only looks at its operand's memory in another way (dimshuffle,
// transpose, broadcast_to, specify_shape) costs nothing when it runs.
namespace damo {

/// The sizes of `x` as an int64 vector. Asking for it does not compute `x`.
Var shape(const Arg& x);
/// The number of elements, an int64 scalar.
Var size(const Arg& x);
/// The sizes of `x` as int64 scalars: constants where they are known.
Vars sizes(const Var& x);
/// One of them.
Var size_at(const Var& x, std::size_t axis);
/// The product, the sum of int64 scalars: a constant where all are.
Var size_product(const Vars& sizes);
Var size_sum(const Vars& sizes);
/// The sums of the first 0, 1, ... and of all sizes, each made of the one before.
Vars running_size_sums(const Vars& sizes);
/// int64 scalars (or scalars of any one dtype) as a vector.
Var make_vector(const Vars& scalars, Site site = Site::here());

/// An axis of the operand, or `newaxis`, in the pattern of `dimshuffle`.
class AxisEntry {
 public:
  AxisEntry(int axis) : axis_(axis) {}
  AxisEntry(NewAxis) : axis_(-1) {}
  int axis() const { return axis_; }

 private:
  int axis_;
};
/// Reorders axes, inserts new ones of size 1 and drops axes that are known to be 1:
/// `dimshuffle(v, {newaxis, 0})` makes a row of a vector. Throws ShapeError for a repeated axis or
/// for one left out that may not be 1.
Var dimshuffle(const Arg& x, const std::vector<AxisEntry>& pattern);
/// The axes in another order; reversed when `axes` is empty. Negative axes count from the end.
Var transpose(const Arg& x, const std::vector<int>& axes = {});
/// New axes of size 1 at these positions of the result; negative positions count from its end.
/// Throws ShapeError for a position that is not there or is named twice.
Var expand_dims(const Arg& x, const std::vector<int>& axes);
Var expand_dims(const Arg& x, int axis);
/// Drops every axis known to be 1.
Var squeeze(const Arg& x);

/// The same elements in row-major order under other sizes, one of which may be -1, if only when the
/// function runs: whatever is left. Throws ShapeError when the numbers of elements differ.
Var reshape(const Arg& x, const Sizes& sizes);
/// Joins all axes from `ndim - 1` on into one.
Var flatten(const Arg& x, int ndim = 1);
/// All elements as a vector.
Var ravel(const Arg& x);

/// Repeats `x` along new leading axes and along axes known to be 1, until it has these sizes.
/// Other axes must have the size already: ShapeError otherwise, when the function runs at the
/// latest.
Var broadcast_to(const Arg& x, const Sizes& sizes);
/// Repeats `x` to the shape of `like`, whose rank is at least as large. Axes in which nothing is
/// known to stretch are taken to agree.
Var broadcast_like(const Var& x, const Var& like);

/// `x` with axes that are known to be 1 no longer known to be: they do not stretch. Negative axes
/// count from the end; throws ShapeError for one that is not there or may not be 1.
Var unbroadcast(const Arg& x, const std::vector<int>& axes);
Var unbroadcast(const Arg& x, int axis);

/// Promises sizes: a number or an int64 scalar is checked when the function runs, -1 promises
/// nothing. A size promised to be 1 broadcasts. `reason`: a hint for whoever breaks the promise.
/// Throws ShapeError for a promise known to be broken.
Var specify_shape(const Arg& x, const Sizes& sizes, std::string reason = {});

}  // namespace damo
