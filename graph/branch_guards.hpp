#pragma once
#include <span>
#include <unordered_map>
#include <vector>

#include <damo/graph/walk.hpp>

namespace damo {

/// A bool scalar and the value it must have.
struct Guard {
  Var condition;
  bool holds;
  friend bool operator==(const Guard& a, const Guard& b) {
    return same(a.condition, b.condition) && a.holds == b.holds;
  }
};
/// What must hold on one way from a root to a node. Each condition has been computed wherever those
/// before it hold.
using Way = std::vector<Guard>;

/// When each node of a graph is needed: where all conditions of some way from a root hold that its
/// choices (`Op::chooses`) ask for. Never less than that; more in two cases: of a node with very
/// many ways only what they have in common counts, and a condition that cannot be known before the
/// node counts as one that holds.
class Guards {
 public:
  /// Variables of `known` count as leaves.
  explicit Guards(std::span<const Var> roots, const VarSet& known = {});

  /// Whether the graph has no choices.
  bool empty() const { return ways_.empty(); }
  /// The ways to `node`, a single empty one where it is always needed. No condition depends on the
  /// node, nor on what waits for it: nodes have an order in which they come after their inputs
  /// and their conditions.
  const std::vector<Way>& ways(const Apply& node) const;
  bool always(const Apply& node) const { return ways(node).front().empty(); }

 private:
  std::unordered_map<const Apply*, std::vector<Way>> ways_;
};

}  // namespace damo
