#pragma once
#include <damo/graph/op.hpp>
#include <damo/ops/linalg/matrix_product.hpp>

namespace damo {

/// A Bernoulli draw of sigmoid(scale (x w + b) + shift) for an x, vector or matrix, that has only
/// zeros and ones, as one op: what `rng.bernoulli(sigmoid(scale * (dot(x, w) + b) + shift))` draws,
/// bit for bit, in float32.
///   inputs  [state, sizes (one int64 scalar an axis)..., x, w, b, scale, shift, and w as
///            `round_rows` has it, if that was made]
/// b and shift are stretched to the product, or scalars; so is scale, of which a row has one.
/// Sums of rounded rows decide nearly all elements, within a bound that is proved
/// (docs/kernels.md); where they leave doubt, the element is summed as floats.
class BernoulliDot final : public OpOf<BernoulliDot>, public MatrixProduct {
 public:
  /// `dims`: the sizes known while the graph is built, or `unknown`. `verify`: x is probably
  /// binary; look before relying on it.
  BernoulliDot(const Shape& dims, bool verify) : dims_(dims), verify_(verify) {}
  std::size_t rank() const { return dims_.rank(); }
  const Shape& dims() const { return dims_; }
  std::size_t left_input() const { return 1 + rank(); }
  std::size_t right_input() const { return 2 + rank(); }
  std::size_t bias_input() const { return 3 + rank(); }
  std::size_t scale_input() const { return 4 + rank(); }
  std::size_t shift_input() const { return 5 + rank(); }
  bool has_rounded(const Apply& node) const { return node.inputs().size() == 7 + rank(); }

  std::string name() const override { return "bernoulli_dot"; }
  std::string parameters() const override;
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override;
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  bool shapes_need_values() const override { return true; }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  std::vector<std::pair<Var, Var>> state_updates(const Apply& node) const override;
  friend bool operator==(const BernoulliDot& a, const BernoulliDot& b) {
    return a.dims_ == b.dims_ && a.verify_ == b.verify_;
  }

 private:
  Shape dims_;
  bool verify_;
};

}  // namespace damo
