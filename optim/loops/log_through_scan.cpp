#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/common/one_variable.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/subtensor.hpp>
#include <damo/ops/loop/loop_reads.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/loops/edit_loops.hpp>

// Stabilising across the border of a loop. Theano's tutorials have every model hand out its
// pre-sigmoid activations, because log cannot meet a sigmoid that is inside scan; here the loop
// is made to hand them out, or the logarithm goes in.
namespace damo::optim {
namespace {

/// Where a loop's output is read: the output, and the movements on the way.
struct Read {
  Seen seen;
  /// The output's rows are those of every step: a trace, or a history less its first row.
  bool every_step = false;
};

/// `v` seen down to a loop's output of which every step's value is read, in order or in part.
std::optional<Read> find_output(const Var& v, Steps& steps) {
  Read read{{v}, false};
  while (as<Scan>(read.seen.core) == nullptr) {
    if (is_float_cast(read.seen.core) || !look_deeper(read.seen, steps)) return std::nullopt;
  }
  const auto* scan = as<Scan>(read.seen.core);
  const auto keep = scan->spec().outputs[read.seen.core.index()].keep;
  if (keep == Scan::Keep::trace) {
    read.every_step = true;
  } else if (keep == Scan::Keep::history && read.seen.path != nullptr &&
             drops_first(*read.seen.path->movement)) {
    read.seen.path = read.seen.path->outer;
    read.every_step = true;
  }
  return read.every_step && scan->spec().mode.empty() ? std::optional(read) : std::nullopt;
}

/// A value of which a loop keeps every step: what it is in the step, and all of them outside.
struct Kept {
  const Apply* loop;
  std::size_t output;
  Var rows;
};

/// The values of loops that `v` is computed from by functions, movements and sums.
void find_kept(const Var& v, int depth, Context& context, std::vector<Kept>& found) {
  if (depth == 0 || found.size() >= 4 || !context.reads_loop(v)) return;
  const bool tail = v.inputs().size() > 0 && drops_first(v.owner());
  const Var& core = tail ? v.inputs()[0] : v;
  if (const auto* scan = as<Scan>(core)) {
    const auto keep = scan->spec().outputs[core.index()].keep;
    const bool every_step = keep == (tail ? Scan::Keep::history : Scan::Keep::trace);
    const bool known =
        std::any_of(found.begin(), found.end(), [&](const Kept& k) { return same(k.rows, v); });
    if (every_step && !known && scan->spec().mode.empty())
      found.push_back({core.owner_ptr(), core.index(), v});
    return;
  }
  for (const Var& in : v.inputs()) find_kept(in, depth - 1, context, found);
}

/// The operand of a function of one variable that has the variable's sizes; an empty Var for
/// others.
Var only_operand(const Var& v) {
  if (scalar_op(v) == nullptr || !is_float(v.dtype())) return {};
  Var found;
  for (const Var& in : v.inputs()) {
    if (uniform_value(in) || (found.defined() && same(found, in))) continue;
    if (found.defined() || in.type() != v.type()) return {};
    found = in;
  }
  return found;
}

/// `v` with `x` for `from`, through functions of one variable.
Var applied_to(const Var& v, const Var& from, const Var& x) {
  if (same(v, from)) return x;
  const Var operand = only_operand(v);
  const Var inner = applied_to(operand, from, x);
  Vars inputs;
  for (const Var& in : v.inputs()) {
    const auto c = uniform_value(in);
    inputs.push_back(c ? number(*c, in.dtype()) : inner);
  }
  return make_var(v.owner().op_ptr(), std::move(inputs), v.site());
}

/// The stable form of `node` with `kept` computed outside of the loop, from the argument that a few
/// functions back in the step.
std::optional<Var> with_argument(const Apply& node, const Kept& kept, Context& context) {
  OpenLoop edit = OpenLoop::of(*kept.loop);
  const Var item = edit.body_output(edit.outputs[kept.output]);
  Var argument = only_operand(item);
  for (int steps = 0; steps < 6 && argument.defined(); ++steps, argument = only_operand(argument)) {
    const Var rows = input(kept.rows.type(), "", kept.rows.site());
    const VarMap outside{{kept.rows, fit(applied_to(item, argument, rows), kept.rows)}};
    const Var exposed = replace(node.output(), outside);
    const auto stable = context.stabilized(exposed);
    if (!stable) continue;
    const std::size_t place = edit.add_output({false, edit.add_extra(argument), Scan::Keep::trace});
    const Var trace = edit.build()[place];
    return replace(*stable, VarMap{{rows, fit(trace, rows)}});
  }
  return std::nullopt;
}

/// f(trace of g(x)) = f(g(trace of x)) where that has a stable form: what the loop computed last is
/// computed outside.
std::optional<Vars> out_of_loop(const Apply& node, Context& context) {
  if (!context.reads_loop(node.output())) return std::nullopt;
  std::vector<Kept> found;
  find_kept(node.output(), 8, context, found);
  for (const Kept& kept : found) {
    if (const auto stable = with_argument(node, kept, context))
      return Vars{fit(*stable, node.output())};
  }
  return std::nullopt;
}

/// f(trace of x) = trace of f(x) where f(x) has a stable form: the function joins the step.
std::optional<Vars> into_loop(const Apply& node, Context& context) {
  const auto variable = only_variable(node);
  if (!variable) return std::nullopt;
  Steps steps;
  const auto read = find_output(node.input(*variable), steps);
  if (!read) return std::nullopt;
  const Apply& loop = read->seen.core.owner();
  OpenLoop edit = OpenLoop::of(loop);
  const Var item = edit.body_output(edit.outputs[read->seen.core.index()]);
  const Var inside = applied(node, *variable, item);
  const auto stable = context.stabilized(inside);
  if (!stable) return std::nullopt;
  const OpenLoop::Output extra{false, edit.add_extra(fit(*stable, inside)), Scan::Keep::trace};
  const std::size_t place = edit.add_output(extra);
  const Vars fresh = edit.build();
  return Vars{fit(surface({fresh[place], read->seen.path}), node.output())};
}

}  // namespace

const Rules& log_through_scan_rules() {
  static const Rules rules = [] {
    Rules list;
    list.push_back(node_rewriter("out_of_loop", {"elementwise"},
                                 "f(trace of g(x)) = f(g(trace of x)) for a value g(x) of a loop",
                                 out_of_loop)
                       .stabilizes()
                       .tagged("barrier"));
    list.push_back(node_rewriter("into_loop", {"elementwise"},
                                 "f(trace of x) = trace of f(x) for a value x of a loop", into_loop)
                       .stabilizes()
                       .tagged("barrier"));
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
