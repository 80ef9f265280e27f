#pragma once
#include <map>
#include <optional>
#include <vector>

#include <damo/graph/branch_guards.hpp>
#include <damo/ops/gradient/gradient_flow.hpp>

namespace damo {

/// Whether all guards from `depth` on of one of the ways hold, an inner one looked at only where
/// those before it hold; an empty Var where that is always so.
Var any_of_ways(const std::vector<const Way*>& ways, std::size_t depth);

/// Conditions under which something flows at all by one of several ways, each made once.
class AnyWay {
 public:
  /// One guard that holds where, besides their first `depth` guards, all those of one flow do.
  /// Nothing where that is everywhere.
  std::optional<Guard> of(const Flows& flows, std::size_t depth);

 private:
  using Key = std::vector<std::pair<std::size_t, bool>>;

  std::size_t number(const Var& condition);

  std::unordered_map<Var, std::size_t, VarHash, VarSame> numbers_;
  std::map<std::vector<Key>, Var> made_;
};

}  // namespace damo
