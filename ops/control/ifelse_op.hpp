#pragma once
#include <damo/graph/op.hpp>

namespace damo {

/// One of two values of the same dtype and rank, by a bool scalar.
class IfElse final : public OpOf<IfElse> {
 public:
  std::string name() const override { return "ifelse"; }
  bool takes_storage(std::size_t) const override { return true; }
  Origin origin(const Apply&, std::size_t) const override {
    return {1, 3, Origin::Way::same_place};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  /// `grad` itself knows choices, so that derivatives are as lazy; this is the plain rule.
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override { return true; }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  bool chooses() const override { return true; }

  /// The tensor that a run takes; the other may be null.
  static const Tensor& taken(TensorsIn in) { return *in[*in[0]->as<bool>() ? 1 : 2]; }
};

}  // namespace damo
