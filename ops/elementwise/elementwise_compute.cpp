#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/tensor_text.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/kernels/movement/copy.hpp>

namespace damo {

void Elementwise::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  const TensorType& type = node.types()[0];
  Shape shape;
  for (std::size_t axis = 0; axis < type.rank(); ++axis) {
    std::int64_t size = type.dims[axis] == 1 ? 1 : unknown;
    std::size_t from = 0;
    for (std::size_t i = 0; i < in.size(); ++i) {
      const Shape& declared = node.input(i).type().dims;
      if (declared.empty() || (declared[axis] == 1 && type.dims[axis] != 1)) continue;
      if (size == unknown) {
        size = in[i]->shape[axis];
        from = i;
      } else if (in[i]->shape[axis] != size) {
        throw ShapeError(fmt::format("sizes differ at axis {}: {} and {} (operands {} and {})",
                                     axis, size, in[i]->shape[axis], from, i));
      }
    }
    shape.push_back(size);
  }
  out[0] = shape;
}

void Elementwise::perform(const Apply& node, TensorsIn in, TensorsOut out,
                          Workspace& scratch) const {
  const auto n = static_cast<std::size_t>(out[0]->elements());
  std::size_t bytes = 0;
  for (const Tensor* t : in) bytes += (n * item_size(t->dtype) + 63) / 64 * 64;
  std::byte* space = scratch.bytes(bytes);
  const void* sources[4] = {};
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in[i]->shape == out[0]->shape && in[i]->contiguous()) {
      sources[i] = in[i]->data;
      continue;
    }
    Tensor wide{in[i]->data, in[i]->dtype, out[0]->shape, {}};
    wide.strides.resize(wide.rank(), 0);
    for (std::size_t axis = 0; axis < in[i]->rank(); ++axis) {
      if (in[i]->shape[axis] != 1) wide.strides[axis] = in[i]->strides[axis];
    }
    copy(wide, {space, in[i]->dtype, out[0]->shape, contiguous_strides(out[0]->shape)});
    sources[i] = space;
    space += (n * item_size(in[i]->dtype) + 63) / 64 * 64;
  }
  loops(compute_dtype(node)).best()(sources, out[0]->data, n);
}

namespace {

/// A comparison of numbers that may be equal may be either.
void doubt_ties(std::span<const Wide> x, Wide& result) {
  const long double gap = std::abs(x[0].value - x[1].value);
  for (long double Wide::*bound : {&Wide::doubt, &Wide::rounding}) {
    const long double off = x[0].*bound + x[1].*bound;
    if (off > 0 && !(gap > off)) result.*bound = 1;  // or one of them is not known
  }
}

}  // namespace

void Elementwise::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  const DType from = compute_dtype(node);
  const DType to = node.types()[0].dtype;
  const bool converts = scalar_->types == ScalarOp::Types::convert;
  if (scalar_->loops.wide == nullptr || (!is_float(from) && !converts))
    return wide_by_kernel(node, in, out);
  std::vector<Tensor> shapes;
  std::vector<const Tensor*> pointers;
  for (const WideArray* a : in) shapes.push_back({nullptr, a->dtype(), a->shape(), {}});
  for (const Tensor& t : shapes) pointers.push_back(&t);
  Shape shape;
  run_shapes(node, pointers, std::span(&shape, 1));
  out[0] = WideArray(to, shape);
  // What is chosen is not rounded.
  const WideMath math(scalar_->types == ScalarOp::Types::select ? DType::boolean : to);
  std::vector<Wide> x(in.size());
  for (std::size_t i = 0; i < out[0].size(); ++i) {
    const Shape index = index_of(static_cast<std::int64_t>(i), shape);
    for (std::size_t k = 0; k < in.size(); ++k) x[k] = in[k]->stretched(index);
    const bool keeps = converts && is_float(from) && from < to;
    out[0][i] = keeps ? x[0] : math(scalar_->loops.wide, x);
    if (scalar_->types == ScalarOp::Types::predicate && x.size() == 2) doubt_ties(x, out[0][i]);
  }
}

}  // namespace damo
