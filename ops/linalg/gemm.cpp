#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/products/sparse_gemm.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/gemm.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo {

namespace {

constexpr std::size_t beta_input = 4;

/// The alphas of the products stand at the places from here on; a and b come after each.
constexpr std::size_t first_product = 1;
constexpr std::size_t after(std::size_t product) {
  return product == first_product ? beta_input + 1 : product + 3;
}

Tensor some_rows(const Tensor& t, std::int64_t first, std::int64_t rows) {
  Tensor part = t;
  part.data += first * t.strides[0] * static_cast<std::int64_t>(item_size(t.dtype));
  part.shape[0] = rows;
  return part;
}

/// Rows that stay in the second-level cache while product after product is added to them.
constexpr std::int64_t rows_at_a_time = 96;
// Deeper products are not worth laying out their right operands for each part; fewer elements stay
// in the cache as they are.
constexpr std::int64_t deepest = 512;
constexpr std::int64_t fewest_elements = 1 << 16;
// Multiply-adds that are worth a thread.
constexpr std::int64_t parallel_work = std::int64_t{3} << 19;

/// c and a have rows that go together: all operands of rows, or a part of them.
void accumulate(const Tensor& c, TensorsIn in, std::int64_t first, const Tensor& out) {
  const double beta = in[beta_input]->first<double>();
  if (beta != 0 && c.data != out.data) copy(c, out);
  for (std::size_t at = first_product; at < in.size(); at = after(at)) {
    const double alpha = in[at]->first<double>();
    const bool part = out.shape != in[0]->shape;
    const Tensor a = part ? some_rows(*in[at + 1], first, out.shape[0]) : *in[at + 1];
    dot_into(alpha, a, *in[at + 2], at == first_product ? beta : 1, out);
    // The kernel makes no product of nothing, which alpha times it may not be 0 of.
    if (a.shape.back() == 0 && !std::isfinite(alpha))
      fill(out, Array::scalar(std::nan("")).cast(out.dtype).view());
  }
}

template <class T>
Matrix<const T> matrix_as_it_lies(const Tensor& t) {
  return {t.as<const T>(), t.shape[0], t.shape[1], t.strides[0], t.strides[1]};
}

/// All products at once, where their left operands have zeros to leave out.
template <class T>
bool leave_out_zeros(TensorsIn in, const Tensor& out) {
  constexpr std::size_t most_products = 8;
  std::array<ScaledProduct<T>, most_products> products;
  std::size_t n = 0;
  for (std::size_t at = first_product; at < in.size(); at = after(at), ++n) {
    if (n == most_products || in[at + 1]->rank() != 2 || in[at + 2]->rank() != 2) return false;
    products[n] = {static_cast<T>(in[at]->first<double>()), matrix_as_it_lies<T>(*in[at + 1]),
                   matrix_as_it_lies<T>(*in[at + 2])};
  }
  const Matrix<T> c{out.as<T>(), out.shape[0], out.shape[1], out.shape[1], 1};
  return gemm_if_sparse(std::span(products.data(), n),
                        static_cast<T>(in[beta_input]->first<double>()),
                        matrix_as_it_lies<T>(*in[0]), c);
}

/// Whether going through c a few rows at a time spares going through it again.
bool by_parts(TensorsIn in, const Tensor& out) {
  const bool again = in.size() > beta_input + 1 || in[0]->data != out.data;
  if (!again || out.rank() != 2 || out.elements() < fewest_elements ||
      out.shape[0] < 2 * rows_at_a_time)
    return false;
  for (std::size_t at = first_product; at < in.size(); at = after(at)) {
    if (in[at + 1]->rank() != 2 || in[at + 2]->rank() != 2 || in[at + 1]->shape[1] > deepest)
      return false;
  }
  return true;
}

}  // namespace

void Gemm::facts(const Apply&, std::span<const Fact> in, std::span<Fact> out) const {
  out[0] = fact_of_product(in[beta_input], in[0]);
  for (std::size_t at = first_product; at < in.size(); at = after(at)) {
    const Fact product = fact_of_total(fact_of_product(in[at + 1], in[at + 2]));
    out[0] = fact_of_sum(out[0], fact_of_product(in[at], product));
  }
}

std::vector<TensorType> Gemm::infer(std::span<const TensorType> in) const {
  check_arity(in, std::max<std::size_t>(5, in.size() - (in.size() + 1) % 3));
  for (const TensorType& t : in) {
    if (t.dtype != in[0].dtype || !is_float(t.dtype)) {
      throw TypeError(fmt::format("expected one float dtype, got {} and {}",
                                  damo::name(in[0].dtype), damo::name(t.dtype)));
    }
  }
  TensorType result = in[0];
  for (std::size_t at = first_product; at < in.size(); at = after(at)) {
    if (in[at].rank() != 0 || in[beta_input].rank() != 0)
      throw ShapeError("alpha and beta must be scalars");
    const TensorType product = Dot().infer(in.subspan(at + 1, 2)).front();
    if (!compatible(result, product)) {
      throw ShapeError(
          fmt::format("cannot add the product, {}, to {}", to_string(product), to_string(result)));
    }
    result = unify(result, product);
  }
  return {result};
}

std::vector<std::optional<Vars>> Gemm::shape_rule(const Apply&,
                                                  const std::vector<Vars>& shapes) const {
  return {shapes[0]};
}

