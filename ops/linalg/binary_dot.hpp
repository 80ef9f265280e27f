#pragma once
#include <damo/graph/op.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/linalg/matrix_product.hpp>

namespace damo {

/// The product of a float vector or matrix that has only zeros and ones with a matrix: the sum of
/// the rows of the right one that it selects; an infinity or NaN in another row counts for nothing.
/// Where too many are selected for that to pay, or the right operand's rows are not contiguous, it
/// is made as an ordinary product, and again if that has NaN.
class BinaryDot final : public OpOf<BinaryDot>, public MatrixProduct, public ComputesWide {
 public:
  /// `verify`: the left operand is probably binary; look before relying on it.
  explicit BinaryDot(bool verify) : verify_(verify) {}
  bool verify() const { return verify_; }

  std::string name() const override { return "binary_dot"; }
  std::string parameters() const override { return verify_ ? "verify" : ""; }
  void facts(const Apply&, std::span<const Fact> in, std::span<Fact> out) const override {
    out[0] = fact_of_total(fact_of_product(in[0], in[1]));
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  friend bool operator==(const BinaryDot&, const BinaryDot&) = default;

 private:
  bool verify_;
};

/// What `BinaryDot` computes.
void binary_dot_into(const Tensor& a, const Tensor& b, bool verify, const Tensor& out);

}  // namespace damo
