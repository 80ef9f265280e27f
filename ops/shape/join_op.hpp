#pragma once
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/gradient_mask.hpp>

namespace damo {

/// Tensors of one dtype and rank, one after the other along an axis.
class Join final : public OpOf<Join>, public ReadsElements, public ComputesWide {
 public:
  explicit Join(std::size_t axis) : axis_(axis) {}
  std::size_t axis() const { return axis_; }

  std::string name() const override { return "concatenate"; }
  bool takes_storage(std::size_t) const override { return true; }
  std::string parameters() const override { return "axis=" + std::to_string(axis_); }
  Origin origin(const Apply& node, std::size_t) const override {
    return {0, static_cast<std::uint32_t>(node.inputs().size())};
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
  friend bool operator==(const Join&, const Join&) = default;

 private:
  std::size_t axis_;
};

/// What lies between each of the positions and the next along an axis of `x`.
Vars pieces_between(const Var& x, std::size_t axis, const Vars& ends);

}  // namespace damo
