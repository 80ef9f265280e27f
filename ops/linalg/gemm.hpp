#pragma once
#include <damo/graph/op.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/checks_ahead.hpp>
#include <damo/ops/linalg/matrix_product.hpp>

namespace damo {

/// beta c + alpha dot(a, b), which may take over c's memory; to that, one after the other, further
/// multiples of products, so that a large c is gone through once.
///   inputs  [c, alpha, a, b, beta, (alpha, a, b)...], of one float dtype; alpha and beta scalars,
///   c of the products' shape
class Gemm final : public OpOf<Gemm>,
                   public MatrixProduct,
                   public ComputesWide,
                   public ChecksAhead {
 public:
  std::string name() const override { return "gemm"; }
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override;
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  int inplace_input() const override { return 0; }
  friend bool operator==(const Gemm&, const Gemm&) = default;
};

}  // namespace damo
