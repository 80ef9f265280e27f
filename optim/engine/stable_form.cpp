#include <algorithm>

#include <damo/graph/map_graph.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/gradient/stable_form.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/rewriter.hpp>

// Derivatives of stable forms are stable; those of what overflows have to be mended factor by
// factor, across indexing, sums and the borders of loops.
namespace damo {
namespace {

using optim::Rule;

optim::RuleIndex index_of_stable_rules(bool with_last) {
  std::vector<const Rule*> chosen;
  for (const Rule* r : optim::all_rules()) {
    const bool useful = r->has_tag("stabilize") || r->has_tag("canonicalize") ||
                        (with_last && r->has_tag("before_grad"));
    if (useful && !r->has_tag("gradient_view")) chosen.push_back(r);
  }
  return optim::RuleIndex(std::move(chosen));
}
const optim::RuleIndex& stable_rules() {
  thread_local const optim::RuleIndex rules = index_of_stable_rules(false);
  return rules;
}
/// With those that leave nothing to stable forms of wholes.
const optim::RuleIndex& last_rules() {
  thread_local const optim::RuleIndex rules = index_of_stable_rules(true);
  return rules;
}

/// Placeholders for what is kept and computed from something else.
VarMap placeholders(const std::vector<const Apply*>& nodes, const VarSet& kept) {
  VarMap held;
  for (const Apply* node : nodes) {
    for (const Var& in : node->inputs()) {
      if (kept.contains(in) && !in.inputs().empty())
        held.try_emplace(in, input(in.type(), in.name(), in.site()));
    }
  }
  return held;
}

/// `roots` with the keys of `with` replaced, effects and draws kept, nodes in the order in which
/// they were.
Vars exchanged(const Vars& roots, const VarMap& with) {
  if (with.empty()) return roots;
  VarSet stops = optim::given_by_effects(roots);
  for (const auto& [from, to] : with) stops.insert(from);
  auto order = toposort(roots, stops);
  std::sort(order.begin(), order.end(),
            [](const Apply* a, const Apply* b) { return a->id() < b->id(); });
  return made_anew(order, roots, with);
}

}  // namespace

Vars stable_form(const Vars& roots, const VarSet& kept) {
  for (const Var& root : roots) {
    if (kept.contains(root)) return roots;
  }
  const VarMap held = placeholders(toposort(roots, kept), kept);
  optim::Rewriter rewriter(stable_rules(), {.pass = "before grad", .for_grad = true});
  optim::Rewriter last(last_rules(), {.pass = "before grad, last", .for_grad = true});
  Facts facts;
  VarMap back;
  for (const auto& [v, placeholder] : held) {
    rewriter.assume(placeholder, facts.of(v));
    last.assume(placeholder, facts.of(v));
    back.emplace(placeholder, v);
  }
  FunctionGraph graph;
  graph.outputs = exchanged(roots, held);
  for (const Var& leaf : leaves(graph.outputs)) {
    if (is_input(leaf)) graph.inputs.push_back(leaf);
  }
  FunctionGraph stable = rewriter.run(graph);
  if (rewriter.stabilized() == 0) stable = graph;
  const Vars outputs = optim::has_roots_or_quotients_of_exponentials(stable)
                           ? last.run(stable).outputs
                           : stable.outputs;
  const bool changed = rewriter.stabilized() + last.stabilized() > 0;
  return changed ? exchanged(outputs, back) : roots;
}

}  // namespace damo
