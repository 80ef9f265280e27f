#pragma once
#include <cstddef>
#include <optional>

#include <damo/graph/var.hpp>

// What running sums and products have in common.
namespace damo {

/// The axis along which `v` is a cumsum of its input; nothing where it is none.
std::optional<std::size_t> cumsum_axis(const Var& v);
/// The same of a cumprod.
std::optional<std::size_t> cumprod_axis(const Var& v);

/// From the last along the axis to the first.
Var reversed(const Var& x, std::size_t axis);
/// `x` one step later along the axis, with `first` before it.
Var later(const Var& x, std::size_t axis, double first);
/// One step earlier, with zeros after it.
Var earlier(const Var& x, std::size_t axis);
/// y_i = a_i y_(i+1) + b_i, from the last to the first.
Var backward_recurrence(const Var& a, const Var& b, std::size_t axis);

}  // namespace damo
