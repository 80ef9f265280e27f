#include <algorithm>
#include <atomic>
#include <memory>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/map_graph.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include <damo/optim/engine/rewriter.hpp>
#include <damo/optim/engine/size_demands.hpp>
#include <damo/optim/loops/inline_graphs.hpp>

namespace damo {
namespace optim {

// The passes that are functions, each in the file of its name in optim/loops/ or optim/passes/.
using Procedure = FunctionGraph(const FunctionGraph&, const Pass::Setting&);
Procedure scan_merge, scan_cancel_at_border, scan_keep_what_is_read, scan_hoist_invariants,
    scan_outputs_outside, scan_push_out, scan_share_last, scan_share_last_again, scan_round_rows,
    share_softplus;

namespace {

void check_after(const Pass& pass, const FunctionGraph& graph) {
  try {
    graph.check();
  } catch (const InternalError& e) {
    throw InternalError("after pass '" + pass.name + "': " + e.what());
  }
}

/// The rules of a mode that have one of `tags`. Programs compile many functions in few modes, so
/// the latest are kept, for each thread its own: an index notes what it is asked for.
std::shared_ptr<const RuleIndex> index_of(const Mode& mode, const std::vector<std::string>& tags) {
  struct Known {
    Mode mode;
    std::vector<std::string> tags;
    std::shared_ptr<const RuleIndex> index;
  };
  thread_local std::vector<Known> latest;
  constexpr std::size_t most = 16;
  const auto at = std::find_if(latest.begin(), latest.end(), [&](const Known& known) {
    return known.tags == tags && known.mode == mode;
  });
  if (at != latest.end()) return at->index;
  if (latest.size() == most) latest.erase(latest.begin());
  return latest
      .emplace_back(Known{mode, tags, std::make_shared<RuleIndex>(chosen_rules(mode, tags))})
      .index;
}

/// Whether there is nothing for a pass to do: no loops, or a graph that the same rules have left.
bool is_idle(const Pass& pass, const FunctionGraph& graph, bool loops, const Learned& learned) {
  return pass.procedure ? pass.of_loops && !loops : learned.is_done(pass.rules, graph);
}

FunctionGraph apply_rules(const Pass& pass, const FunctionGraph& graph, const Mode& mode,
                          Trace* trace, Learned& learned, Trace::Pass& report) {
  const auto index = index_of(mode, pass.rules);
  Rewriter rewriter(
      *index,
      {.pass = pass.name, .trace = trace, .learned = &learned, .keeps_bits = mode.keeps_bits()});
  FunctionGraph result = rewriter.run(graph);
  learned.note_done(pass.rules, result);
  report.applied = rewriter.applied();
  report.visits = rewriter.visits();
  return result;
}

FunctionGraph run_pass(const Pass& pass, const FunctionGraph& graph, const Mode& mode, Trace* trace,
                       bool loops, Learned& learned) {
  Trace::Pass report{pass.name};
  FunctionGraph result = graph;
  const std::size_t before = trace != nullptr ? trace->applied().size() : 0;
  const bool idle = is_idle(pass, graph, loops, learned);
  if (!idle && pass.procedure) {
    result = pass.procedure(graph, {mode, trace});
    if (trace != nullptr) report.applied = trace->applied().size() - before;
  } else if (!idle) {
    result = apply_rules(pass, graph, mode, trace, learned, report);
  }
  if (trace != nullptr) {
    report.roots = result.roots();
    trace->finish(report);
  }
  return result;
}

/// The body of a loop rewritten in a mode of its own. What was done is noted as done in the loop;
/// its passes are none of the function's.
FunctionGraph rewrite_alone(const FunctionGraph& body, const Mode& mode, Trace* trace) {
  Trace inside;
  FunctionGraph result = optimize(body, mode, trace != nullptr ? &inside : nullptr);
  for (Trace::Applied a : inside.applied()) {
    a.loop = (body.name.empty() ? "scan" : body.name) + (a.loop.empty() ? "" : "/" + a.loop);
    trace->add(std::move(a));
  }
  result.checks.clear();  // they stand beside the outermost graph
  return result;
}

/// Loops with a mode of their own have their bodies rewritten in it; the passes then leave them
/// alone.
FunctionGraph rewrite_in_own_modes(const FunctionGraph& graph, Trace* trace) {
  return map_graph(graph, [trace](const Apply& node, const Apply&) {
    return with_changed_body(node, [&](const FunctionGraph& body) {
      const auto mode = own_mode(node.op());
      return mode ? rewrite_alone(body, *mode, trace) : rewrite_in_own_modes(body, trace);
    });
  });
}

bool has_bodies(const FunctionGraph& graph) {
  const auto order = graph.order();
  return std::any_of(order.begin(), order.end(),
                     [](const Apply* node) { return node->op().body() != nullptr; });
}

bool has_own_modes(const FunctionGraph& graph) {
  const auto order = graph.order();
  return std::any_of(order.begin(), order.end(), [](const Apply* node) {
    const Op& op = node->op();
    return op.keeps_body() || (op.body() != nullptr && has_own_modes(*op.body()));
  });
}

}  // namespace

const std::vector<Pass>& passes() {
  // clang-format off
  static const std::vector<Pass> all = {
      {"canonicalize",   {"canonicalize"},       {"canonicalize"}},
      {"stabilize",      {"stabilize"},          {"stabilize", "canonicalize"}},
      // Stabilizing has made loops with more outputs, and divides where gradients' loops multiply.
      {"scan_merge",     {"scan", "stabilize", "bit_exact"},  {}, scan_merge},
      {"scan_cancel_at_border", {"scan", "stabilize"}, {}, scan_cancel_at_border},
      {"stabilize_again", {"stabilize"},         {"stabilize", "canonicalize"}},
      {"scan_merge_again", {"scan", "stabilize", "bit_exact"}, {}, scan_merge},
      // After stabilizing: log(1 + exp(800)) is 800.
      {"fold_constants", {"fold"},               {"fold", "stabilize", "canonicalize"}},
      {"specialize",     {"specialize"},         {"specialize", "canonicalize", "fold"}},
      {"scan_keep_what_is_read", {"scan", "bit_exact"},       {}, scan_keep_what_is_read},
      {"scan_outputs_outside",      {"scan", "bit_exact"},       {}, scan_outputs_outside},
      {"scan_hoist_invariants",  {"scan", "bit_exact"},       {}, scan_hoist_invariants},
      {"scan_push_out",  {"scan"},               {}, scan_push_out},
      {"scan_share_last", {"scan", "bit_exact"}, {}, scan_share_last},
      // What left the loops meets what was outside.
      {"tidy_scans",     {"scan"},               {"specialize", "canonicalize", "fold"}},
      // Of the products that are left: those that draws have taken in are not made.
      {"scan_share_last_again", {"scan", "bit_exact", "scan_share_last"}, {}, scan_share_last_again},
      {"scan_round_rows", {"scan", "bit_exact"}, {}, scan_round_rows},
      {"blas",           {"blas"},               {"blas", "fold"}},
      {"share_softplus", {"specialize", "bit_exact"}, {}, share_softplus, /*of_loops=*/false},
  };
  // clang-format on
  return all;
}

}  // namespace optim

namespace {
std::atomic<bool> pass_checks{false};
}  // namespace

std::optional<Mode> own_mode(const Op& op) {
  const auto* loop = as<Scan>(op);
  if (loop == nullptr || loop->spec().mode.empty()) return std::nullopt;
  const ScanMode& mode = loop->spec().mode;
  const Mode* value = mode.get<Mode>();
  return value != nullptr ? *value : Mode::of_text(mode.text());
}

void set_pass_checks(bool on) { pass_checks = on; }

FunctionGraph optimize(const FunctionGraph& graph, const Mode& mode, Trace* trace) {
  const bool loops = optim::has_bodies(graph);
  const FunctionGraph asked = loops ? optim::inline_graphs(graph) : graph;
  FunctionGraph result = asked;
  if (loops && optim::has_own_modes(result)) result = optim::rewrite_in_own_modes(result, trace);
  optim::Learned learned;
  for (const optim::Pass& pass : optim::passes()) {
    const bool in =
        pass.procedure ? mode.has(pass.name, pass.tags) : mode.has_stage(pass.name, pass.tags);
    if (!in) continue;
    result = optim::run_pass(pass, result, mode, trace, loops, learned);
    if (pass_checks) optim::check_after(pass, result);
  }
  return optim::with_lost_demands(asked, std::move(result));
}

}  // namespace damo
