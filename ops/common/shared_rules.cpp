#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo {

Var reapply(const Apply& node, const Var& first) {
  Vars inputs = node.inputs();
  inputs[0] = first;
  return make_var(node.op_ptr(), std::move(inputs), node.site());
}

Vars reapply_with_zeros(const Apply& node, const Vars& tangents) {
  Vars inputs;
  bool any = false;
  for (std::size_t i = 0; i < tangents.size(); ++i) {
    any = any || tangents[i].defined();
    inputs.push_back(tangents[i].defined() ? tangents[i] : zeros_like(node.input(i)));
  }
  if (!any) return Vars(node.n_outputs());
  return make_node(node.op_ptr(), std::move(inputs), node.site());
}

void check_arity(std::span<const TensorType> in, std::size_t n) {
  if (in.size() != n) {
    throw TypeError(fmt::format("expected {} operands, got {}", n, in.size()));
  }
}

Var number(double value, DType dtype) {
  return (is_float(dtype) ? Arg(value) : Arg(static_cast<long>(value))).var(dtype);
}

Var add_or_either(const Var& a, const Var& b) {
  if (!a.defined()) return b;
  return b.defined() ? a + b : a;
}

std::string closed(const Printed& operand) {
  return operand.precedence < 100 ? "(" + operand.text + ")" : operand.text;
}

}  // namespace damo
