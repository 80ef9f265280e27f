#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/linalg/round_rows.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/ops/shape/broadcast.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/loops/edit_loops.hpp>
#include <damo/optim/loops/if_loop_runs.hpp>

// Products that a loop computes for what it gives away and does not need itself are made outside.
// Of what only the last step's is read of, once: a sampler's last means, where its steps need
// samples only, which then are drawn without the means. Of vectors of every step, all in one: the
// biases that a recurrent network has for each frame.
namespace damo::optim {
namespace {

class OutputsOutside {
 public:
  explicit OutputsOutside(const Apply& node) : node_(node), edit_(OpenLoop::of(node)) {
    for (const auto& e : edit_.non_sequences) outside_.emplace(e.inner, e.outer);
    for (const Apply* n : toposort(edit_.body_outputs())) find_if_known(n->output());
  }

  std::optional<Vars> run() {
    const Array* n = constant_value(edit_.n_steps);
    if (n != nullptr && n->item<std::int64_t>() < RoundRows::uses_that_pay) return std::nullopt;
    const std::vector<OpenLoop::Output> had = edit_.outputs;
    std::vector<bool> leaving;
    for (const auto& o : had) leaving.push_back(!repeated(o).products.empty());
    while (keep_needed(had, leaving)) continue;
    if (std::none_of(leaving.begin(), leaving.end(), [](bool b) { return b; })) return std::nullopt;
    return rebuild(had, leaving);
  }

 private:
  using Output = OpenLoop::Output;

  /// Whether an output may be computed from values of the last step alone, or of all in one.
  static bool of_last(const Output& o) { return !o.of_state && o.keep == Scan::Keep::last_strict; }
  bool of_all(const Output& o) const {
    return !o.of_state && o.keep == Scan::Keep::trace && !edit_.condition.defined() &&
           edit_.body_output(o).ndim() == 1;
  }

  /// Whether v is a draw of units that compares a uniform one with their probability, which then is
  /// not read: the draw is made without.
  static bool is_uniform_below(const Var& v) {
    if (scalar_op(v) != vocabulary().less) return false;
    const auto* draw = as<Draw>(v.inputs()[0]);
    return draw != nullptr && &draw->distribution() == &uniform_distribution;
  }

  /// Whether a node is computed outside as at any step, and fails by the sizes of its operands
  /// only, which are the same at each step.
  static bool can_be_repeated(const Var& v) {
    return !is_leaf(v) && v.owner().n_outputs() == 1 && !is_uniform_below(v) &&
           (scalar_op(v) != nullptr || as<Dot>(v) != nullptr || as<DimShuffle>(v) != nullptr ||
            as<SpecifyShape>(v) != nullptr);
  }
  /// And whether it is a row of what that makes of the values of all steps, which are its rows.
  bool is_row(const Var& v) const {
    if (as<Dot>(v) != nullptr) return v.inputs()[0].ndim() == 1 && is_known(v.inputs()[1]);
    return scalar_op(v) != nullptr && v.ndim() <= 1;
  }

  void find_if_known(const Var& v) {
    if (is_leaf(v) || !can_be_repeated(v)) return;
    if (std::all_of(v.inputs().begin(), v.inputs().end(),
                    [this](const Var& in) { return is_known(in); }))
      known_.insert(v);
  }
  /// Whether no step changes it.
  bool is_known(const Var& v) const {
    return constant_value(v) != nullptr || is_shared(v) || outside_.contains(v) ||
           known_.contains(v);
  }

  /// What is repeated outside to compute an output, down to its products: their operands are kept.
  struct Repeated {
    Vars products{};
    Vars kept{};
  };
  Repeated repeated(const Output& o) const {
    Repeated found;
    if (!of_last(o) && !of_all(o)) return found;
    VarSet seen;
    Vars stack{edit_.body_output(o)};
    while (!stack.empty()) {
      const Var v = stack.back();
      stack.pop_back();
      if (is_known(v) || !seen.insert(v).second) continue;
      if (!can_be_repeated(v) || (!of_last(o) && !is_row(v))) {
        found.kept.push_back(v);
      } else if (as<Dot>(v) == nullptr) {
        stack.insert(stack.end(), v.inputs().begin(), v.inputs().end());
      } else {
        found.products.push_back(v);
        for (const Var& in : v.inputs()) {
          if (!is_known(in) && seen.insert(in).second) found.kept.push_back(in);
        }
      }
    }
    const bool rows = std::all_of(found.kept.begin(), found.kept.end(),
                                  [](const Var& v) { return v.ndim() <= 1; });
    return of_last(o) || rows ? found : Repeated{};
  }

