#pragma once
#include <string>
#include <utility>

#include <damo/ops/common/gradient_mask.hpp>

namespace damo {

/// Repeats the axes known to be 1 of a tensor to given sizes, as a look at the same memory with
/// stride 0.
///   inputs  [x, a size (int64 scalar) for each `unknown` of dims()...]
/// The result has the rank of x. An axis not known to be 1 must have the size already.
class BroadcastTo final : public OpOf<BroadcastTo>, public ReadsElements {
 public:
  explicit BroadcastTo(Shape dims) : dims_(dims) {}
  /// The result's sizes, `unknown` where an input gives them.
  const Shape& dims() const { return dims_; }
  /// The result's size along `axis` as an int64 scalar.
  Var size(const Apply& node, std::size_t axis) const;
  /// The axes that are repeated.
  std::vector<int> stretched(const Apply& node) const;

  std::string name() const override { return "broadcast_to"; }
  bool takes_storage(std::size_t i) const override { return i == 0; }
  std::string parameters() const override { return dims_to_string(dims_); }
  Origin origin(const Apply&, std::size_t) const override {
    return {0, 1, Origin::Way::same_place};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override;
  bool is_view() const override { return true; }
  void view(const Apply& node, TensorsIn in, Tensor& out) const override;
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  friend bool operator==(const BroadcastTo&, const BroadcastTo&) = default;

 private:
  Shape dims_;
};

/// Checks promised sizes and is otherwise its operand.
///   inputs  [x, a size (int64 scalar) for each `unknown` of dims()...]
class SpecifyShape final : public OpOf<SpecifyShape>, public ReadsElements {
 public:
  /// In dims: nothing is promised of this axis.
  static constexpr std::int64_t free = -2;
  /// `reason`: what an error says of a promise that is broken. It makes no other op.
  explicit SpecifyShape(Shape dims, std::string reason = {})
      : dims_(dims), reason_(std::move(reason)) {}
  const Shape& dims() const { return dims_; }

  std::string name() const override { return "specify_shape"; }
  bool takes_storage(std::size_t i) const override { return i == 0; }
  std::string parameters() const override;
  Origin origin(const Apply&, std::size_t) const override {
    return {0, 1, Origin::Way::same_place};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override;
  bool is_view() const override { return true; }
  void view(const Apply& node, TensorsIn in, Tensor& out) const override;
  std::string hint(const Vars&, std::span<const TensorType>) const override { return reason_; }
  friend bool operator==(const SpecifyShape& a, const SpecifyShape& b) {
    return a.dims_ == b.dims_;
  }

 private:
  Shape dims_;
  std::string reason_;
};

}  // namespace damo
