#include <fmt/format.h>

#include <cstdio>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/runtime/function/function_build.hpp>

namespace damo {
namespace {

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

std::string user_of(const Var& leaf, const Vars& roots) {
  for (const Apply* node : toposort(roots)) {
    for (const Var& in : node->inputs()) {
      if (same(in, leaf)) return describe(*node);
    }
  }
  return "an output";
}

void check_leaves(const FunctionGraph& graph, Unused policy, const std::string& where) {
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
    if (used_set.contains(v) || policy == Unused::ignore) continue;
    const std::string text =
        fmt::format("{}: an input is not used by any output or update: {}", where, describe(v));
    if (policy == Unused::raise) {
      throw GraphError(text + "\n  hint: on_unused_input = Unused::ignore allows it");
    }
    std::fprintf(stderr, "warning: %s\n", text.c_str());
  }
}

}  // namespace

void check_inputs(const Vars& inputs, const std::string& where) {
  VarSet seen;
  for (const Var& v : inputs) {
    if (!v.defined()) throw GraphError(fmt::format("{}: an empty Var among its inputs", where));
    if (is_shared(v)) {
      throw GraphError(
          fmt::format("{}: a shared variable cannot be an input: {}\n  hint: put another value in "
                      "its place with givens",
                      where, describe(v)));
    }
    if (constant_value(v) != nullptr) {
      throw GraphError(fmt::format("{}: a constant cannot be an input: {}", where, describe(v)));
    }
    if (!seen.insert(v).second) {
      throw GraphError(fmt::format("{}: an input is given twice: {}", where, describe(v)));
    }
  }
}

namespace {

/// Inputs in place of expressions: what is handed over is what they are, and nothing that only they
/// need is computed.
struct StandIns {
  Vars inputs;
  std::vector<std::pair<Var, Var>> givens;
};
StandIns stand_ins(const Vars& inputs, std::vector<std::pair<Var, Var>> givens) {
  StandIns result{inputs, std::move(givens)};
  for (Var& v : result.inputs) {
    if (is_input(v)) continue;
    const Var stand_in = input(v.type(), v.name().empty() ? pprint(v) : v.name(), v.site());
    result.givens.emplace_back(v, stand_in);
    v = stand_in;
  }
  return result;
}

}  // namespace

FunctionGraph build_graph(const Vars& inputs, const Vars& outputs, const FunctionOptions& options,
                          const std::string& where) {
  check_inputs(inputs, where);
  check_updates(options.updates, where);
  for (const Var& v : outputs) {
    if (!v.defined()) throw GraphError(fmt::format("{}: an empty Var among its outputs", where));
  }
  const StandIns handed = stand_ins(inputs, options.givens);
  FunctionGraph graph{handed.inputs, outputs, options.updates.pairs(), options.name};
  const VarMap givens = resolved_givens(handed.givens, where);
  if (!givens.empty()) graph = graph.with_roots(replace(graph.roots(), givens));
  for (auto& [target, next] :
       default_updates(graph.roots(), options.updates, options.no_default_updates)) {
    // As in Theano, a given holds in these, too.
    graph.updates.emplace_back(target, givens.empty() ? next : replace(next, givens));
  }
  check_leaves(graph, options.on_unused_input, where);
  return graph;
}

}  // namespace damo
