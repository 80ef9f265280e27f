#pragma once
#include <cstdint>

#include <damo/graph/wide/wide.hpp>
#include <damo/ops/reduction/reduced_axes.hpp>

namespace damo {

/// Where the largest or smallest element is, in row-major order over the reduced axes.
class ArgReduce final : public OpOf<ArgReduce>, public ComputesWide {
 public:
  ArgReduce(bool largest, std::uint32_t axes, bool keepdims)
      : largest_(largest), axes_(axes), keepdims_(keepdims) {}
  bool largest() const { return largest_; }
  std::uint32_t axes() const { return axes_; }
  bool keepdims() const { return keepdims_; }

  std::string name() const override { return largest_ ? "argmax" : "argmin"; }
  std::string parameters() const override;
  void facts(const Apply&, std::span<const Fact>, std::span<Fact> out) const override {
    out[0] = {.nonnegative = true, .integer = true};
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  friend bool operator==(const ArgReduce&, const ArgReduce&) = default;

 private:
  bool largest_;
  std::uint32_t axes_;
  bool keepdims_;
};

}  // namespace damo
