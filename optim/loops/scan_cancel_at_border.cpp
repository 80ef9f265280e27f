#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/loop_reads.hpp>
#include <damo/ops/shape/join_op.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/rewriter.hpp>
#include <damo/optim/loops/edit_loops.hpp>

// What enters a loop, and what cancels between there and its step.
namespace damo::optim {
namespace {

/// Products inside a loop of things that enter it, which meet what cancels them outside.
class HoistProducts {
 public:
  HoistProducts(const Apply& node, const RuleIndex& rules)
      : edit_(OpenLoop::of(node)), probe_(rules, {"scan_hoist_products"}) {}

  std::optional<Vars> run() {
    for (const auto& s : edit_.sequences) outer_[s.inner] = {s.outer, true};
    for (const auto& s : edit_.non_sequences) outer_[s.inner] = {s.outer, false};
    Vars roots;
    for (const auto& s : edit_.states) roots.push_back(s.next);
    roots.insert(roots.end(), edit_.extras.begin(), edit_.extras.end());
    VarMap replaced;
    for (const Apply* node : toposort(roots)) {
      const Var v = node->output();
      const ScalarOp* f = scalar_op(v);
      if (f != vocabulary().mul && f != vocabulary().div) continue;
      const Var outside = lifted(*node);
      if (!outside.defined()) continue;
      outer_[v] = {outside, true};
      const auto stable = probe_.stabilized(outside);
      if (!stable || !refines(stable->type(), outside.type())) continue;
      const Var inner = input(v.type(), "", v.site());
      edit_.sequences.push_back({*stable, inner});
      outer_[v] = {*stable, true};
      replaced[v] = inner;
    }
    if (replaced.empty()) return std::nullopt;
    edit_.replace_in_body(replaced);
    edit_.drop_unused();
    return edit_.build();
  }

 private:
  struct Outer {
    Var v;
    bool per_step = false;
  };

  /// The product of whole sequences, or an empty Var.
  Var lifted(const Apply& node) const {
    Vars inputs;
    bool per_step = false;
    for (const Var& in : node.inputs()) {
      if (const auto c = uniform_value(in)) {
        inputs.push_back(number(*c, in.dtype()));
        continue;
      }
      const auto it = outer_.find(in);
      if (it == outer_.end()) return {};
      if (!it->second.per_step && in.ndim() > 0) return {};
      // A scalar a step would be a vector outside, which does not meet a tensor of other rank.
      if (it->second.per_step && in.ndim() != node.output().ndim()) return {};
      per_step = per_step || it->second.per_step;
      inputs.push_back(it->second.v);
    }
    if (!per_step) return {};
    return make_var(node.op_ptr(), std::move(inputs), node.site());
  }

  OpenLoop edit_;
  Rewriter probe_;
  std::unordered_map<Var, Outer, VarHash, VarSame> outer_;
};

/// Elementwise work on what enters a loop moves into its step, where it meets what cancels it.
class InlineSequences {
 public:
  InlineSequences(const Apply& node, const RuleIndex& rules)
      : edit_(OpenLoop::of(node)), rules_(rules) {
    for (const auto& s : edit_.sequences) outers_.emplace(s.inner, s.outer);
    for (const auto& s : edit_.non_sequences) outers_.emplace(s.inner, s.outer);
  }

  std::optional<Vars> run() {
    VarMap replaced;
    for (int depth = 0; depth < 4; ++depth) {
      if (!inline_once(replaced)) break;
    }
    if (replaced.empty()) return std::nullopt;
    // Values of one round are made of inputs of the next.
    for (int depth = 0; depth < 4; ++depth) edit_.replace_in_body(replaced);
    const Vars loop = edit_.build();
    Trace trace;
    Rewriter rewriter(rules_, {"scan_inline_sequences", &trace});
    FunctionGraph body = *loop[0].op().body();
    body = rewriter.run(body);
    const auto& done = trace.applied();
    const bool stabler = std::any_of(done.begin(), done.end(), [](const Trace::Applied& a) {
      return std::find(a.tags.begin(), a.tags.end(), "stabilize") != a.tags.end();
    });
    if (!stabler) return std::nullopt;
    OpenLoop tidy = OpenLoop::of(
        with_op(loop[0].owner(), loop[0].op().with_body(std::move(body))).front().owner());
    tidy.drop_unused();
    return tidy.build();
  }

 private:
  bool inline_once(VarMap& replaced) {
    bool any = false;
    const auto before = edit_.sequences;
    edit_.sequences.clear();
    for (const auto& s : before) {
      Var item = inlined(s.outer);
      if (!item.defined()) item = computed_again(s.outer);
      if (!item.defined() || !(item.type() == s.inner.type())) {
        edit_.sequences.push_back(s);
        continue;
      }
      replaced[s.inner] = item;
      any = true;
    }
    for (const auto& s : fresh_) edit_.sequences.push_back(s);
    fresh_.clear();
    return any;
  }

  /// The step's item of an elementwise function of sequences, in terms of their items.
  Var inlined(const Var& outer) {
    if (scalar_op(outer) == nullptr) return {};
    Vars inputs;
    for (const Var& in : outer.inputs()) {
      if (const auto c = uniform_value(in)) {
        inputs.push_back(number(*c, in.dtype()));
      } else if (in.ndim() == 0) {
        inputs.push_back(edit_.add_non_sequence(in));
      } else if (in.type().dims[0] == 1 && outer.type().dims[0] != 1) {
        return {};
      } else {
        inputs.push_back(item_of_sequence(in));
      }
    }
    return make_var(outer.owner().op_ptr(), std::move(inputs), outer.site());
  }

