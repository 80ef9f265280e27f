#pragma once
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/gradient_mask.hpp>

namespace damo {

/// The same elements in row-major order under other sizes.
///   inputs  [x, a size (int64 scalar) for each `unknown` of dims()...]
/// One of these may be -1 when it runs: whatever size is left.
/// It copies; where it may take over x's memory, which then is row-major, nothing moves.
class Reshape final : public OpOf<Reshape>, public ReadsElements, public ComputesWide {
 public:
  /// In dims, at most once: whatever size is left.
  static constexpr std::int64_t rest = -2;
  explicit Reshape(Shape dims) : dims_(dims) {}
  const Shape& dims() const { return dims_; }

  std::string name() const override { return "reshape"; }
  bool takes_storage(std::size_t i) const override { return i == 0; }
  std::string parameters() const override;
  Origin origin(const Apply&, std::size_t) const override { return {0, 1}; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  int inplace_input() const override { return 0; }
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  friend bool operator==(const Reshape&, const Reshape&) = default;

 private:
  /// Fills in the size left by the others; throws ShapeError when there is none, or more than one.
  static void settle(Shape& dims, const Shape& from);

  Shape dims_;
};

}  // namespace damo
