#pragma once
#include <damo/graph/op.hpp>

namespace damo {

/// Whether a demand of sizes holds. Where it does not, the error is that of another op: of a node
/// that rewrites have made superfluous, or of a function such as `repeat` that is made of several
/// ops.
///   inputs  [a, b], int64; a may be a tensor, of whose elements all are checked
///   output  a bool scalar, true
class SizeCheck final : public OpOf<SizeCheck> {
 public:
  /// `op` is whose error it is, `operands` what it says of them.
  SizeCheck(Demand::Kind kind, std::string op, const Vars& operands, Site site);
  std::string name() const override { return "size_check"; }
  std::string parameters() const override;
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>&) const override {
    return {Vars{}};
  }
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>&) const override {
    return {{kind_, node.input(0), node.input(1)}};
  }
  Vars push_forward(const Apply&, const Vars&) const override { return {Var{}}; }
  void run_shapes(const Apply&, TensorsIn, std::span<Shape> out) const override { out[0] = {}; }
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  /// One check is as good as another of the same sizes.
  friend bool operator==(const SizeCheck& a, const SizeCheck& b) {
    return a.kind_ == b.kind_ && a.op_ == b.op_;
  }

 private:
  [[noreturn]] void fail(std::int64_t a, std::int64_t b) const;
  Demand::Kind kind_;
  std::string op_;
  std::vector<std::pair<std::string, std::string>> operands_;  ///< type and reference
  std::string line_;
};

Var size_check(Demand::Kind kind, const Var& a, const Var& b, std::string op, const Vars& operands,
               Site site);
/// `v`, once `checks` have been made.
Var after_checks(const Var& v, const Vars& checks);

}  // namespace damo
