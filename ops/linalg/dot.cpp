#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/error_text.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/products/gemm.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// A left operand as a matrix: a vector is one row.
template <class T>
Matrix<const T> left_matrix(const Tensor& a) {
  const auto* data = a.as<const T>();
  if (a.rank() == 1) return {data, 1, a.shape[0], 0, a.strides[0]};
  return {data, a.shape[0], a.shape[1], a.strides[0], a.strides[1]};
}
/// A right operand as a matrix: a vector is one column.
template <class T>
Matrix<const T> right_matrix(const Tensor& b) {
  const auto* data = b.as<const T>();
  if (b.rank() == 1) return {data, b.shape[0], 1, b.strides[0], 0};
  return {data, b.shape[0], b.shape[1], b.strides[0], b.strides[1]};
}

template <class T>
void multiply(T alpha, Matrix<const T> a, Matrix<const T> b, T beta, Matrix<T> c, bool vector) {
  if constexpr (std::is_floating_point_v<T>) {
    vector ? gemv(alpha, a, b, beta, c) : gemm(alpha, a, b, beta, c);
  } else {
    for (std::int64_t i = 0; i < c.rows; ++i) {
      for (std::int64_t j = 0; j < c.cols; ++j) {
        // Integers wrap around: signed overflow would be undefined.
        std::uint64_t total = 0;
        for (std::int64_t k = 0; k < a.cols; ++k)
          total += static_cast<std::uint64_t>(a(i, k)) * static_cast<std::uint64_t>(b(k, j));
        c(i, j) = alpha * static_cast<T>(total) + (beta == 0 ? 0 : beta * c(i, j));
      }
    }
  }
}

}  // namespace

Shape dot_shape(const Shape& a, const Shape& b) {
  const std::int64_t left = a.back();
  const std::int64_t right = b[0];
  if (left != right && left != unknown && right != unknown) {
    throw ShapeError(fmt::format("inner sizes differ, {} and {}", left, right));
  }
  Shape out;
  if (a.rank() == 2) out.push_back(a[0]);
  if (b.rank() == 2) out.push_back(b[1]);
  return out;
}

void dot_into(double alpha, const Tensor& a, const Tensor& b, double beta, const Tensor& out) {
  // Items of a sequence times a matrix have the bits of the sequence times it.
  const bool vector = b.rank() == 1;
  dispatch_computing(out.dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<T, bool>) {
      throw InternalError("dot: no kernel for bool");
    } else {
      const Matrix<const T> left = left_matrix<T>(a);
      const Matrix<const T> right = right_matrix<T>(b);
      multiply<T>(static_cast<T>(alpha), left, right, static_cast<T>(beta),
                  {out.as<T>(), left.rows, right.cols, right.cols, 1}, vector);
    }
  });
}

WideArray dot_wide(const WideArray& a, std::size_t a_first, const Shape& a_shape,
                   const WideArray& b, std::size_t b_first, const Shape& b_shape) {
  WideArray out(a.dtype(), dot_shape(a_shape, b_shape));
  const WideMath math(a.dtype());
  const auto inner = static_cast<std::size_t>(a_shape.back());
  const auto columns = static_cast<std::size_t>(b_shape.rank() == 2 ? b_shape[1] : 1);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t row = i / columns;
    const std::size_t column = i % columns;
    for (std::size_t k = 0; k < inner; ++k) {
      const Wide& left = a[a_first + row * inner + k];
      out[i] = math.add(out[i], math.mul(left, b[b_first + k * columns + column]));
    }
  }
  return out;
}

void Dot::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  if (!is_float(in[0]->dtype())) return wide_by_kernel(node, in, out);
  out[0] = dot_wide(*in[0], 0, in[0]->shape(), *in[1], 0, in[1]->shape());
}

std::vector<TensorType> Dot::infer(std::span<const TensorType> in) const {
  check_arity(in, 2);
  if (in[0].dtype != in[1].dtype || in[0].dtype == DType::boolean) {
    throw TypeError(fmt::format("expected one number dtype, got {} and {}", damo::name(in[0].dtype),
                                damo::name(in[1].dtype)));
  }
  for (const TensorType& t : in) {
    if (t.rank() < 1 || t.rank() > 2) {
      throw ShapeError(fmt::format("expected vectors or matrices, got {}", to_string(t)));
    }
  }
  return {{in[0].dtype, dot_shape(in[0].dims, in[1].dims)}};
}

