#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/round_rows.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/ops/shape/broadcast.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/loops/edit_loops.hpp>

// What a loop computes at each step, and of which only the last step's is read, is computed once
// outside: a sampler's last means, where its steps need samples only, which then are drawn without
// the means.
namespace damo::optim {
namespace {

class LastOutside {
 public:
  explicit LastOutside(const Apply& node) : node_(node), edit_(OpenLoop::of(node)) {
    for (const auto& e : edit_.non_sequences) outside_.emplace(e.inner, e.outer);
  }

  std::optional<Vars> run() {
    const Array* n = constant_value(edit_.n_steps);
    if (n != nullptr && n->item<std::int64_t>() < RoundRows::uses_that_pay) return std::nullopt;
    const std::vector<OpenLoop::Output> had = edit_.outputs;
    const VarSet needed = needed_inside(had);
    std::vector<bool> leaves_loop;
    for (const auto& o : had) leaves_loop.push_back(leaves(o, needed));
    if (std::none_of(leaves_loop.begin(), leaves_loop.end(), [](bool b) { return b; }))
      return std::nullopt;
    return rebuild(had, leaves_loop);
  }

 private:
  /// Whether v is a draw of units that compares a uniform one with their probability, which then is
  /// not read: the draw is made without.
  static bool is_uniform_below(const Var& v) {
    if (scalar_op(v) != vocabulary().less) return false;
    const auto* draw = as<Draw>(v.inputs()[0]);
    return draw != nullptr && &draw->distribution() == &uniform_distribution;
  }

  /// Whether a node is computed from the last step's values as from those of any other, and fails
  /// by the sizes of these only, which are the same at each step.
  static bool can_be_repeated(const Var& v) {
    return !is_leaf(v) && v.owner().n_outputs() == 1 && !is_uniform_below(v) &&
           (scalar_op(v) != nullptr || as<Dot>(v) != nullptr || as<DimShuffle>(v) != nullptr ||
            as<SpecifyShape>(v) != nullptr);
  }

  bool is_known_outside(const Var& v) const {
    if (is_leaf(v)) return constant_value(v) != nullptr || is_shared(v) || outside_.contains(v);
    return can_be_repeated(v) &&
           std::all_of(v.inputs().begin(), v.inputs().end(),
                       [this](const Var& in) { return is_known_outside(in); });
  }

  /// What is repeated outside to compute `v`, down to its products: their operands are kept.
  struct Repeated {
    Vars products{};
    Vars kept{};
  };
  Repeated repeated(const Var& v) const {
    Repeated found;
    VarSet seen;
    Vars stack{v};
    while (!stack.empty()) {
      const Var next = stack.back();
      stack.pop_back();
      if (is_known_outside(next) || !seen.insert(next).second) continue;
      if (!can_be_repeated(next)) {
        found.kept.push_back(next);
      } else if (as<Dot>(next) == nullptr) {
        stack.insert(stack.end(), next.inputs().begin(), next.inputs().end());
      } else {
        found.products.push_back(next);
        for (const Var& in : next.inputs()) {
          if (!is_known_outside(in) && seen.insert(in).second) found.kept.push_back(in);
        }
      }
    }
    return found;
  }

  /// What the steps need for what stays in the loop.
  VarSet needed_inside(const std::vector<OpenLoop::Output>& outputs) const {
    VarSet needed;
    Vars stack;
    for (const auto& s : edit_.states) stack.push_back(s.next);
    if (edit_.condition.defined()) stack.push_back(edit_.condition);
    for (const auto& o : outputs) {
      if (!may_leave(o)) stack.push_back(edit_.body_output(o));
    }
    while (!stack.empty()) {
      const Var v = stack.back();
      stack.pop_back();
      if (!needed.insert(v).second) continue;
      const std::size_t read = is_uniform_below(v) ? 1 : v.inputs().size();
      stack.insert(stack.end(), v.inputs().begin(),
                   v.inputs().begin() + static_cast<std::ptrdiff_t>(read));
    }
    return needed;
  }

  static bool may_leave(const OpenLoop::Output& o) {
    return !o.of_state && o.keep == Scan::Keep::last_strict;
  }
  bool leaves(const OpenLoop::Output& o, const VarSet& needed) const {
    if (!may_leave(o)) return false;
    const Vars products = repeated(edit_.body_output(o)).products;
    return !products.empty() && std::none_of(products.begin(), products.end(),
                                             [&](const Var& v) { return needed.contains(v); });
  }

  std::optional<Vars> rebuild(const std::vector<OpenLoop::Output>& had,
                              const std::vector<bool>& leaves_loop) {
    edit_.outputs.clear();
    std::vector<std::size_t> place(had.size());
    for (std::size_t k = 0; k < had.size(); ++k) {
      if (!leaves_loop[k]) place[k] = edit_.add_output(had[k]);
    }
    std::vector<std::pair<Var, std::size_t>> places;  // of what the nodes outside read
    for (std::size_t k = 0; k < had.size(); ++k) {
      if (!leaves_loop[k]) continue;
      for (const Var& v : repeated(edit_.body_output(had[k])).kept) {
        const OpenLoop::Output last{false, edit_.add_extra(v), Scan::Keep::last_strict};
        places.emplace_back(v, edit_.add_output(last));
      }
    }
    Vars ends;
    for (std::size_t k = 0; k < had.size(); ++k)
      ends.push_back(leaves_loop[k] ? edit_.body_output(had[k]) : Var{});
    if (edit_.outputs.empty()) return std::nullopt;
    edit_.drop_unused();
    const Vars loop = edit_.build();
    for (const auto& [inner, at] : places)
      outside_.emplace(inner, of_sizes(loop[at], inner.type()));
    Vars result;
    for (std::size_t k = 0; k < had.size(); ++k)
      result.push_back(leaves_loop[k] ? fit(replace(ends[k], outside_), node_.output(k))
                                      : loop[place[k]]);
    return result;
  }

  const Apply& node_;
  OpenLoop edit_;
  VarMap outside_;  ///< what stands outside for variables of the body
};

}  // namespace

/// Computes outside what only the last step's is read of.
FunctionGraph scan_last_outside(const FunctionGraph& graph, const Pass::Setting& setting) {
  return edit_each_loop(
      graph, [](const Apply& node) { return LastOutside(node).run(); }, setting.trace,
      "scan_last_outside", "what is read of the last step only is computed once");
}

}  // namespace damo::optim
