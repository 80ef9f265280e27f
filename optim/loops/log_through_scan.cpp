#include <damo/graph/variables.hpp>
#include <damo/ops/common/one_variable.hpp>
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
// pre-sigmoid activations, because log cannot meet a sigmoid that is inside scan; here the
// logarithm goes in.
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
  const auto stable = context.stabilized(applied(node, *variable, item));
  if (!stable) return std::nullopt;
  const OpenLoop::Output extra{false, edit.add_extra(*stable), Scan::Keep::trace};
  const std::size_t place = edit.add_output(extra);
  const Vars fresh = edit.build();
  return Vars{fit(surface({fresh[place], read->seen.path}), node.output())};
}

}  // namespace

const Rules& see_through_rules() {
  static const Rules rules = [] {
    Rules list;
    list.push_back(node_rewriter("into_loop", {"elementwise"},
                                 "f(trace of x) = trace of f(x) for a value x of a loop", into_loop)
                       .stabilizes()
                       .tagged("barrier"));
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