  /// The step's item of what another loop stored, from what that loop's step computed it from,
  /// where this loop reads the same: the loop of a gradient reads what the loop itself did.
  Var computed_again(const Var& outer) {
    const auto stored = stored_value(outer);
    if (!stored || scalar_op(stored->item) == nullptr) return {};
    // Other values that the loop stored are read here as they are.
    VarMap known;
    for (const auto& [inner, source] : outers_) {
      const auto other = stored_value(source);
      // What is read as a whole is no value of a step.
      if (other && refines(inner.type(), other->item.type()) && !same(other->item, stored->item) &&
          other->loop == stored->loop && other->marker.type() == stored->marker.type() &&
          same_graph(surface({stored->marker, other->path}),
                     surface({stored->marker, stored->path})))
        known.emplace(other->item, inner);
    }
    // What the other loop prints and checks it does once.
    const Var item = without_effects({replace(stored->item, known)}).front();
    for (const Var& leaf : leaves(std::span(&item, 1))) {
      if (constant_value(leaf) != nullptr || outers_.contains(leaf)) {
        const bool renamed = std::any_of(known.begin(), known.end(),
                                         [&](const auto& k) { return same(k.second, leaf); });
        if (constant_value(leaf) != nullptr || renamed) continue;
      }
      if (!read_alike(leaf, *stored->loop, stored->path)) return {};
    }
    return item;
  }

  /// A value of every step of a loop, read through some movements.
  struct Stored {
    const Apply* loop;
    Var item;    ///< In that loop's body.
    Var marker;  ///< A variable of the trace's type.
    const Step* path;
  };
  std::optional<Stored> stored_value(const Var& outer) {
    Seen seen{outer};
    while (as<Scan>(seen.core) == nullptr) {
      if (!look_deeper(seen, steps_)) return std::nullopt;
    }
    const auto& scan = static_cast<const Scan&>(seen.core.op());
    const Scan::Output& output = scan.spec().outputs[seen.core.index()];
    Var rows = seen.core;
    if (output.keep == Scan::Keep::history && seen.path != nullptr &&
        drops_first(*seen.path->movement)) {
      rows = seen.path->movement->output();
      seen.path = seen.path->outer;
    } else if (output.keep != Scan::Keep::trace) {
      return std::nullopt;
    }
    return Stored{seen.core.owner_ptr(), scan.spec().body.outputs[output.body_output], rows,
                  seen.path};
  }

  /// Whether a body input of the loop `node` stands for the same here, when the other loop's values
  /// are read through `path`.
  bool read_alike(const Var& inner, const Apply& node, const Step* path) const {
    const auto at = outers_.find(inner);
    if (at == outers_.end()) return false;
    const auto& scan = static_cast<const Scan&>(node.op());
    const auto& inputs = scan.spec().body.inputs;
    const auto i = static_cast<std::size_t>(
        std::find_if(inputs.begin(), inputs.end(), [&](const Var& v) { return same(v, inner); }) -
        inputs.begin());
    if (i == inputs.size()) return false;
    if (i >= scan.spec().n_sequences + scan.spec().n_states)
      return same(at->second, node.input(1 + i));
    Var source = node.input(1 + i);
    if (i >= scan.spec().n_sequences) {
      const auto& kept = scan.spec().outputs;
      const Scan::Output history{i - scan.spec().n_sequences, Scan::Keep::history};
      const auto k = std::find(kept.begin(), kept.end(), history);
      if (k == kept.end()) return false;
      source = node.output(static_cast<std::size_t>(k - kept.begin()));
    }
    if (path != nullptr && !stretches_to(source.type(), path->movement->input(0).type()))
      return false;
    return same_graph(at->second, surface({source, path}));
  }

  /// Whether items of one type have a place among items of the other, so that what moves these
  /// moves those.
  static bool stretches_to(const TensorType& from, const TensorType& to) {
    if (from.rank() != to.rank()) return false;
    for (std::size_t a = 0; a < from.rank(); ++a) {
      const bool known = from.dims[a] != unknown && to.dims[a] != unknown;
      if (known && from.dims[a] != to.dims[a] && !from.broadcastable(a)) return false;
    }
    return true;
  }

  Var item_of_sequence(const Var& outer) {
    for (const auto& list : {edit_.sequences, fresh_}) {
      for (const auto& s : list) {
        if (same(s.outer, outer)) return s.inner;
      }
    }
    TensorType item{outer.dtype(), {}};
    for (std::size_t i = 1; i < outer.ndim(); ++i) item.dims.push_back(outer.type().dims[i]);
    fresh_.push_back({outer, input(item, "", outer.site())});
    return fresh_.back().inner;
  }

  OpenLoop edit_;
  const RuleIndex& rules_;
  VarMap outers_;
  Steps steps_;
  std::vector<OpenLoop::Entry> fresh_;
};

}  // namespace

/// The gradient of a logarithm outside a loop divides by what the loop's own gradient multiplies
/// with: brings both to one side of the border, where that cancels.
FunctionGraph scan_cancel_at_border(const FunctionGraph& graph, const Pass::Setting& setting) {
  const RuleIndex rules(chosen_rules(setting.mode, {"stabilize", "canonicalize"}));
  const EditLoop edit = [&](const Apply& node) {
    auto fresh = HoistProducts(node, rules).run();
    const Apply& now = fresh ? fresh->front().owner() : node;
    const auto inlined = InlineSequences(now, rules).run();
    return inlined ? inlined : fresh;
  };
  return edit_each_loop(graph, edit, setting.trace, "scan_cancel_at_border",
                        "what enters a loop meets what cancels it");
}

}  // namespace damo::optim