std::vector<std::optional<Vars>> Dot::shape_rule(const Apply&,
                                                 const std::vector<Vars>& shapes) const {
  Vars sizes;
  if (shapes[0].size() == 2) sizes.push_back(shapes[0][0]);
  if (shapes[1].size() == 2) sizes.push_back(shapes[1][1]);
  return {sizes};
}

std::vector<Demand> Dot::demands(const Apply&, const std::vector<Vars>& shapes) const {
  return {{Demand::Kind::equal, shapes[0].back(), shapes[1].front()}};
}

Gradients Dot::gradient(const Apply& node, const Vars& g) const {
  const Var& a = node.input(0);
  const Var& b = node.input(1);
  const Var& gz = g[0];
  if (!is_float(a.dtype())) return Gradients(2);
  if (a.ndim() == 1 && b.ndim() == 1) return {gz * b, gz * a};
  if (a.ndim() == 1) return {dot(gz, b.T()), outer(a, gz)};
  if (b.ndim() == 1) return {outer(gz, b), dot(a.T(), gz)};
  return {dot(gz, b.T()), dot(a.T(), gz)};
}

Var some_along(const Var& marked, std::size_t axis) {
  if (constant_along(marked, axis)) return marked;
  return any(marked, static_cast<int>(axis), {.keepdims = true});
}

// Where no row is apart from the others there is nothing to take out: what flows on is chosen by
// the same mark, since 0 times what is infinite in the operand is NaN.
Var read_by_some(const Var& operand, const Var& marked, std::size_t summed, std::size_t rows) {
  if (constant_along(marked, rows)) return operand;
  return where(some_along(marked, summed), operand, 0);
}

// Rows of which some columns count and others do not, against an operand that is infinite in some:
// rare, so it is asked when it runs, of what is small: the batch, or the gradient of the batch.
Var times_operand(const Var& g, const Var& marked, const Var& operand, bool left,
                  const std::function<Var(const Var& g, const Var& operand)>& times) {
  const Var whole = times(g, operand);
  const std::size_t rank = g.ndim();
  if (constant_along(marked, rank - 1) || constant_along(marked, rank - 2)) return whole;
  const Var wild = or_(isnan(operand), isinf(operand));
  const Var read = times(cast(broadcast_like(marked, g), g.dtype()), cast(wild, g.dtype())) > 0.5;
  const Var apart = where(read, whole, times(g, where(wild, 0, operand)));
  return ifelse(any(left ? wild : isnan(whole)), apart, whole);
}

namespace {

/// A mark on elements of the product of two matrices, whatever the operands' ranks are.
Var as_mark_of_matrix(const Apply& node, const Var& marked) {
  if (marked.ndim() == 0) return marked;
  if (node.input(0).ndim() == 1) return expand_dims(marked, 0);
  return node.input(1).ndim() == 1 ? expand_dims(marked, 1) : marked;
}

/// The same for an operand of the node that is a vector.
Var as_operand(const Var& marked, const Var& operand, int axis) {
  if (marked.ndim() == 0 || operand.ndim() == 2) return marked;
  return dimshuffle(marked, {axis});
}

}  // namespace

Var Dot::read_for(const Apply& node, std::size_t input, std::size_t, const Var& marked) const {
  const Var& a = node.input(0);
  const Var& b = node.input(1);
  if (node.types()[0].rank() == 0) return marked;
  const Var matrix = as_mark_of_matrix(node, marked);
  return input == 0 ? as_operand(some_along(matrix, 1), a, 1)
                    : as_operand(some_along(matrix, 0), b, 0);
}

