#pragma once
#include <damo/graph/op.hpp>

namespace damo {

/// The product of vectors and matrices of one dtype, as numpy.dot: (m, k) by (k, n), (k) by (k, n),
/// (m, k) by (k), (k) by (k). Operands may have any strides, so transposes cost nothing.
class Dot final : public OpOf<Dot> {
 public:
  std::string name() const override { return "dot"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  /// Transposes that would fit.
  std::string hint(const Vars& inputs, std::span<const TensorType> types) const override;
  friend bool operator==(const Dot&, const Dot&) = default;
};

/// out = alpha a b + beta out for operands of rank 1 or 2; `out` is row-major.
void dot_into(double alpha, const Tensor& a, const Tensor& b, double beta, const Tensor& out);
/// The shape of a product, from sizes or static sizes. Throws ShapeError when the inner sizes
/// differ.
Shape dot_shape(const Shape& a, const Shape& b);

}  // namespace damo
