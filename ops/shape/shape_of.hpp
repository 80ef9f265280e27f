#pragma once
#include <utility>

#include <damo/ops/common/gradient_mask.hpp>

namespace damo {

/// The size of one axis as an int64 scalar. It reads its operand's shape only.
class ShapeOf final : public OpOf<ShapeOf> {
 public:
  explicit ShapeOf(std::size_t axis) : axis_(axis) {}
  std::size_t axis() const { return axis_; }

  std::string name() const override { return "shape"; }
  bool takes_storage(std::size_t) const override { return true; }
  std::string parameters() const override { return std::to_string(axis_); }
  void facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const override {
    out[0] = {.nonnegative = true, .integer = true, .count = true};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  friend bool operator==(const ShapeOf&, const ShapeOf&) = default;

 private:
  std::size_t axis_;
};

/// The leaf, and its axis, whose size is that of an axis of `v` by the rules of the ops between; an
/// empty Var where these say something else.
std::pair<Var, std::size_t> source_of_size(Var v, std::size_t axis);

/// Scalars of one dtype as a vector.
class MakeVector final : public OpOf<MakeVector>, public ReadsElements {
 public:
  explicit MakeVector(DType dtype) : dtype_(dtype) {}

  std::string name() const override { return "make_vector"; }
  bool takes_storage(std::size_t) const override { return true; }
  std::string parameters() const override { return std::string(damo::name(dtype_)); }
  Origin origin(const Apply& node, std::size_t) const override {
    return {0, static_cast<std::uint32_t>(node.inputs().size())};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  friend bool operator==(const MakeVector&, const MakeVector&) = default;

 private:
  DType dtype_;  // of a vector of no scalars, too
};

}  // namespace damo