Gradients Dot::gradient_of_marked(const Apply& node, const Vars& g, const Vars& marked) const {
  const Var& a = node.input(0);
  const Var& b = node.input(1);
  if (!is_float(a.dtype()) || !marked[0].defined() || marked[0].ndim() == 0)
    return gradient(node, g);
  const Var matrix = as_mark_of_matrix(node, marked[0]);
  const Var read_a = a.ndim() == 2 ? read_by_some(a, matrix, 1, 0) : a;
  const Var read_b = b.ndim() == 2 ? read_by_some(b, matrix, 0, 1) : b;
  Gradients flowing;
  if (a.ndim() == 1) {
    flowing = {dot(g[0], read_b.T()), outer(a, g[0])};
  } else if (b.ndim() == 1) {
    flowing = {outer(g[0], b), dot(read_a.T(), g[0])};
  } else {
    flowing = {times_operand(g[0], matrix, read_b, false,
                             [](const Var& gz, const Var& right) { return dot(gz, right.T()); }),
               times_operand(g[0], matrix, read_a, true,
                             [](const Var& gz, const Var& left) { return dot(left.T(), gz); })};
  }
  if (constant_along(matrix, 1))
    flowing[0].value = selected(flowing[0].value, {as_operand(matrix, a, 1)});
  if (constant_along(matrix, 0))
    flowing[1].value = selected(flowing[1].value, {as_operand(matrix, b, 0)});
  return flowing;
}

Vars Dot::push_forward(const Apply& node, const Vars& tangents) const {
  Var t;
  if (tangents[0].defined()) t = dot(tangents[0], node.input(1));
  if (tangents[1].defined()) t = add_or_either(t, dot(node.input(0), tangents[1]));
  return {t};
}

namespace {

/// A way to write an operand, or its transpose, with the sizes that it has so.
struct Way {
  std::string text;
  Shape dims;
};

Shape reversed(const Shape& dims) { return dims.rank() == 2 ? Shape{dims[1], dims[0]} : dims; }

/// As it is, and transposed: a transpose is undone.
std::vector<Way> ways(const Var& v, const Shape& dims) {
  const auto* shuffle = as<DimShuffle>(v);
  const bool transposed = shuffle != nullptr && shuffle->pattern() == std::vector<int>{1, 0};
  if (transposed) {
    const std::string inner = short_name(v.inputs()[0]);
    return {{inner + ".T()", dims}, {inner, reversed(dims)}};
  }
  if (v.ndim() < 2) return {{short_name(v), dims}};
  return {{short_name(v), dims}, {short_name(v) + ".T()", reversed(dims)}};
}

}  // namespace

std::string Dot::hint(const Vars& inputs, std::span<const TensorType> types) const {
  if (types[0].dtype != types[1].dtype) {
    return fmt::format("cast({}, {}) has the other's dtype", short_name(inputs[0]),
                       damo::name(types[1].dtype));
  }
  if (types[0].rank() == 0 || types[1].rank() == 0) return "the product with a scalar is a * b";
  for (const Way& a : ways(inputs[0], types[0].dims)) {
    for (const Way& b : ways(inputs[1], types[1].dims)) {
      if (a.dims.rank() > 2 || b.dims.rank() > 2 || a.dims.back() != b.dims[0]) continue;
      if (a.dims.back() == unknown) continue;
      std::string changed;
      for (const auto& [way, v] : {std::pair(a, inputs[0]), std::pair(b, inputs[1])}) {
        if (way.text == ways(v, way.dims).front().text) continue;
        changed += fmt::format("{} {} is {}", changed.empty() ? ":" : ",", way.text,
                               dims_to_string(way.dims));
      }
      return fmt::format("dot({}, {}) fits{}", a.text, b.text, changed);
    }
  }
  return {};
}

void Dot::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  out[0] = dot_shape(in[0]->shape, in[1]->shape);
}

void Dot::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  dot_into(1, *in[0], *in[1], 0, *out[0]);
}

DAMO_OPS(dot) {
  ops.reader({"dot", read_plain<Dot>, 2, 2});
  const auto product = [](const Vars& in) { return dot(in[0], in[1]); };
  ops.sample({.name = "dot of matrices", .inputs = {{"mk"}, {"kn"}}, .apply = product});
  ops.sample({.name = "dot of vector and matrix", .inputs = {{"k"}, {"kn"}}, .apply = product});
  ops.sample({.name = "dot of matrix and vector", .inputs = {{"mk"}, {"k"}}, .apply = product});
  ops.sample({.name = "dot of vectors", .inputs = {{"k"}, {"k"}}, .apply = product});
}

}  // namespace damo
