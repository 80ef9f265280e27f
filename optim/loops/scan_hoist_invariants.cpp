#include <algorithm>
#include <unordered_set>

#include <damo/graph/branch_guards.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/loop/loop_reads.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>
#include <damo/optim/loops/edit_loops.hpp>
#include <damo/optim/loops/if_loop_runs.hpp>

namespace damo::optim {
namespace {

/// What moves out of one loop.
class Hoist {
 public:
  explicit Hoist(const Apply& node) : edit_(OpenLoop::of(node)) {}

  std::optional<Vars> run() {
    merge_inputs();
    find_invariants();
    if (changed_) {
      edit_.replace_in_body(replaced_);
      edit_.drop_unused();
    }
    order_by_use();
    return changed_ ? std::optional(edit_.build()) : std::nullopt;
  }

 private:
  /// Constants move into the body, and inputs that are the same outside become one.
  void merge_inputs() {
    VarMap first;
    const auto merge = [&](std::vector<OpenLoop::Entry>& list, bool inline_constants) {
      first.clear();
      std::vector<OpenLoop::Entry> kept;
      for (const OpenLoop::Entry& c : list) {
        const bool constant = inline_constants && constant_value(c.outer) != nullptr;
        const auto it = first.find(c.outer);
        const bool again = it != first.end() && refines(it->second.type(), c.inner.type());
        if (constant || again) {
          replaced_[c.inner] = constant ? c.outer : it->second;
          changed_ = true;
          continue;
        }
        first.emplace(c.outer, c.inner);
        kept.push_back(c);
      }
      list = std::move(kept);
    };
    merge(edit_.non_sequences, true);
    merge(edit_.sequences, false);
    edit_.replace_in_body(replaced_);
    replaced_.clear();
    for (const OpenLoop::Entry& c : edit_.non_sequences) outer_[c.inner] = c.outer;
  }

  void find_invariants() {
    Vars roots;
    for (const auto& s : edit_.states) roots.push_back(s.next);
    roots.insert(roots.end(), edit_.extras.begin(), edit_.extras.end());
    if (edit_.condition.defined()) roots.push_back(edit_.condition);
    const auto order = toposort(roots);
    for (const Apply* node : order) {
      if (!node->inputs().empty()) lift(*node);
    }
    keep_branches(order, Guards(roots));
    // Only what varying nodes and outputs read needs a way into the loop.
    for (const Apply* node : order) {
      if (outer_.contains(node->output())) continue;
      for (const Var& in : node->inputs()) bring_in(in);
    }
    for (const Var& root : roots) bring_in(root);
  }

  /// What only one branch of a choice needs stays in the loop with the choice: a step may not take
  /// that branch.
  void keep_branches(const std::vector<const Apply*>& order, const Guards& guards) {
    if (guards.empty()) return;
    for (std::size_t i = order.size(); i-- > 0;) {
      if (outer_.contains(order[i]->output())) continue;
      for (const Var& in : order[i]->inputs()) {
        if (in.inputs().empty() || guards.always(in.owner())) continue;
        for (const Var& v : in.owner().outputs()) outer_.erase(v);
      }
    }
  }

  /// The node outside, when all it reads is there.
  void lift(const Apply& node) {
    if (const Var size = size_outside(node); size.defined()) {
      outer_[node.output()] = size;
      return;
    }
    if (!node.op().pure() || !node.op().state_updates(node).empty()) return;
    Vars inputs;
    bool varies = true;
    for (const Var& in : node.inputs()) {
      if (constant_value(in) != nullptr) {
        inputs.push_back(in);
        continue;
      }
      const auto it = outer_.find(in);
      if (it == outer_.end()) return;
      inputs.push_back(it->second);
      varies = false;
    }
    if (varies) return;  // of constants only: folding's business
    const bool raises =
        may_raise(node) || std::any_of(inputs.begin(), inputs.end(),
                                       [&](const Var& v) { return raising_.contains(v); });
    const Vars outside = with_inputs(node, std::move(inputs));
    for (std::size_t i = 0; i < outside.size(); ++i) {
      outer_[node.output(i)] = outside[i];
      if (raises) raising_.insert(outside[i]);
    }
  }

  /// States and items of sequences have the same shape at each step.
  Var size_outside(const Apply& node) const {
    const auto* op = as<ShapeOf>(node.op());
    if (op == nullptr) return {};
    for (const auto& s : edit_.states) {
      if (same(s.inner, node.input(0))) return size_at(s.initial, op->axis());
    }
    for (const auto& s : edit_.sequences) {
      if (same(s.inner, node.input(0))) return size_at(s.outer, op->axis() + 1);
    }
    return {};
  }

  void bring_in(const Var& v) {
    const auto it = outer_.find(v);
    if (it == outer_.end() || v.inputs().empty() || replaced_.contains(v)) return;
    const bool raises = raising_.contains(it->second);
    Var inside =
        edit_.add_non_sequence(raises ? if_loop_runs(edit_.n_steps, it->second) : it->second);
    if (!(inside.type() == v.type())) return;
    replaced_[v] = inside;
    changed_ = true;
  }

  /// Loops that differ only in what left them at which time are to be the same.
  void order_by_use() {
    std::unordered_map<Var, std::size_t, VarHash, VarSame> place;
    for (const Var& v : leaves(edit_.body_outputs())) place.emplace(v, place.size());
    const auto earlier = [&](const OpenLoop::Entry& a, const OpenLoop::Entry& b) {
      const auto at = [&](const Var& v) {
        const auto it = place.find(v);
        return it != place.end() ? it->second : place.size();
      };
      return at(a.inner) < at(b.inner);
    };
    auto& list = edit_.non_sequences;
    if (std::is_sorted(list.begin(), list.end(), earlier)) return;
    std::stable_sort(list.begin(), list.end(), earlier);
    changed_ = true;
  }

  OpenLoop edit_;
  std::unordered_map<Var, Var, VarHash, VarSame> outer_;
  VarSet raising_;  ///< variables outside that may fail for some values
  VarMap replaced_;
  bool changed_ = false;
};

}  // namespace

/// Moves what no step changes out of the loop, constants into it, and merges equal inputs.
FunctionGraph scan_hoist_invariants(const FunctionGraph& graph, const Pass::Setting& setting) {
  return edit_each_loop(
      graph, [](const Apply& node) { return Hoist(node).run(); }, setting.trace,
      "scan_hoist_invariants", "what no step changes leaves the loop");
}

}  // namespace damo::optim
