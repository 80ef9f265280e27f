#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/machine/scratch.hpp>
#include <damo/ops/kernels/products/binary_dot.hpp>
#include <damo/ops/kernels/products/rounded_rows.hpp>
#include <damo/ops/kernels/random/bernoulli_dot.hpp>
#include <damo/ops/linalg/bernoulli_dot.hpp>
#include <damo/ops/linalg/binary_dot.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/round_rows.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/ops/random/draw_parameters.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// The draw by what the product and the sum have given.
Draw draw_of(const Shape& dims) { return {bernoulli_logit_distribution, DType::float32, dims}; }

Shape sample_shape(const Shape& x, const Shape& w) {
  if (x.back() != w[0] && x.back() != unknown && w[0] != unknown)
    throw ShapeError(fmt::format("inner sizes differ, {} and {}", x.back(), w[0]));
  return x.rank() == 2 ? Shape{x[0], w[1]} : Shape{w[1]};
}

/// A vector is one row. The stride of a single column is of no consequence.
Matrix<const float> float_matrix_of(const Tensor& t) {
  if (t.rank() == 1)
    return {t.as<const float>(), 1, t.shape[0], 0, t.shape[0] == 1 ? 1 : t.strides[0]};
  return {t.as<const float>(), t.shape[0], t.shape[1], t.strides[0],
          t.shape[1] == 1 ? 1 : t.strides[1]};
}

/// Another operand, stretched to a product of that shape.
Matrix<const float> stretched_to(const Shape& z, const Tensor& t, const TensorType& type) {
  const std::int64_t cols = z.back();
  Matrix<const float> m{t.as<const float>(), z.rank() == 2 ? z[0] : 1, cols, 0, 0};
  if (t.rank() == 0) return m;
  for (std::size_t i = 0; i < z.rank(); ++i) {
    if (t.shape[i] != z[i] && type.dims[i] != 1) {
      throw ShapeError(fmt::format("a product of shape {} and another operand of shape {}",
                                   to_string(z), to_string(t.shape)));
    }
  }
  const std::size_t last = z.rank() - 1;
  if (t.shape[last] != 1) m.col_stride = t.strides[last];
  if (z.rank() == 2 && t.shape[0] != 1) m.row_stride = t.strides[0];
  return m;
}

/// The rounded rows of w, if these were made: a graph that was read may have other numbers there.
std::optional<RoundedRows> rounded_rows(const Tensor& t, const Tensor& w) {
  if (t.elements() == 0) return std::nullopt;
  const RoundedRows rows(t.as<const std::int64_t>());
  const bool fit = t.strides[0] == 1 && w.shape[0] <= RoundedRows::most_rows &&
                   t.elements() == RoundedRows::words(w.shape[0], w.shape[1]) &&
                   rows.rows() == w.shape[0] && rows.cols() == w.shape[1];
  if (!fit) {
    throw ShapeError(fmt::format("{} numbers are not the rounded rows of a matrix of shape {}",
                                 t.elements(), to_string(w.shape)));
  }
  return rows;
}

/// z = scale (z + bias) + shift.
void apply_to(float* z, const LogitOfSum& logit) {
  const Matrix<const float>& b = logit.bias;
  for (std::int64_t i = 0; i < b.rows; ++i, z += b.cols) {
    for (std::int64_t j = 0; j < b.cols; ++j)
      z[j] = (z[j] + b(i, j)) * logit.scale(i, j) + logit.shift(i, j);
  }
}

}  // namespace

std::string BernoulliDot::parameters() const {
  return fmt::format("{}{}", dims_to_string(dims_), verify_ ? " verify" : "");
}

void BernoulliDot::facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const {
  out[0] = zero_or_one;
}

std::vector<TensorType> BernoulliDot::infer(std::span<const TensorType> in) const {
  if (in.size() != 6 + rank() && in.size() != 7 + rank())
    throw TypeError("needs a stream's state, sizes, two factors, a bias, a scale and a shift");
  const TensorType &x = in[left_input()], &w = in[right_input()];
  for (std::size_t i = left_input(); i <= shift_input(); ++i) {
    if (in[i].dtype != DType::float32)
      throw TypeError(fmt::format("expected float32, got {}", to_string(in[i])));
    if (i >= bias_input() && in[i].rank() != 0 && in[i].rank() != rank())
      throw ShapeError(
          fmt::format("{} does not fit a sample of {} dimensions", to_string(in[i]), rank()));
  }
  if (x.rank() != rank() || rank() < 1 || rank() > 2 || w.rank() != 2)
    throw ShapeError(fmt::format("{} and {} do not fit a sample of {} dimensions", to_string(x),
                                 to_string(w), rank()));
  if (in.size() == 7 + rank() && (in.back().dtype != DType::int64 || in.back().rank() != 1))
    throw TypeError(fmt::format("expected rounded rows, got {}", to_string(in.back())));
  std::vector<TensorType> drawn(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(left_input()));
  drawn.push_back({DType::float32, sample_shape(x.dims, w.dims)});
  return draw_of(dims_).infer(drawn);
}

