#include <algorithm>

#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/advanced_inc_subtensor.hpp>
#include <damo/ops/indexing/advanced_subtensor.hpp>
#include <damo/ops/indexing/subtensor.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/rules/shared.hpp>

// Factors that cancel across indexing. The gradient of log(s[i]) is scatter(g / s[i]) times the
// slope of s, in which s underflows with its divisor.
namespace damo::optim {
namespace {

using Group = Terms::Group;

/// The indexing that `scatter` undoes, when it adds to zeros.
bool adds_to_zeros(const Apply& scatter) {
  const auto* basic = as<IncSubtensor>(scatter.op());
  const auto* advanced = as<AdvancedIncSubtensor>(scatter.op());
  if ((basic == nullptr || basic->set()) && (advanced == nullptr || advanced->set())) return false;
  return uniform_value(scatter.input(0)) == 0.0;
}

/// Whether `gather` takes the elements that `scatter` adds to.
bool same_places(const Apply& gather, const Apply& scatter) {
  if (gather.inputs().empty()) return false;
  const auto* get = as<Subtensor>(gather.op());
  const auto* add = as<IncSubtensor>(scatter.op());
  const auto* get_many = as<AdvancedSubtensor>(gather.op());
  const auto* add_many = as<AdvancedIncSubtensor>(scatter.op());
  const bool basic = get != nullptr && add != nullptr && get->index() == add->index();
  const bool many =
      get_many != nullptr && add_many != nullptr && get_many->index() == add_many->index();
  if (!basic && !many) return false;
  for (std::size_t i = 1; i < gather.inputs().size(); ++i) {
    if (!same(gather.input(i), scatter.input(i + 1))) return false;
  }
  return true;
}

/// A quotient with its divisor apart.
struct Quotient {
  Var numerator;
  Var divisor;
};

/// scatter(y / s[i]) = scatter(y) / s for positive s and the index i that is added at; in a scatter
/// of a scatter too.
std::optional<Quotient> divisor_of_scatter(const Var& v, Context& context) {
  if (!adds_to_zeros(v.owner())) return std::nullopt;
  const Apply& scatter = v.owner();
  const Var& y = scatter.input(1);
  const Terms& terms = context.terms(Group::product, y);
  const auto& leaves = terms.leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    Quotient part;
    if (!leaves[i].inverse && leaves[i].seen.path == nullptr) {
      part = divisor_of_scatter(leaves[i].seen.core, context).value_or(Quotient{});
    } else if (leaves[i].inverse && never_zero(leaves[i], context)) {
      part.divisor = surface(leaves[i].seen);
    }
    if (!part.divisor.defined() || !same_places(part.divisor.owner(), scatter)) continue;
    std::vector<bool> drop(leaves.size(), false);
    drop[i] = true;
    const Var others = terms.without(drop).value(Group::product);
    Vars inputs = scatter.inputs();
    inputs[1] = fit(part.numerator.defined() ? part.numerator * others : others, y);
    return Quotient{make_var(scatter.op_ptr(), std::move(inputs), scatter.site()),
                    Var(part.divisor.inputs()[0])};
  }
  return std::nullopt;
}

/// set(y / set(s, i, z), i, 0) = set(y, i, 0) / s for positive s: what is not kept does not matter.
std::optional<Quotient> divisor_of_set(const Var& v, Context& context) {
  const auto* zeroed = as<IncSubtensor>(v);
  if (zeroed == nullptr || !zeroed->set() || uniform_value(v.inputs()[1]) != 0.0)
    return std::nullopt;
  const Terms& terms = context.terms(Group::product, v.inputs()[0]);
  const auto& leaves = terms.leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Var& set = leaves[i].seen.core;
    if (!leaves[i].inverse || leaves[i].seen.path != nullptr || as<IncSubtensor>(set) == nullptr ||
        !set.op().equals(v.op()) || !context.fact(set.inputs()[0]).positive)
      continue;
    if (!std::equal(set.inputs().begin() + 2, set.inputs().end(), v.inputs().begin() + 2,
                    v.inputs().end(), VarSame{}))
      continue;
    std::vector<bool> drop(leaves.size(), false);
    drop[i] = true;
    Vars inputs = v.inputs();
    inputs[0] = fit(terms.without(drop).value(Group::product), inputs[0]);
    return Quotient{make_var(v.owner().op_ptr(), std::move(inputs), v.site()),
                    Var(set.inputs()[0])};
  }
  return std::nullopt;
}

/// scatter(y / s[i]) * s = scatter(y): what was divided comes back where it came from.
std::optional<Vars> cancel_in_scatter(const Apply& node, Context& context) {
  const Terms& terms = context.terms(Group::product, node.output());
  const auto& leaves = terms.leaves();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (leaves[i].inverse) continue;
    auto quotient = divisor_of_scatter(leaves[i].seen.core, context);
    if (!quotient) quotient = divisor_of_set(leaves[i].seen.core, context);
    if (!quotient) continue;
    std::vector<bool> drop(leaves.size(), false);
    drop[i] = true;
    const Terms::Rest rest = terms.without(drop);
    if (!rest.v.defined()) continue;
    const Step* path = leaves[i].seen.path;
    const auto stable = context.stabilized(surface({quotient->numerator, path}) * rest.v /
                                           surface({quotient->divisor, path}));
    if (stable) return Vars{fit(rest.negative ? -*stable : *stable, node.output())};
  }
  return std::nullopt;
}

}  // namespace

const Rules& scatter_rules() {
  static const Rules rules{node_rewriter("cancel_in_scatter", {"mul", "div"},
                                         "scatter(y / s[i]) * s = scatter(y) for positive s",
                                         cancel_in_scatter)
                               .stabilizes()
                               .sound(Soundness::needs_fact)};
  return rules;
}

}  // namespace damo::optim
