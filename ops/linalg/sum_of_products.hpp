#pragma once
#include <damo/graph/op.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/linalg/matrix_product.hpp>

namespace damo {

/// The sum over the first axis of the products a[t].T b[t]: (steps, k, m) and (steps, k, n) give
/// (m, n), in one float dtype. Each product is rounded before it is added to those before, so that
/// the sum has the bits of adding one product after the other.
class SumOfProducts final : public OpOf<SumOfProducts>, public MatrixProduct, public ComputesWide {
 public:
  std::string name() const override { return "sum_of_products"; }
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
  friend bool operator==(const SumOfProducts&, const SumOfProducts&) = default;
};

Var sum_of_products(const Var& a, const Var& b);

}  // namespace damo
