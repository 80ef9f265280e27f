#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/kernels/products/rounded_rows.hpp>
#include <damo/ops/linalg/round_rows.hpp>

namespace damo {

std::vector<TensorType> RoundRows::infer(std::span<const TensorType> in) const {
  check_arity(in, 2);
  if (in[0].rank() != 2 || in[1].rank() != 0) throw ShapeError("expected a matrix and a scalar");
  if (in[0].dtype != DType::float32 || in[1].dtype != DType::int64)
    throw TypeError("expected float32 and int64");
  return {{DType::int64, {unknown}}};
}

namespace {
constexpr const char* no_derivative = "round_rows rounds: it has no derivative";
}  // namespace

Gradients RoundRows::gradient(const Apply&, const Vars&) const {
  return {Gradient::undefined(no_derivative), {}};
}

Vars RoundRows::push_forward(const Apply&, const Vars& tangents) const {
  if (tangents[0].defined()) throw GradError(no_derivative);
  return {Var()};
}

void RoundRows::run_shapes(const Apply&, TensorsIn in, std::span<Shape> out) const {
  const Shape& w = in[0]->shape;
  const bool pays = in[1]->first<std::int64_t>() >= uses_that_pay && w.elements() > 0 &&
                    w[0] <= RoundedRows::most_rows;
  out[0] = {pays ? RoundedRows::words(w[0], w[1]) : 0};
}

void RoundRows::perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const {
  if (out[0]->elements() == 0) return;
  const Tensor& w = *in[0];
  RoundedRows::round({w.as<const float>(), w.shape[0], w.shape[1], w.strides[0],
                      w.shape[1] == 1 ? 1 : w.strides[1]},
                     out[0]->as<std::int64_t>());
}

DAMO_OPS(round_rows) { ops.reader({"round_rows", read_plain<RoundRows>, 2, 2}); }

}  // namespace damo
