#pragma once
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <damo/ops/common/flow_through_graph.hpp>
#include <damo/ops/gradient/any_way.hpp>
#include <damo/ops/gradient/gradient_flow.hpp>

namespace damo {

/// What has flowed to a variable in parts, in the order in which they are to be added: in one sum
/// where some of it flows under a condition. `marked`: the elements to which something flows, a
/// bool that stretches to the variable; an empty Var for all.
struct Arrived {
  Vars parts;
  Var marked;
};

/// One reverse sweep over a graph: from what is seeded at its roots to `wrt`. Nothing flows through
/// `stops`.
class BackwardSweep {
 public:
  /// `behind`: the slope of what each of `wrt` is computed by, where the caller goes on from there.
  BackwardSweep(const Vars& roots, const Vars& wrt, VarSet stops = {},
                const std::vector<Slope>& behind = {});

  void seed(const Var& v, const Var& g, const Mask& mask = {}) {
    flows_[v].push_back({{}, g, mask});
  }
  /// `g` takes the place of whatever would flow to `v`.
  void fix(const Var& v, const Var& g);
  void run();

  /// The sum of what flowed to `v`, or an empty Var.
  Var total(const Var& v);
  Arrived arrived(const Var& v);

 private:
  bool leads_to_wrt(const Var& v) const;
  bool influenced(const Apply& node) const;
  /// The wildest slope between `v` and what is asked for.
  Slope behind(const Var& v) const;
  std::vector<Slope> behind_inputs(const Apply& node) const;
  void visit(const Apply& node);
  void through_zero(const Apply& node, const Flows& in, const std::vector<Guard>& guards);
  void through_op(const Apply& node, const Flows& in, const std::vector<Guard>& guards);
  void through_graph(const Apply& node, const FlowsThroughGraph& op, const Flows& in,
                     const std::vector<Guard>& guards);
  void into_branch(const Apply& choice, std::vector<Guard> guards, bool holds, const Flow& flow);
  Mask read_mask(const Apply& node, std::size_t input, const Flows& in) const;
  /// The nodes that read `v`.
  const std::vector<const Apply*>& readers_of(const Var& v) const;
  Var picked_of(const Apply& node, std::size_t input, const Flows& in) const;
  void pass_on(const Apply& node, std::size_t i, const Gradient& flowing, const Mask& mask,
               const std::vector<Guard>& guards, bool exact = false);

  VarSet stops_;
  VarSet wrt_;
  std::unordered_map<Var, Slope, VarHash, VarSame> behind_wrt_;
  VarSet fixed_;
  VarSet only_zero_;  ///< variables to which nothing but zero has flowed
  std::vector<const Apply*> order_;
  mutable std::unordered_map<Var, std::vector<const Apply*>, VarHash, VarSame> readers_;
  std::unordered_map<const Apply*, Slope> influenced_;  ///< and the slope of it and what is behind
  std::unordered_map<Var, Flows, VarHash, VarSame> flows_;
  AnyWay any_way_;
};

}  // namespace damo
