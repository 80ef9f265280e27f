#pragma once
#include <string>
#include <utility>
#include <vector>

#include <damo/graph/walk.hpp>

namespace damo {

/// What a function computes, as a value: passes take one and return another.
struct FunctionGraph {
  Vars inputs{};
  Vars outputs{};
  /// Shared variables and their next values.
  std::vector<std::pair<Var, Var>> updates{};
  std::string name{};
  /// What must be computed besides, for the errors that it may be.
  Vars checks{};

  /// Outputs, then update values, then checks: everything to be computed.
  Vars roots() const;
  /// The same graph computing `roots` (as many as `roots()`).
  FunctionGraph with_roots(const Vars& roots) const;
  /// Nodes in an order in which they can run.
  std::vector<const Apply*> order() const { return toposort(roots()); }
  /// Re-infers every type and looks for stray inputs; throws InternalError naming the node. Run
  /// after each pass in tests.
  void check() const;
};

}  // namespace damo
