#pragma once
#include <utility>

#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/checks_ahead.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/indexing/index_spec.hpp>

namespace damo {

/// A tensor with the elements that index tensors name replaced by, or added to, another tensor's.
/// An element named twice is added to twice, or keeps the last value.
///   inputs  [x, y, the index's bounds (int64 scalars)..., index tensors (int64, of one rank)...]
class AdvancedIncSubtensor final : public OpOf<AdvancedIncSubtensor>,
                                   public ReadsElements,
                                   public ComputesWide,
                                   public ChecksAhead {
 public:
  AdvancedIncSubtensor(IndexSpec index, bool set) : index_(std::move(index)), set_(set) {}
  const IndexSpec& index() const { return index_; }
  /// Whether y replaces instead of being added.
  bool set() const { return set_; }
  static constexpr std::size_t first_bound = 2;

  std::string name() const override {
    return set_ ? "advanced_set_subtensor" : "advanced_inc_subtensor";
  }
  bool takes_storage(std::size_t i) const override { return set_ && i < 2; }
  std::string parameters() const override;
  Origin origin(const Apply&, std::size_t) const override { return {0, set_ ? 2U : 0U}; }
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override {
    out[0] = fact_of_written(in[0], in[1], set_, node.types()[0].dtype);
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Var picked(const Apply& node, std::size_t input) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  int inplace_input() const override { return 0; }
  void check_ahead(const Apply& node, TensorsIn in, Workspace& scratch) const override;
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  friend bool operator==(const AdvancedIncSubtensor&, const AdvancedIncSubtensor&) = default;

 private:
  IndexSpec index_;
  bool set_;
};

}  // namespace damo