  /// What the steps need for what stays in the loop.
  VarSet needed_inside(const std::vector<Output>& outputs, const std::vector<bool>& leaving) const {
    VarSet needed;
    Vars stack;
    for (const auto& s : edit_.states) stack.push_back(s.next);
    if (edit_.condition.defined()) stack.push_back(edit_.condition);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (!leaving[k]) stack.push_back(edit_.body_output(outputs[k]));
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

  /// An output whose products the steps make all the same stays; so may another, then.
  bool keep_needed(const std::vector<Output>& outputs, std::vector<bool>& leaving) const {
    const VarSet needed = needed_inside(outputs, leaving);
    bool changed = false;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (!leaving[k]) continue;
      const Vars products = repeated(outputs[k]).products;
      leaving[k] = std::none_of(products.begin(), products.end(),
                                [&](const Var& v) { return needed.contains(v); });
      changed = changed || !leaving[k];
    }
    return changed;
  }

  /// The place of the output that keeps `v` for one that leaves.
  std::size_t keep(const Var& v, bool last) {
    if (last) return edit_.add_output({false, edit_.add_extra(v), Scan::Keep::last_strict});
    for (std::size_t i = 0; i < edit_.states.size(); ++i) {
      if (same(edit_.states[i].inner, v)) return edit_.add_output({true, i, Scan::Keep::history});
    }
    return edit_.add_output({false, edit_.add_extra(v), Scan::Keep::trace});
  }

  std::optional<Vars> rebuild(const std::vector<Output>& had, const std::vector<bool>& leaving) {
    edit_.outputs.clear();
    std::vector<std::size_t> place(had.size());
    for (std::size_t k = 0; k < had.size(); ++k) {
      if (!leaving[k]) place[k] = edit_.add_output(had[k]);
    }
    std::vector<std::vector<std::pair<Var, std::size_t>>> kept(had.size());
    Vars ends(had.size());
    for (std::size_t k = 0; k < had.size(); ++k) {
      if (!leaving[k]) continue;
      ends[k] = edit_.body_output(had[k]);
      for (const Var& v : repeated(had[k]).kept) kept[k].emplace_back(v, keep(v, of_last(had[k])));
    }
    if (edit_.outputs.empty()) return std::nullopt;
    const std::vector<Output> now = edit_.outputs;
    edit_.drop_unused();
    const Vars loop = edit_.build();
    Vars result;
    for (std::size_t k = 0; k < had.size(); ++k) {
      if (!leaving[k]) {
        result.push_back(loop[place[k]]);
        continue;
      }
      VarMap with = outside_;
      for (const auto& [inner, at] : kept[k]) {
        const bool rows = now[at].keep == Scan::Keep::history;
        with.insert_or_assign(inner, rows ? loop[at][range(0, edit_.n_steps)] : loop[at]);
      }
      const Var made = of_last(had[k]) ? last_of(ends[k], with) : rows_of(ends[k], with);
      result.push_back(fit(made, node_.output(k)));
    }
    return result;
  }

  static Var last_of(const Var& v, VarMap& with) {
    for (auto& [inner, outer] : with) outer = of_sizes(outer, inner.type());
    return replace(v, with);
  }

  /// `v` of all steps, by nodes of which that of each step is a row.
  Var rows_of(const Var& end, const VarMap& with) const {
    VarMap made;
    const auto operand = [&](const Var& v) {
      if (const auto at = made.find(v); at != made.end()) return at->second;
      if (is_known(v)) {
        const Var outer = replace(v, outside_);
        return v.ndim() == 1 ? shuffle_axes(outer, {-1, 0}) : outer;
      }
      const Var rows = of_sizes(with.at(v), sequence_type(v.type()));
      return v.ndim() == 0 ? shuffle_axes(rows, {0, -1}) : rows;
    };
    for (const Apply* n : toposort(std::span(&end, 1))) {
      const Var v = n->output();
      if (n->inputs().empty() || is_known(v) || with.contains(v) || !reads(*n, made, with))
        continue;
      Vars inputs;
      if (as<Dot>(v) != nullptr) {
        inputs = {operand(n->input(0)), replace(n->input(1), outside_)};
      } else {
        for (const Var& in : n->inputs()) inputs.push_back(operand(in));
      }
      made[v] = make_var(n->op_ptr(), std::move(inputs), n->site());
    }
    return if_loop_runs(edit_.n_steps, made.at(end));
  }
  /// Whether all operands stand outside: the node is one that is repeated there.
  bool reads(const Apply& node, const VarMap& made, const VarMap& with) const {
    return std::all_of(node.inputs().begin(), node.inputs().end(), [&](const Var& in) {
      return is_known(in) || with.contains(in) || made.contains(in);
    });
  }

  const Apply& node_;
  OpenLoop edit_;
  VarMap outside_;  ///< what stands outside for variables of the body
  VarSet known_;    ///< what is computed from these alone
};

}  // namespace

/// Makes products outside that a loop makes only for what it gives away.
FunctionGraph scan_outputs_outside(const FunctionGraph& graph, const Pass::Setting& setting) {
  return edit_each_loop(
      graph, [](const Apply& node) { return OutputsOutside(node).run(); }, setting.trace,
      "scan_outputs_outside", "products for what the steps do not need are made outside");
}

}  // namespace damo::optim
