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

/// When each node of a graph is needed: under the conditions that every way from it to a root
/// passes in a choice (`Op::chooses`).
class Guards {
 public:
  /// Variables of `known` count as leaves.
  explicit Guards(std::span<const Var> roots, const VarSet& known = {});

  /// Whether the graph has no choices.
  bool empty() const { return guards_.empty(); }
  /// The conditions under which `node` is needed, none for one that always is. A condition is
  /// itself needed wherever those before it hold.
  const std::vector<Guard>& of(const Apply& node) const;

 private:
  std::unordered_map<const Apply*, std::vector<Guard>> guards_;
};

}  // namespace damo
