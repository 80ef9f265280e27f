#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/gemm.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo {

std::vector<TensorType> Gemm::infer(std::span<const TensorType> in) const {
  check_arity(in, 5);
  for (const TensorType& t : in) {
    if (t.dtype != in[0].dtype || !is_float(t.dtype)) {
      throw TypeError(fmt::format("expected one float dtype, got {} and {}",
                                  damo::name(in[0].dtype), damo::name(t.dtype)));
    }
  }
  if (in[1].rank() != 0 || in[4].rank() != 0) throw ShapeError("alpha and beta must be scalars");
  const TensorType product = Dot().infer(in.subspan(2, 2)).front();
  if (!compatible(in[0], product)) {
    throw ShapeError(
        fmt::format("cannot add the product, {}, to {}", to_string(product), to_string(in[0])));
  }
  return {unify(in[0], product)};
}

std::vector<std::optional<Vars>> Gemm::shape_rule(const Apply&,
                                                  const std::vector<Vars>& shapes) const {
  return {shapes[0]};
}

std::vector<Demand> Gemm::demands(const Apply&, const std::vector<Vars>& shapes) const {
  std::vector<Demand> all{{Demand::Kind::equal, shapes[2].back(), shapes[3].front()}};
  Vars product;
  if (shapes[2].size() == 2) product.push_back(shapes[2][0]);
  if (shapes[3].size() == 2) product.push_back(shapes[3][1]);
  for (std::size_t i = 0; i < product.size(); ++i)
    all.push_back({Demand::Kind::equal, shapes[0][i], product[i]});
  return all;
}

Gradients Gemm::gradient(const Apply& node, const Vars& g) const {
  const Var &c = node.input(0), &alpha = node.input(1), &beta = node.input(4);
  const Var product = dot(node.input(2), node.input(3));
  const Gradients of_product = product.op().gradient(product.owner(), {alpha * g[0]});
  return {beta * g[0], sum(g[0] * product), of_product[0], of_product[1], sum(g[0] * c)};
}

Vars Gemm::push_forward(const Apply& node, const Vars& tangents) const {
  const Var &c = node.input(0), &alpha = node.input(1), &beta = node.input(4);
  const Var product = dot(node.input(2), node.input(3));
  Var t;
  if (tangents[0].defined()) t = beta * tangents[0];
  if (tangents[1].defined()) t = add_or_either(t, tangents[1] * product);
  const Var inner = product.op().push_forward(product.owner(), {tangents[2], tangents[3]})[0];
  if (inner.defined()) t = add_or_either(t, alpha * inner);
  if (tangents[4].defined()) t = add_or_either(t, tangents[4] * c);
  return {t};
}

void Gemm::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  out[0] = dot_shape(in[2]->shape, in[3]->shape);
  if (in[0]->shape != out[0]) {
    throw ShapeError(fmt::format("cannot add the product, {}, to {}", to_string(out[0]),
                                 to_string(in[0]->shape)));
  }
}

void Gemm::perform_wide(const Apply&, WidesIn in, WidesOut out) const {
  out[0] = dot_wide(*in[2], 0, in[2]->shape(), *in[3], 0, in[3]->shape());
  const WideMath math(in[0]->dtype());
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    out[0][i] = math.mul((*in[1])[0], out[0][i]);
    if ((*in[4])[0].value == 0) continue;  // then the kernel does not look at c
    out[0][i] = math.add(out[0][i], math.mul((*in[4])[0], (*in[0])[i]));
  }
}

void Gemm::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  const double alpha = in[1]->first<double>();
  const double beta = in[4]->first<double>();
  if (beta != 0 && in[0]->data != out[0]->data) copy(*in[0], *out[0]);
  dot_into(alpha, *in[2], *in[3], beta, *out[0]);
  // The kernel makes no product of nothing, which alpha times it may not be 0 of.
  if (in[2]->shape[1] == 0 && !std::isfinite(alpha))
    fill(*out[0], Array::scalar(std::nan("")).cast(out[0]->dtype).view());
}

DAMO_OPS(gemm) {
  ops.reader({"gemm", read_plain<Gemm>, 5, 5});
  const auto gemm = [](const Vars& in) { return make_var(std::make_shared<Gemm>(), in); };
  ops.sample({.name = "gemm", .inputs = {{"mn"}, {""}, {"mk"}, {"kn"}, {""}}, .apply = gemm});
  ops.sample(
      {.name = "gemm of a vector", .inputs = {{"n"}, {""}, {"k"}, {"kn"}, {""}}, .apply = gemm});
}

}  // namespace damo
