#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/control/ifelse_op.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo {

std::vector<TensorType> IfElse::infer(std::span<const TensorType> in) const {
  check_arity(in, 3);
  if (in[0].dtype != DType::boolean || in[0].rank() != 0) {
    throw TypeError(
        fmt::format("the condition must be a bool scalar, got {}; `where` chooses element by "
                    "element",
                    to_string(in[0])));
  }
  if (in[1].dtype != in[2].dtype) {
    throw TypeError(fmt::format("the branches must have the same dtype, got {} and {}",
                                to_string(in[1]), to_string(in[2])));
  }
  if (in[1].rank() != in[2].rank()) {
    throw ShapeError(
        fmt::format("the branches must have the same number of dimensions, got {} and {}",
                    to_string(in[1]), to_string(in[2])));
  }
  TensorType out = in[1];
  for (std::size_t axis = 0; axis < out.rank(); ++axis) {
    if (in[2].dims[axis] != out.dims[axis]) out.dims[axis] = unknown;
  }
  return {out};
}

std::vector<std::optional<Vars>> IfElse::shape_rule(const Apply& node,
                                                    const std::vector<Vars>& shapes) const {
  Vars sizes;
  for (std::size_t axis = 0; axis < shapes[1].size(); ++axis) {
    const Var &a = shapes[1][axis], &b = shapes[2][axis];
    sizes.push_back(same(a, b) ? a : ifelse(node.input(0), a, b));
  }
  return {std::move(sizes)};
}

Gradients IfElse::gradient(const Apply& node, const Vars& g) const {
  const Var& c = node.input(0);
  return {Gradient{}, Gradient(ifelse(c, g[0], zeros_like(node.input(1)))),
          Gradient(ifelse(c, zeros_like(node.input(2)), g[0]))};
}

Vars IfElse::push_forward(const Apply& node, const Vars& tangents) const {
  if (!tangents[1].defined() && !tangents[2].defined()) return {Var{}};
  const auto tangent = [&](std::size_t i) {
    return tangents[i].defined() ? tangents[i] : zeros_like(node.input(i));
  };
  return {ifelse(node.input(0), tangent(1), tangent(2))};
}

void IfElse::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  out[0] = taken(in).shape;
}

void IfElse::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  const Tensor& value = taken(in);
  if (value.data != out[0]->data) copy(value, *out[0]);
}

}  // namespace damo