std::vector<Demand> Gemm::demands(const Apply&, const std::vector<Vars>& shapes) const {
  std::vector<Demand> all;
  for (std::size_t at = first_product; at < shapes.size(); at = after(at)) {
    const Vars &a = shapes[at + 1], &b = shapes[at + 2];
    all.push_back({Demand::Kind::equal, a.back(), b.front()});
    Vars product;
    if (a.size() == 2) product.push_back(a[0]);
    if (b.size() == 2) product.push_back(b[1]);
    for (std::size_t i = 0; i < product.size(); ++i)
      all.push_back({Demand::Kind::equal, shapes[0][i], product[i]});
  }
  return all;
}

Gradients Gemm::gradient(const Apply& node, const Vars& g) const {
  const Var &c = node.input(0), &beta = node.input(beta_input);
  Gradients all(node.inputs().size());
  all[0] = beta * g[0];
  all[beta_input] = sum(g[0] * c);
  for (std::size_t at = first_product; at < all.size(); at = after(at)) {
    const Var product = dot(node.input(at + 1), node.input(at + 2));
    const Gradients inner = product.op().gradient(product.owner(), {node.input(at) * g[0]});
    all[at] = sum(g[0] * product);
    all[at + 1] = inner[0];
    all[at + 2] = inner[1];
  }
  return all;
}

Vars Gemm::push_forward(const Apply& node, const Vars& tangents) const {
  const Var &c = node.input(0), &beta = node.input(beta_input);
  Var t;
  if (tangents[0].defined()) t = beta * tangents[0];
  for (std::size_t at = first_product; at < tangents.size(); at = after(at)) {
    const Var product = dot(node.input(at + 1), node.input(at + 2));
    if (tangents[at].defined()) t = add_or_either(t, tangents[at] * product);
    const Var inner =
        product.op().push_forward(product.owner(), {tangents[at + 1], tangents[at + 2]})[0];
    if (inner.defined()) t = add_or_either(t, node.input(at) * inner);
  }
  if (tangents[beta_input].defined()) t = add_or_either(t, tangents[beta_input] * c);
  return {t};
}

void Gemm::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  for (std::size_t at = first_product; at < in.size(); at = after(at)) {
    out[0] = dot_shape(in[at + 1]->shape, in[at + 2]->shape);
    if (in[0]->shape != out[0]) {
      throw ShapeError(fmt::format("cannot add the product, {}, to {}", to_string(out[0]),
                                   to_string(in[0]->shape)));
    }
  }
}

void Gemm::perform_wide(const Apply&, WidesIn in, WidesOut out) const {
  const WideMath math(in[0]->dtype());
  for (std::size_t at = first_product; at < in.size(); at = after(at)) {
    WideArray product =
        dot_wide(*in[at + 1], 0, in[at + 1]->shape(), *in[at + 2], 0, in[at + 2]->shape());
    for (std::size_t i = 0; i < product.size(); ++i) {
      product[i] = math.mul((*in[at])[0], product[i]);
      if (at != first_product) product[i] = math.add(product[i], out[0][i]);
      // The kernel does not look at c where beta is 0.
      if (at == first_product && (*in[beta_input])[0].value != 0)
        product[i] = math.add(product[i], math.mul((*in[beta_input])[0], (*in[0])[i]));
    }
    out[0] = std::move(product);
  }
}

void Gemm::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  const bool matrix = out[0]->rank() == 2;
  if (matrix && out[0]->dtype == DType::float32 && leave_out_zeros<float>(in, *out[0])) return;
  if (matrix && out[0]->dtype == DType::float64 && leave_out_zeros<double>(in, *out[0])) return;
  if (!by_parts(in, *out[0])) return accumulate(*in[0], in, 0, *out[0]);
  const std::int64_t rows = out[0]->shape[0];
  std::int64_t depth = 0;
  for (std::size_t at = first_product; at < in.size(); at = after(at))
    depth += in[at + 1]->shape[1];
  const bool parallel = out[0]->elements() * depth > parallel_work;
  const std::int64_t parts = (rows + rows_at_a_time - 1) / rows_at_a_time;
  parallel_for(parts, parallel ? 1 : parts, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t part = begin; part < end; ++part) {
      const std::int64_t first = part * rows_at_a_time;
      const std::int64_t some = std::min(rows_at_a_time, rows - first);
      accumulate(some_rows(*in[0], first, some), in, first, some_rows(*out[0], first, some));
    }
  });
}

DAMO_OPS(gemm) {
  ops.reader({"gemm", read_plain<Gemm>, 5, OpReader::any});
  const auto gemm = [](const Vars& in) { return make_var(std::make_shared<Gemm>(), in); };
  ops.sample({.name = "gemm", .inputs = {{"mn"}, {""}, {"mk"}, {"kn"}, {""}}, .apply = gemm});
  ops.sample({.name = "gemm of two products",
              .inputs = {{"mn"}, {""}, {"mk"}, {"kn"}, {""}, {""}, {"ml"}, {"ln"}},
              .apply = gemm});
  ops.sample(
      {.name = "gemm of a vector", .inputs = {{"n"}, {""}, {"k"}, {"kn"}, {""}}, .apply = gemm});
}

}  // namespace damo