std::vector<std::optional<Vars>> BernoulliDot::shape_rule(const Apply& node,
                                                          const std::vector<Vars>&) const {
  const auto first = node.inputs().begin() + 1;
  return {Vars(first, first + static_cast<std::ptrdiff_t>(rank()))};
}

std::vector<Demand> BernoulliDot::demands(const Apply& node,
                                          const std::vector<Vars>& shapes) const {
  std::vector<Demand> all = draw_of(dims_).demands(node, shapes);
  const Vars &x = shapes[left_input()], &w = shapes[right_input()];
  all.push_back({Demand::Kind::equal, x.back(), w.front()});
  for (std::size_t i = bias_input(); i <= shift_input(); ++i) {
    for (std::size_t axis = 0; axis < shapes[i].size(); ++axis) {
      if (node.input(i).type().dims[axis] == 1) continue;
      const bool rows = axis + 1 < shapes[i].size();
      all.push_back({Demand::Kind::equal, rows ? x.front() : w.back(), shapes[i][axis]});
    }
  }
  return all;
}

namespace {

std::string draw_has_no_derivative(const Apply& node) {
  return fmt::format("{} is a random draw, and a draw has no derivative in its parameters",
                     describe(node.output()));
}

}  // namespace

Gradients BernoulliDot::gradient(const Apply& node, const Vars&) const {
  Gradients result(node.inputs().size());
  for (std::size_t i = left_input(); i <= shift_input(); ++i)
    result[i] = Gradient::undefined(draw_has_no_derivative(node));
  return result;
}

Vars BernoulliDot::push_forward(const Apply& node, const Vars& tangents) const {
  for (std::size_t i = left_input(); i <= shift_input(); ++i) {
    if (tangents[i].defined()) throw GradError(draw_has_no_derivative(node));
  }
  return {Var()};
}

void BernoulliDot::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  draw_of(dims_).run_shapes(node, in.first(left_input()), out);
  static_cast<void>(sample_shape(in[left_input()]->shape, in[right_input()]->shape));
}

void BernoulliDot::perform(const Apply& node, TensorsIn in, TensorsOut out,
                           Workspace& scratch) const {
  const Tensor &x = *in[left_input()], &w = *in[right_input()];
  const Shape shape = sample_shape(x.shape, w.shape);
  const auto stretched = [&](std::size_t i) {
    return stretched_to(shape, *in[i], node.input(i).type());
  };
  const LogitOfSum logit{stretched(bias_input()), stretched(scale_input()),
                         stretched(shift_input())};
  const Matrix<const float> left = float_matrix_of(x);
  const auto rounded = has_rounded(node) ? rounded_rows(*in.back(), w) : std::nullopt;
  if (rounded && shape == out[0]->shape && left.col_stride == 1 && logit.scale.col_stride == 0 &&
      (!verify_ || is_binary(left))) {
    bernoulli_dot(detail::key_of(*in[0]), left, float_matrix_of(w), *rounded, logit,
                  out[0]->as<float>());
    return;
  }
  static thread_local Scratch memory;
  Tensor z{out[0]->data, DType::float32, shape, contiguous_strides(shape)};
  if (shape != out[0]->shape)
    z.data = reinterpret_cast<std::byte*>(memory.reserve<float>(shape.elements()));
  binary_dot_into(x, w, verify_, z);
  apply_to(z.as<float>(), logit);
  std::array<const Tensor*, 4> drawn{};
  std::copy_n(in.begin(), left_input(), drawn.begin());
  drawn[left_input()] = &z;
  draw_of(dims_).perform(node, {drawn.data(), left_input() + 1}, out, scratch);
}

std::vector<std::pair<Var, Var>> BernoulliDot::state_updates(const Apply& node) const {
  return draw_of(dims_).state_updates(node);
}

namespace {

OpPtr read_bernoulli_dot(OpText& text) {
  const Shape dims = text.parameters.dims();
  return std::make_shared<BernoulliDot>(dims, text.parameters.accept_word("verify"));
}

Var sample(const Vars& in, bool rounded) {
  const Var state = constant(Array::from<std::int64_t>({7, 0, 3}));
  const Var x = cast(in[0], DType::float32);
  Vars inputs{state, x.shape(0), in[1].shape(1), x, in[1], in[2], in[3], in[4]};
  if (rounded) inputs.push_back(make_var(std::make_shared<RoundRows>(), {in[1], int_constant(9)}));
  return make_var(std::make_shared<BernoulliDot>(Shape{unknown, unknown}, false),
                  std::move(inputs));
}

}  // namespace

DAMO_OPS(bernoulli_dot) {
  ops.reader({"bernoulli_dot", read_bernoulli_dot, 7, 9});
  const std::vector<OpInput> inputs{{"mk", 0, 1, DType::boolean},
                                    {"kn", -2, 2, DType::float32},
                                    {"mn", -2, 2, DType::float32},
                                    {"m1", -2, 2, DType::float32},
                                    {"mn", -2, 2, DType::float32}};
  ops.sample({.name = "bernoulli_dot",
              .inputs = inputs,
              .apply = [](const Vars& in) { return sample(in, false); },
              .differentiable = false});
  ops.sample({.name = "round_rows",
              .inputs = inputs,
              .apply = [](const Vars& in) { return sample(in, true); },
              .differentiable = false});
}

}  // namespace damo
