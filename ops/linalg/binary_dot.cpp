#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/products/binary_dot.hpp>
#include <damo/ops/linalg/binary_dot.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>

namespace damo {
namespace {

/// A vector is one row.
template <class T>
Matrix<const T> matrix_of(const Tensor& t) {
  if (t.rank() == 1) return {t.as<const T>(), 1, t.shape[0], t.shape[0], t.strides[0]};
  // The stride of a single column is of no consequence, and need not be 1.
  const std::int64_t step = t.shape[1] <= 1 ? 1 : t.strides[1];
  return {t.as<const T>(), t.shape[0], t.shape[1], t.strides[0], step};
}

bool rows_contiguous(const Tensor& t) {
  const std::size_t last = t.rank() - 1;
  return t.strides[last] == 1 || t.shape[last] <= 1;
}

template <class T>
bool add_selected_rows(const Tensor& a, const Tensor& b, const Tensor& out, bool verify) {
  const Matrix<const T> left = matrix_of<T>(a);
  if (verify && !is_binary(left)) return false;
  const std::int64_t cols = b.shape[1];
  return binary_dot_if_sparse(left, matrix_of<T>(b), {out.as<T>(), left.rows, cols, cols, 1});
}

/// The selected rows alone, where a dense product has met 0 times an infinity in one that is not.
template <class T>
void leave_out_unselected(const Tensor& a, const Tensor& b, const Tensor& out, bool verify) {
  const std::int64_t cols = b.shape[1];
  const Matrix<T> result{out.as<T>(), out.elements() / std::max<std::int64_t>(cols, 1), cols, cols,
                         1};
  if (!has_nan(Matrix<const T>(result)) || (verify && !is_binary(matrix_of<T>(a)))) return;
  Array left(a.dtype, a.shape), right(b.dtype, b.shape);
  copy(a, left.view());
  copy(b, right.view());
  binary_dot(matrix_of<T>(left.view()), matrix_of<T>(right.view()), result);
}

}  // namespace

std::vector<TensorType> BinaryDot::infer(std::span<const TensorType> in) const {
  check_arity(in, 2);
  if (in[0].rank() < 1 || in[0].rank() > 2 || in[1].rank() != 2)
    throw ShapeError("expected a vector or a matrix, and a matrix");
  if (!is_float(in[0].dtype)) throw TypeError("expected floats");
  return Dot().infer(in);
}

std::vector<std::optional<Vars>> BinaryDot::shape_rule(const Apply&,
                                                       const std::vector<Vars>& shapes) const {
  Vars sizes = shapes[0];
  sizes.back() = shapes[1][1];
  return {sizes};
}

std::vector<Demand> BinaryDot::demands(const Apply&, const std::vector<Vars>& shapes) const {
  return {{Demand::Kind::equal, shapes[0].back(), shapes[1].front()}};
}

Gradients BinaryDot::gradient(const Apply& node, const Vars& g) const {
  const Var& x = node.input(0);
  return {dot(g[0], node.input(1).T()), x.ndim() == 1 ? outer(x, g[0]) : dot(x.T(), g[0])};
}

Vars BinaryDot::push_forward(const Apply& node, const Vars& tangents) const {
  Var t;
  if (tangents[0].defined()) t = dot(tangents[0], node.input(1));
  if (tangents[1].defined()) t = add_or_either(t, dot(node.input(0), tangents[1]));
  return {t};
}

void BinaryDot::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  out[0] = dot_shape(in[0]->shape, in[1]->shape);
}

void BinaryDot::perform_wide(const Apply&, WidesIn in, WidesOut out) const {
  out[0] = dot_wide(*in[0], 0, in[0]->shape(), *in[1], 0, in[1]->shape());
}

void binary_dot_into(const Tensor& a, const Tensor& b, bool verify, const Tensor& out) {
  bool done = false;
  if (rows_contiguous(a) && rows_contiguous(b)) {
    done = a.dtype == DType::float32 ? add_selected_rows<float>(a, b, out, verify)
                                     : add_selected_rows<double>(a, b, out, verify);
  }
  if (done) return;
  dot_into(1, a, b, 0, out);
  if (a.dtype == DType::float32) {
    leave_out_unselected<float>(a, b, out, verify);
  } else {
    leave_out_unselected<double>(a, b, out, verify);
  }
}

void BinaryDot::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  binary_dot_into(*in[0], *in[1], verify_, *out[0]);
}

namespace {

OpPtr read_binary_dot(OpText& text) {
  return std::make_shared<BinaryDot>(text.parameters.accept_word("verify"));
}

}  // namespace

DAMO_OPS(binary_dot) {
  ops.reader({"binary_dot", read_binary_dot, 2, 2});
  ops.sample({.name = "binary_dot", .inputs = {{"mk"}, {"kn"}}, .apply = [](const Vars& in) {
                return make_var(std::make_shared<BinaryDot>(true), in);
              }});
  ops.sample(
      {.name = "binary_dot of a vector", .inputs = {{"k"}, {"kn"}}, .apply = [](const Vars& in) {
         return make_var(std::make_shared<BinaryDot>(true), in);
       }});
}

}  // namespace damo
