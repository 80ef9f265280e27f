#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/ops/control/state_updates.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/runtime/function/function_build.hpp>

namespace damo {
namespace {

using Pairs = std::vector<std::pair<Var, Var>>;

/// The shared variable whose state `v` is computed from, or an empty Var.
Var shared_behind(const Var& v) {
  if (is_shared(v)) return v;
  Var found;
  for (const Var& leaf : leaves(std::span(&v, 1))) {
    if (!is_shared(leaf)) continue;
    if (found.defined()) return {};
    found = leaf;
  }
  return found;
}

/// Shared variables that loops have moved on step by step: those have their next value from there.
VarSet carried(const Vars& roots) {
  VarSet found;
  for (const Apply* node : toposort(roots)) {
    if (node->op().body() == nullptr) continue;
    for (const auto& [state, next] : node->op().state_updates(*node)) found.insert(state);
  }
  return found;
}

/// Default updates that users gave shared variables; their expressions join `roots`.
Pairs declared(Vars& roots, const std::function<bool(const Var&)>& moves) {
  Pairs found;
  VarSet seen;
  for (bool more = true; more;) {
    more = false;
    for (const Var& v : leaves(roots)) {
      if (!is_shared(v) || !seen.insert(v).second || !moves(v)) continue;
      const Var next = SharedVar(v).default_update();
      if (!next.defined()) continue;
      found.emplace_back(v, next);
      roots.push_back(next);
      more = true;
    }
  }
  return found;
}

}  // namespace

// Several draws of one stream each propose the state after their own draw; the farthest holds.
std::vector<std::pair<Var, Var>> default_updates(Vars roots, const Updates& given,
                                                 const NoDefaultUpdates& excluded) {
  const auto moves = [&](const Var& v) {
    return !given.find(v).defined() && !excluded.contains(v);
  };
  const VarSet in_loops = carried(roots);
  Pairs result = declared(roots, [&](const Var& v) { return moves(v) && !in_loops.contains(v); });
  std::vector<std::pair<Var, Vars>> proposals;
  const Guards guards(roots);
  for (const Apply* node : toposort(roots)) {
    for (const auto& update : state_updates(*node, guards)) {
      const Var target = shared_behind(update.first), next = update.second;
      const bool has_own = std::any_of(result.begin(), result.end(),
                                       [&](const auto& p) { return same(p.first, target); });
      if (!target.defined() || has_own || !moves(target)) continue;
      auto it = std::find_if(proposals.begin(), proposals.end(),
                             [&](const auto& p) { return same(p.first, target); });
      if (it == proposals.end()) it = proposals.insert(it, {target, {}});
      const bool known = std::any_of(it->second.begin(), it->second.end(),
                                     [&](const Var& v) { return same_graph(v, next); });
      if (!known) it->second.push_back(next);
    }
  }
  for (const auto& [target, nexts] : proposals) result.emplace_back(target, farthest_state(nexts));
  return result;
}

}  // namespace damo
