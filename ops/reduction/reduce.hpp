#pragma once
#include <cstdint>

#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>
#include <damo/ops/reduction/reduced_axes.hpp>

namespace damo {

/// Sums, products, extrema and logical folds over some axes.
class Reduce final : public OpOf<Reduce>, public ReadsElements, public ComputesWide {
 public:
  /// `axes` has a bit for each axis that is reduced.
  Reduce(Reduction kind, std::uint32_t axes, bool keepdims)
      : kind_(kind), axes_(axes), keepdims_(keepdims) {}
  Reduction kind() const { return kind_; }
  std::uint32_t axes() const { return axes_; }
  bool keepdims() const { return keepdims_; }

  std::string name() const override;
  std::string parameters() const override;
  Origin origin(const Apply& node, std::size_t output) const override;
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override;
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Slope slope(const Apply& node) const override;
  Var read_for(const Apply& node, std::size_t input, std::size_t output,
               const Var& marked) const override;
  Var picked(const Apply& node, std::size_t input) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  friend bool operator==(const Reduce&, const Reduce&) = default;

 private:
  /// How many elements are the extremum, along the reduced axes.
  Var ties(const Var& best, DType dtype) const;

  Reduction kind_;
  std::uint32_t axes_;
  bool keepdims_;
};

/// For each element the product of the others along the reduced axes, without dividing: the
/// derivative of `prod`.
Var product_of_others(const Var& x, std::uint32_t axes);

}  // namespace damo
