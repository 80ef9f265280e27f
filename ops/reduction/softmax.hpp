#pragma once
#include <cstdint>

#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/kernels/reductions/softmax.hpp>

namespace damo {

/// exp(x) / sum(exp(x)) over some axes (a bit for each). Where an infinity leaves it undefined, the
/// largest element has all the mass; several share it equally, or are NaN in what rewriting makes
/// of a quotient, which has no limit there.
class Softmax final : public OpOf<Softmax>, public ReadsElements, public ComputesWide {
 public:
  explicit Softmax(std::uint32_t axes, Infinities several = Infinities::share)
      : axes_(axes), several_(several) {}
  std::uint32_t axes() const { return axes_; }
  Infinities several() const { return several_; }

  std::string name() const override { return "softmax"; }
  std::string parameters() const override;
  void facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const override {
    out[0] = {.nonnegative = true, .positive = true, .at_most_one = true};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Slope slope(const Apply&) const override { return Slope::tame; }
  Var read_for(const Apply& node, std::size_t input, std::size_t output,
               const Var& marked) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  int inplace_input() const override { return 0; }
  friend bool operator==(const Softmax&, const Softmax&) = default;

 private:
  std::uint32_t axes_;
  Infinities several_;
};

/// log(softmax(x)).
class LogSoftmax final : public OpOf<LogSoftmax>, public ReadsElements, public ComputesWide {
 public:
  explicit LogSoftmax(std::uint32_t axes, Infinities several = Infinities::share)
      : axes_(axes), several_(several) {}
  std::uint32_t axes() const { return axes_; }
  Infinities several() const { return several_; }

  std::string name() const override { return "log_softmax"; }
  std::string parameters() const override;
  void facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const override {
    out[0] = {.at_most_one = true};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Slope slope(const Apply&) const override { return Slope::tame; }
  Var read_for(const Apply& node, std::size_t input, std::size_t output,
               const Var& marked) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  int inplace_input() const override { return 0; }
  friend bool operator==(const LogSoftmax&, const LogSoftmax&) = default;

 private:
  std::uint32_t axes_;
  Infinities several_;
};

/// log(sum(exp(x))) over some axes; -inf of nothing.
class LogSumExp final : public OpOf<LogSumExp>, public ReadsElements, public ComputesWide {
 public:
  LogSumExp(std::uint32_t axes, bool keepdims) : axes_(axes), keepdims_(keepdims) {}
  std::uint32_t axes() const { return axes_; }
  bool keepdims() const { return keepdims_; }

  std::string name() const override { return "logsumexp"; }
  std::string parameters() const override;
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  Slope slope(const Apply&) const override { return Slope::tame; }
  Var read_for(const Apply& node, std::size_t input, std::size_t output,
               const Var& marked) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  friend bool operator==(const LogSumExp&, const LogSumExp&) = default;

 private:
  std::uint32_t axes_;
  bool keepdims_;
};

}  // namespace damo
