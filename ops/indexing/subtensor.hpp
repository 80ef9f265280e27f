#pragma once
#include <span>

#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/checks_ahead.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/indexing/index_spec.hpp>

namespace damo {

/// The part of a tensor that elements, ranges and new axes select, as a look at its memory.
///   inputs  [x, the index's bounds (int64 scalars)...]
class Subtensor final : public OpOf<Subtensor>, public ReadsElements {
 public:
  /// The index has no advanced entry.
  explicit Subtensor(IndexSpec index) : index_(std::move(index)) {}
  const IndexSpec& index() const { return index_; }
  static constexpr std::size_t first_bound = 1;

  std::string name() const override { return "subtensor"; }
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
  bool is_view() const override { return true; }
  void view(const Apply& node, TensorsIn in, Tensor& out) const override;
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  friend bool operator==(const Subtensor&, const Subtensor&) = default;

 private:
  IndexSpec index_;
};

/// Whether ranges that these nodes take of one tensor follow each other along an axis from its
/// beginning on, two at least, as the gates of a recurrent cell do: nothing is then taken to be
/// left out.
bool take_parts_in_turn(std::span<const Apply* const> readers);

/// A tensor with the selected part replaced by, or added to, another tensor of that part's shape.
///   inputs  [x, y, the index's bounds (int64 scalars)...]
class IncSubtensor final : public OpOf<IncSubtensor>,
                           public ReadsElements,
                           public ComputesWide,
                           public ChecksAhead {
 public:
  IncSubtensor(IndexSpec index, bool set) : index_(std::move(index)), set_(set) {}
  const IndexSpec& index() const { return index_; }
  /// Whether y replaces instead of being added.
  bool set() const { return set_; }
  static constexpr std::size_t first_bound = 2;

  std::string name() const override { return set_ ? "set_subtensor" : "inc_subtensor"; }
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
  friend bool operator==(const IncSubtensor&, const IncSubtensor&) = default;

 private:
  Tensor checked_part(TensorsIn in, const Tensor& x) const;
  IndexSpec index_;
  bool set_;
};

}  // namespace damo
