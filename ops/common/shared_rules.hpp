#pragma once
#include <span>
#include <string>

#include <damo/graph/op.hpp>

// What several ops share in their rules.
namespace damo {

/// The node's op on `first` in place of its first input: the forward-mode rule of an op that is
/// linear in it.
Var reapply(const Apply& node, const Var& first);
/// The node's op on the tangents, zeros for those that are null: the forward-mode rule of an op
/// that is linear in all its inputs together. Null when all are.
Vars reapply_with_zeros(const Apply& node, const Vars& tangents);

/// Throws TypeError unless there are `n` inputs.
void check_arity(std::span<const TensorType> in, std::size_t n);

/// A number as a scalar of that dtype.
Var number(double value, DType dtype);

/// `a + b`, where an empty Var is zero.
Var add_or_either(const Var& a, const Var& b);

/// "2, newaxis, 0" and the like.
template <class Range, class F>
std::string joined(const Range& items, F&& text) {
  std::string all;
  for (const auto& item : items) all += (all.empty() ? "" : ", ") + text(item);
  return all;
}

/// An operand's text, in parentheses unless it is a call or a name.
std::string closed(const Printed& operand);

/// Output shape of a view op, for `run_shapes`: what `view` says.
template <class T>
void shapes_of_view(const T& op, const Apply& node, TensorsIn in, std::span<Shape> out) {
  Tensor looked{nullptr, node.types()[0].dtype, {}, {}};
  op.view(node, in, looked);
  out[0] = looked.shape;
}

}  // namespace damo
