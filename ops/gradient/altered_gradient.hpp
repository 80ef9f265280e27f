#pragma once
#include <damo/ops/common/gradient_mask.hpp>

namespace damo {

/// The identity with another gradient. The optimizer erases it.
class GradientView final : public OpOf<GradientView>, public ReadsElements {
 public:
  enum class Kind : std::uint8_t { disconnected, zero, clip, scale, undefined };
  explicit GradientView(Kind kind, double low = 0, double high = 0, std::string reason = {})
      : kind_(kind), low_(low), high_(high), reason_(std::move(reason)) {}

  std::string name() const override;
  bool takes_storage(std::size_t) const override { return true; }
  std::string parameters() const override;
  /// It has no `origin`: a function moved through would get another gradient.
  void facts(const Apply&, std::span<const Fact> in, std::span<Fact> out) const override {
    out[0] = in[0];
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override { return {in[0]}; }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[0]};
  }
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  bool is_view() const override { return true; }
  void view(const Apply&, TensorsIn in, Tensor& out) const override { out = *in[0]; }
  friend bool operator==(const GradientView& a, const GradientView& b) {
    return a.kind_ == b.kind_ && a.low_ == b.low_ && a.high_ == b.high_ && a.reason_ == b.reason_;
  }

 private:
  Kind kind_;
  double low_;
  double high_;
  std::string reason_;
};

/// `x`, an operand in which a function has no derivative: asking for one is an error.
Arg without_derivative(const char* who, const Arg& x);

}  // namespace damo
