#include <damo/ops/kernels/products/binary_dot.hpp>
#include <damo/ops/linalg/binary_dot.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/runtime/program/product.hpp>

namespace damo {
namespace {

/// Laying out costs about as much as two products of few rows, or some of one row.
constexpr std::int64_t steps_that_pay = 4;
constexpr std::int64_t vector_steps_that_pay = 16;

/// A vector is one row.
template <class T>
Matrix<const T> matrix_of(const Tensor& t) {
  if (t.rank() == 1) return {t.as<const T>(), 1, t.shape[0], t.shape[0], t.strides[0]};
  return {t.as<const T>(), t.shape[0], t.shape[1], t.strides[0], t.strides[1]};
}

bool rows_contiguous(const Tensor& t) {
  const std::size_t last = t.rank() - 1;
  return t.strides[last] == 1 || t.shape[last] <= 1;
}

}  // namespace

bool ProductInstruction::fits(const Apply& node) {
  const bool product = as<Dot>(node.op()) != nullptr || as<BinaryDot>(node.op()) != nullptr;
  return product && node.input(1).ndim() == 2 && is_float(node.types()[0].dtype);
}

void ProductInstruction::run(Program& program) {
  if (changed(program)) {
    Shape shape;
    node().op().run_shapes(node(), in(), std::span(&shape, 1));
    program.set_shape(program.slots[out_slots()[0]], shape);
    settle();
  }
  out()[0]->data = program.memory(program.slots[out_slots()[0]]);
  const bool vector = in()[0]->rank() == 1;
  if (program.steps < (vector ? vector_steps_that_pay : steps_that_pay)) {
    node().op().perform(node(), in(), out(), program.scratch);
  } else if (out()[0]->dtype == DType::float32) {
    multiply(program, single_);
  } else {
    multiply(program, double_);
  }
}

template <class T>
void ProductInstruction::multiply(const Program& program, Prepared<T>& prepared) {
  const auto left = matrix_of<T>(*in()[0]);
  const Tensor& out_tensor = *out()[0];
  const std::int64_t cols = in()[1]->shape[1];
  const Matrix<T> result{out_tensor.as<T>(), left.rows, cols, cols, 1};
  if (prepared.packed_at != program.call) {
    prepared.packed.pack(matrix_of<T>(*in()[1]));
    prepared.packed_at = program.call;
  }
  if (adds_rows(left) && binary_dot_if_sparse(left, prepared.packed, result)) return;
  gemm_packed(T{1}, left, prepared.packed, T{0}, result);
  const auto* binary = as<BinaryDot>(node().op());
  if (binary != nullptr && has_nan(Matrix<const T>(result)))
    binary_dot_into(*in()[0], *in()[1], binary->verify(), out_tensor);
}

template <class T>
bool ProductInstruction::adds_rows(Matrix<const T> left) const {
  const auto* binary = as<BinaryDot>(node().op());
  if (binary == nullptr || !rows_contiguous(*in()[0])) return false;
  return !binary->verify() || is_binary(left);
}

}  // namespace damo
