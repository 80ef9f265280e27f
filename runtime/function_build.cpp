#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/error.hpp>
#include <damo/graph/leaves.hpp>
#include <damo/graph/print.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/draw.hpp>
#include <damo/ops/state_updates.hpp>
#include <damo/runtime/function_build.hpp>

namespace damo {
namespace {

void check_inputs(const Vars& inputs, const std::string& where) {
  VarSet seen;
  for (const Var& v : inputs) {
    if (!v) throw GraphError(fmt::format("{}: an empty Var among its inputs", where));
    if (is_shared(v)) {
      throw GraphError(
          fmt::format("{}: a shared variable cannot be an input: {}\n  hint: put another value in "
                      "its place with givens",
                      where, describe(v)));
    }
    if (!is_input(v)) {
      throw GraphError(fmt::format("{}: not an input but an expression: {}", where, describe(v)));
    }
    if (!seen.insert(v).second) {
      throw GraphError(fmt::format("{}: an input is given twice: {}", where, describe(v)));
    }
  }
}

void check_updates(const Updates& updates, const std::string& where) {
  VarSet seen;
  for (const auto& [target, value] : updates) {
    if (!is_shared(target)) {
      throw GraphError(
          fmt::format("{}: only shared variables can be updated, not {}", where, describe(target)));
    }
    if (!seen.insert(target).second) {
      throw GraphError(fmt::format("{}: two updates of {}", where, describe(target)));
    }
    if (value.dtype() != target.dtype()) {
      throw TypeError(fmt::format(
          "{}: the update has another dtype than its shared variable\n  shared   {}\n  update   "
          "{}\n  hint: cast(update, {})",
          where, describe(target), describe(value), name(target.dtype())));
    }
    if (value.ndim() != target.ndim()) {
      throw ShapeError(fmt::format(
          "{}: the update has {} dimensions, its shared variable {}\n  shared   {}\n  update   {}",
          where, value.ndim(), target.ndim(), describe(target), describe(value)));
    }
  }
}

VarMap checked_givens(const FunctionOptions& options, const std::string& where) {
  VarMap map;
  for (const auto& [from, to] : options.givens) {
    if (!from || !to) throw GraphError(fmt::format("{}: an empty Var among the givens", where));
    if (!refines(to.type(), from.type())) {
      const std::string text =
          fmt::format("{}: givens: the types differ\n  variable {}\n  given    {}", where,
                      describe(from), describe(to));
      if (from.dtype() != to.dtype()) throw TypeError(text);
      throw ShapeError(text);
    }
    if (!map.emplace(from, to).second) {
      throw GraphError(fmt::format("{}: two givens for {}", where, describe(from)));
    }
  }
  return map;
}

/// The shared variable whose state `v` is computed from, or an empty Var.
Var shared_behind(const Var& v) {
  if (is_shared(v)) return v;
  Var found;
  for (const Var& leaf : leaves(std::span(&v, 1))) {
    if (!is_shared(leaf)) continue;
    if (found) return {};
    found = leaf;
  }
  return found;
}

/// Next values of the shared variables that random draws (also those inside loops) move on. Several
/// draws of one stream each propose the state after their own draw; the farthest holds.
std::vector<std::pair<Var, Var>> default_updates(const Vars& roots, const Updates& given) {
  std::vector<std::pair<Var, Vars>> proposals;
  const Guards guards(roots);
  for (const Apply* node : toposort(roots)) {
    for (const auto& update : state_updates(*node, guards)) {
      const Var target = shared_behind(update.first), next = update.second;
      if (!target || given.find(target)) continue;
      auto it = std::find_if(proposals.begin(), proposals.end(),
                             [&](const auto& p) { return same(p.first, target); });
      if (it == proposals.end()) it = proposals.insert(it, {target, {}});
      const bool known = std::any_of(it->second.begin(), it->second.end(),
                                     [&](const Var& v) { return same_graph(v, next); });
      if (!known) it->second.push_back(next);
    }
  }
  std::vector<std::pair<Var, Var>> result;
  for (auto& [target, nexts] : proposals) {
    result.emplace_back(target, farthest_state(nexts));
  }
  return result;
}

std::string user_of(const Var& leaf, const Vars& roots) {
  for (const Apply* node : toposort(roots)) {
    for (const Var& in : node->inputs()) {
      if (same(in, leaf)) return describe(*node);
    }
  }
  return "an output";
}

void check_leaves(const FunctionGraph& graph, const std::string& where) {
  const Vars roots = graph.roots();
  const Vars used = leaves(roots);
  const VarSet used_set(used.begin(), used.end());
  const VarSet known(graph.inputs.begin(), graph.inputs.end());
  for (const Var& v : used) {
    if (is_input(v) && !known.contains(v)) {
      throw GraphError(fmt::format("{}: an input is missing: {}\n  used by  {}", where, describe(v),
                                   user_of(v, roots)));
    }
  }
  for (const Var& v : graph.inputs) {
    if (!used_set.contains(v)) {
      throw GraphError(
          fmt::format("{}: an input is not used by any output or update: {}", where, describe(v)));
    }
  }
}

}  // namespace

FunctionGraph build_graph(const Vars& inputs, const Vars& outputs, const FunctionOptions& options,
                          const std::string& where) {
  check_inputs(inputs, where);
  check_updates(options.updates, where);
  for (const Var& v : outputs) {
    if (!v) throw GraphError(fmt::format("{}: an empty Var among its outputs", where));
  }
  FunctionGraph graph{inputs, outputs, options.updates.pairs(), options.name};
  const VarMap givens = checked_givens(options, where);
  if (!givens.empty()) graph = graph.with_roots(replace(graph.roots(), givens));
  for (auto& update : default_updates(graph.roots(), options.updates)) {
    graph.updates.push_back(std::move(update));
  }
  check_leaves(graph, where);
  return graph;
}

}  // namespace damo
