#pragma once
#include <vector>

#include <damo/ops/common/gradient_mask.hpp>

namespace damo {

/// Another order of the axes, with new axes of size 1 and without axes known to be 1: a look at the
/// operand's memory.
class DimShuffle final : public OpOf<DimShuffle>, public ReadsElements {
 public:
  /// In a pattern: an axis of size 1 that the operand does not have.
  static constexpr int new_axis = -1;
  explicit DimShuffle(std::vector<int> pattern) : pattern_(std::move(pattern)) {}

  /// For each axis of the result, the operand's axis or `new_axis`.
  const std::vector<int>& pattern() const { return pattern_; }
  /// Whether no axis is added or dropped, given the operand's rank.
  bool is_permutation(std::size_t rank) const;
  /// Whether the axes stay in their order, so that only axes of size 1 come and go.
  bool keeps_order() const;
  /// The pattern that undoes this one on a result of this op.
  std::vector<int> inverse(std::size_t rank) const;

  std::string name() const override { return "dimshuffle"; }
  bool takes_storage(std::size_t) const override { return true; }
  std::string parameters() const override;
  Origin origin(const Apply&, std::size_t) const override { return {0, 1}; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool is_view() const override { return true; }
  void view(const Apply& node, TensorsIn in, Tensor& out) const override;
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  friend bool operator==(const DimShuffle&, const DimShuffle&) = default;

 private:
  std::vector<int> pattern_;
};

/// `x` under a pattern of axes and `DimShuffle::new_axis`; `x` itself when nothing changes.
Var shuffle_axes(const Var& x, std::vector<int> pattern, Site site = {});

/// `x` with new leading axes, so that it has `rank` of them, which is no less than its own.
Var with_leading_axes(const Var& x, std::size_t rank, Site site = {});

}  // namespace damo
