#pragma once
#include <damo/ops/common/gradient_mask.hpp>

namespace damo {

/// The identity, as rewriting sees it a value of which nothing is known. The gradient of a loop
/// puts it where a product stood that the forward loop has stored, so that its step is rewritten as
/// a step that makes the product. The optimizer erases it once the graph is stable.
class Opaque final : public OpOf<Opaque>, public ReadsElements {
 public:
  std::string name() const override { return "opaque"; }
  bool takes_storage(std::size_t) const override { return true; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[0]};
  }
  Gradients gradient(const Apply&, const Vars& g) const override { return {Gradient(g[0])}; }
  Vars push_forward(const Apply&, const Vars& tangents) const override { return tangents; }
  bool is_view() const override { return true; }
  void view(const Apply&, TensorsIn in, Tensor& out) const override { out = *in[0]; }
  friend bool operator==(const Opaque&, const Opaque&) { return true; }
};

Var opaque(const Var& x);

}  // namespace damo
