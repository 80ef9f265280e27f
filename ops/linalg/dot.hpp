#pragma once
#include <functional>

#include <damo/graph/op.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/linalg/matrix_product.hpp>

namespace damo {

/// The product of vectors and matrices of one dtype, as numpy.dot: (m, k) by (k, n), (k) by (k, n),
/// (m, k) by (k), (k) by (k). Operands may have any strides, so transposes cost nothing.
class Dot final : public OpOf<Dot>,
                  public MatrixProduct,
                  public ReadsElements,
                  public ComputesWide {
 public:
  std::string name() const override { return "dot"; }
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override {
    out[0] = unless_wrapped(fact_of_total(fact_of_product(in[0], in[1])), node.types()[0].dtype);
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Slope slope(const Apply&) const override { return Slope::tame; }
  Var read_for(const Apply& node, std::size_t input, std::size_t output,
               const Var& marked) const override;
  Gradients gradient_of_marked(const Apply& node, const Vars& g, const Vars& marked) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  /// Transposes that would fit.
  std::string hint(const Vars& inputs, std::span<const TensorType> types) const override;
  friend bool operator==(const Dot&, const Dot&) = default;
};

/// Whether `v` is a product of batches of matrices.
bool is_batched_dot(const Var& v);

// What products have in common when only marked elements of them are asked for (see
// ReadsElements).
/// Whether some element along the axis is marked: the axis is kept with size 1.
Var some_along(const Var& marked, std::size_t axis);
/// An operand with zeros where no marked element reads it, as far as rows differ in that:
/// `summed` is the axis of the product along which all read the same row of the operand, `rows` the
/// product's axis of these rows.
Var read_by_some(const Var& operand, const Var& marked, std::size_t summed, std::size_t rows);

/// `times(g, operand)`, which multiplies what flows to a product with one of its operands, when `g`
/// counts where it is marked: an infinity or NaN of the operand is left out where nothing that is
/// marked reads it. `left`: whether it is the left operand, which has a row for each of a batch.
Var times_operand(const Var& g, const Var& marked, const Var& operand, bool left,
                  const std::function<Var(const Var& g, const Var& operand)>& times);

/// out = alpha a b + beta out for operands of rank 1 or 2; `out` is row-major.
void dot_into(double alpha, const Tensor& a, const Tensor& b, double beta, const Tensor& out);
/// a b with bounds on its errors, of the operands' elements from `a_first` and `b_first` on, which
/// have these shapes.
WideArray dot_wide(const WideArray& a, std::size_t a_first, const Shape& a_shape,
                   const WideArray& b, std::size_t b_first, const Shape& b_shape);
/// The shape of a product, from sizes or static sizes. Throws ShapeError when the inner sizes
/// differ.
Shape dot_shape(const Shape& a, const Shape& b);

}  // namespace damo
