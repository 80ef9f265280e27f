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
    if (!is_input(v)) {
      throw GraphError(fmt::format("{}: not an input but an expression: {}", where, describe(v)));
    }
    if (!seen.insert(v).second) {
      throw GraphError(fmt::format("{}: an input is given twice: {}", where, describe(v)));
    }
  }
}

FunctionGraph build_graph(const Vars& inputs, const Vars& outputs, const FunctionOptions& options,
                          const std::string& where) {
  check_inputs(inputs, where);
  check_updates(options.updates, where);
  for (const Var& v : outputs) {
    if (!v.defined()) throw GraphError(fmt::format("{}: an empty Var among its outputs", where));
  }
  FunctionGraph graph{inputs, outputs, options.updates.pairs(), options.name};
  const VarMap givens = resolved_givens(options.givens, where);
  if (!givens.empty()) graph = graph.with_roots(replace(graph.roots(), givens));
  for (auto& update : default_updates(graph.roots(), options.updates, options.no_default_updates)) {
    graph.updates.push_back(std::move(update));
  }
  check_leaves(graph, options.on_unused_input, where);
  return graph;
}

}  // namespace damo
