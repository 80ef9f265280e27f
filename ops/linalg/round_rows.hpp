#pragma once
#include <damo/graph/op.hpp>

namespace damo {

/// A float32 matrix rounded for `BernoulliDot`, which is to use it so many times (an int64 scalar):
/// a RoundedRows as an int64 vector, laid out once for all steps of a loop. Empty where the uses
/// are too few to pay for it, or the matrix has too many rows.
class RoundRows final : public OpOf<RoundRows> {
 public:
  /// Uses from which on rounding pays.
  static constexpr std::int64_t uses_that_pay = 4;

  std::string name() const override { return "round_rows"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override { return true; }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  friend bool operator==(const RoundRows&, const RoundRows&) = default;
};

}  // namespace damo
