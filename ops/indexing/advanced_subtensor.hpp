#pragma once
#include <utility>

#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/indexing/index_spec.hpp>

namespace damo {

/// The elements or slices that index tensors name, as NumPy's advanced indexing: the index tensors
/// are stretched to one shape, whose axes take the place of the axes they index, or come first when
/// another entry stands between those.
///   inputs  [x, the index's bounds (int64 scalars)..., index tensors (int64, of one rank)...]
class AdvancedSubtensor final : public OpOf<AdvancedSubtensor>,
                                public ReadsElements,
                                public ComputesWide {
 public:
  /// The index has advanced entries and no elements (an element is an index tensor of rank 0).
  explicit AdvancedSubtensor(IndexSpec index) : index_(std::move(index)) {}
  const IndexSpec& index() const { return index_; }
  static constexpr std::size_t first_bound = 1;

  std::string name() const override { return "advanced_subtensor"; }
  bool takes_storage(std::size_t i) const override { return i == 0; }
  std::string parameters() const override;
  Origin origin(const Apply&, std::size_t) const override { return {0, 1}; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Var picked(const Apply& node, std::size_t input) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override { return index_.n_bounds() > 0; }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  friend bool operator==(const AdvancedSubtensor&, const AdvancedSubtensor&) = default;

 private:
  IndexSpec index_;
};

}  // namespace damo
