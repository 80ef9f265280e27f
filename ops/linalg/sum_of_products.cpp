#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/products/gemm.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/linalg/sum_of_products.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

std::int64_t common(const char* what, std::int64_t a, std::int64_t b) {
  if (a != b && a != unknown && b != unknown)
    throw ShapeError(fmt::format("{} differ, {} and {}", what, a, b));
  return a == unknown ? b : a;
}

Shape product_shape(const Shape& a, const Shape& b) {
  common("numbers of steps", a[0], b[0]);
  common("inner sizes", a[1], b[1]);
  return {a[2], b[2]};
}

/// The distance of the rows of all steps, one after the other; nothing when they are not evenly
/// spaced.
std::optional<std::int64_t> row_stride(const Tensor& t) {
  if (t.shape[1] == 1) return t.strides[0];
  if (t.shape[0] <= 1 || t.strides[0] == t.shape[1] * t.strides[1]) return t.strides[1];
  return std::nullopt;
}

template <class T>
Matrix<const T> rows_of(const Tensor& t, std::int64_t stride) {
  return {t.as<const T>(), t.shape[0] * t.shape[1], t.shape[2], stride, t.strides[2]};
}

template <class T>
Matrix<const T> rows_at(const Tensor& t, std::int64_t step) {
  return {t.as<const T>() + step * t.strides[0], t.shape[1], t.shape[2], t.strides[1],
          t.strides[2]};
}

template <class T>
void sum_products(const Tensor& a, const Tensor& b, const Tensor& out) {
  const Matrix<T> c{out.as<T>(), out.shape[0], out.shape[1], out.shape[1], 1};
  const auto left = row_stride(a);
  const auto right = row_stride(b);
  if (left && right)
    return gemm_by_steps(a.shape[1], rows_of<T>(a, *left).transposed(), rows_of<T>(b, *right), c);
  for (std::int64_t t = 0; t < a.shape[0]; ++t)
    gemm(T{1}, rows_at<T>(a, t).transposed(), rows_at<T>(b, t), t == 0 ? T{0} : T{1}, c);
}

}  // namespace

std::vector<TensorType> SumOfProducts::infer(std::span<const TensorType> in) const {
  check_arity(in, 2);
  if (in[0].dtype != in[1].dtype || !is_float(in[0].dtype)) {
    throw TypeError(fmt::format("expected one float dtype, got {} and {}", damo::name(in[0].dtype),
                                damo::name(in[1].dtype)));
  }
  if (in[0].rank() != 3 || in[1].rank() != 3) {
    throw ShapeError(fmt::format("expected the matrices of all steps, got {} and {}",
                                 to_string(in[0]), to_string(in[1])));
  }
  return {{in[0].dtype, product_shape(in[0].dims, in[1].dims)}};
}

std::vector<std::optional<Vars>> SumOfProducts::shape_rule(const Apply&,
                                                           const std::vector<Vars>& shapes) const {
  return {Vars{shapes[0][2], shapes[1][2]}};
}

std::vector<Demand> SumOfProducts::demands(const Apply&, const std::vector<Vars>& shapes) const {
  return {{Demand::Kind::equal, shapes[0][0], shapes[1][0]},
          {Demand::Kind::equal, shapes[0][1], shapes[1][1]}};
}

Gradients SumOfProducts::gradient(const Apply& node, const Vars& g) const {
  return {dot(node.input(1), g[0].T()), dot(node.input(0), g[0])};
}

Vars SumOfProducts::push_forward(const Apply& node, const Vars& tangents) const {
  Var t;
  if (tangents[0].defined()) t = sum_of_products(tangents[0], node.input(1));
  if (tangents[1].defined()) t = add_or_either(t, sum_of_products(node.input(0), tangents[1]));
  return {t};
}

void SumOfProducts::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  out[0] = product_shape(in[0]->shape, in[1]->shape);
}

void SumOfProducts::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  if (out[0]->dtype == DType::float32) {
    sum_products<float>(*in[0], *in[1], *out[0]);
  } else {
    sum_products<double>(*in[0], *in[1], *out[0]);
  }
}

void SumOfProducts::perform_wide(const Apply&, WidesIn in, WidesOut out) const {
  const WideArray &a = *in[0], &b = *in[1];
  const auto size = [](const Shape& s, std::size_t i) { return static_cast<std::size_t>(s[i]); };
  const std::size_t steps = size(a.shape(), 0) * size(a.shape(), 1);
  const std::size_t m = size(a.shape(), 2);
  const std::size_t n = size(b.shape(), 2);
  out[0] = WideArray(a.dtype(), {a.shape()[2], b.shape()[2]});
  const WideMath math(a.dtype());
  for (std::size_t k = 0; k < steps; ++k) {
    for (std::size_t i = 0; i < m * n; ++i)
      out[0][i] = math.add(out[0][i], math.mul(a[k * m + i / n], b[k * n + i % n]));
  }
}

Var sum_of_products(const Var& a, const Var& b) {
  return make_var(std::make_shared<SumOfProducts>(), {a, b});
}

DAMO_OPS(sum_of_products) {
  ops.reader({"sum_of_products", read_plain<SumOfProducts>, 2, 2});
  ops.sample({.name = "sum_of_products", .inputs = {{"bkm"}, {"bkn"}}, .apply = [](const Vars& in) {
                return sum_of_products(in[0], in[1]);
              }});
}

}  // namespace damo
