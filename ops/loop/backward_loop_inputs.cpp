#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/backward_loop.hpp>
#include <damo/ops/loop/loop_reads.hpp>
#include <damo/ops/shape/shape.hpp>

// What comes into the gradient of a loop from outside, and what of it is carried on.
namespace damo {
namespace {

/// All but row 0 of the gradient at a history of which the cost reads no more than that; an empty
/// Var when it reads row 0 too.
Var rows_after_first(const Var& g) {
  if (is_elementwise(g, "add")) {
    const Var a = rows_after_first(g.inputs()[0]);
    const Var b = a.defined() ? rows_after_first(g.inputs()[1]) : Var{};
    return b.defined() ? a + b : Var{};
  }
  return adds_after_first(g.owner()) && uniform_value(g.inputs()[0]) == 0.0 ? g.inputs()[1] : Var{};
}

/// Whether some part of the graph counts for some elements only.
bool chooses(const FunctionGraph& graph) {
  for (const Apply* node : graph.order()) {
    const auto* f = as<Elementwise>(node->op());
    if (node->op().chooses() || (f != nullptr && f->scalar().counts)) return true;
    if (node->op().body() != nullptr && chooses(*node->op().body())) return true;
  }
  return false;
}

/// `marked`, which stretches to `rows`, with a row for each.
Var marked_rows(const Var& marked, const Var& rows) {
  if (marked.ndim() > 0 && !marked.type().broadcastable(0)) return marked;
  std::vector<Arg> sizes{rows.shape(0)};
  for (std::size_t axis = 1; axis < rows.ndim(); ++axis)
    sizes.push_back(constant_along(marked, axis) ? Arg(1)
                                                 : Arg(rows.shape(static_cast<int>(axis))));
  return broadcast_to(marked, Sizes(sizes));
}

void add_inflow(Inflow& to, const Var& g, const Var& marked) {
  const bool first = !to.outer.defined();
  to.outer = add_or_either(to.outer, g);
  if (first) {
    to.marked = marked;
  } else {
    to.marked = to.marked.defined() && marked.defined() ? or_(to.marked, marked) : Var{};
  }
}

}  // namespace

BackwardLoop::BackwardLoop(const Scan& scan, const Apply& node, const FlowAsked& asked)
    : scan_(scan), spec_(scan.spec()), node_(node), asked_(asked) {
  for (const Apply* inner : spec_.body.order()) slope_ = std::max(slope_, slope_of(*inner));
  const bool marked = std::any_of(asked.marked.begin(), asked.marked.end(),
                                  [](const Var& m) { return m.defined(); });
  chooses_ = marked || chooses(spec_.body);
  find_rows();
  collect();
  find_wrt();
  make_items();
  find_flows();
}

void BackwardLoop::find_rows() {
  rows_ = node_.input(0);
  for (std::size_t k = 0; k < spec_.outputs.size(); ++k) {
    const Scan::Output& o = spec_.outputs[k];
    const bool trace = o.keep == Scan::Keep::trace;
    if (trace || o.keep == Scan::Keep::history) outputs_[{o.body_output, o.keep}] = node_.output(k);
    if (!spec_.has_until) continue;
    if (trace) rows_ = node_.output(k).shape(0);
    if (o.keep == Scan::Keep::history) rows_ = node_.output(k).shape(0) - 1;
  }
  steps_ = spec_.truncate_gradient < 0 ? rows_ : minimum(rows_, spec_.truncate_gradient);
}

std::vector<bool> BackwardLoop::moved_inputs() const {
  std::vector<bool> moved(spec_.body.inputs.size());
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] = asked_.wanted[node_input(i)];
  for (bool more = true; more;) {
    more = false;
    VarSet known;
    for (std::size_t i = 0; i < moved.size(); ++i) {
      if (moved[i]) known.insert(spec_.body.inputs[i]);
    }
    for (const Apply* inner : spec_.body.order()) {
      const bool moves = std::any_of(inner->inputs().begin(), inner->inputs().end(),
                                     [&](const Var& in) { return known.contains(in); });
      for (std::size_t k = 0; moves && k < inner->n_outputs(); ++k) known.insert(inner->output(k));
    }
    for (std::size_t i = 0; i < spec_.n_states; ++i) {
      const std::size_t state = spec_.n_sequences + i;
      if (moved[state] || !known.contains(spec_.body.outputs[i])) continue;
      moved[state] = more = true;
    }
  }
  return moved;
}

Slope BackwardLoop::behind(std::size_t body_input) const {
  const bool state =
      body_input >= spec_.n_sequences && body_input < spec_.n_sequences + spec_.n_states;
  const std::size_t i = node_input(body_input);
  const Slope outside = asked_.wanted[i] ? asked_.behind[i] : Slope::constant;
  return state ? std::max(outside, slope_) : outside;
}

void BackwardLoop::find_wrt() {
  const std::vector<bool> moved = moved_inputs();
  for (std::size_t i = 0; i < moved.size(); ++i) {
    if (!moved[i]) continue;
    wrt_.push_back(spec_.body.inputs[i]);
    behind_.push_back(behind(i));
  }
}

void BackwardLoop::collect() {
  const std::size_t n = scan_.n_body_outputs();
  in_.per_step.resize(n);
  in_.last.resize(n);
  in_.initial.resize(spec_.n_states);
  for (std::size_t k = 0; k < spec_.outputs.size(); ++k) {
    const Var& g = asked_.g[k];
    if (!g.defined()) continue;
    const auto [i, keep] = spec_.outputs[k];
    Var marked = asked_.marked[k];
    if (keep != Scan::Keep::trace && keep != Scan::Keep::history) {
      add_inflow(in_.last[i], g, marked);
      continue;
    }
    if (marked.defined()) marked = marked_rows(marked, g);
    if (keep == Scan::Keep::trace) {
      add_inflow(in_.per_step[i], g, marked);
      continue;
    }
    if (marked.defined()) marked = marked[from(1)];
    if (const Var rows = rows_after_first(g); rows.defined()) {
      add_inflow(in_.per_step[i], rows, marked);
    } else {
      add_inflow(in_.per_step[i], g[from(1)], marked);
      in_.initial[i] = add_or_either(in_.initial[i], g[0]);
    }
  }
}

Var BackwardLoop::stand_in(TensorType type) const {
  return input(std::move(type), "", node_.site());
}

void BackwardLoop::make_items() {
  const auto items = [&](Inflow& in) {
    if (!in.outer.defined()) return;
    in.item = stand_in(item_type(in.outer.type()));
    if (in.marked.defined()) in.marked_item = stand_in(item_type(in.marked.type()));
  };
  for (Inflow& in : in_.per_step) items(in);
  for (std::size_t i = spec_.n_states; i < in_.last.size(); ++i) {
    if (in_.last[i].outer.defined()) in_.last[i].item = stand_in(in_.last[i].outer.type());
  }
}

std::vector<Arrived> BackwardLoop::body_gradient() const {
  const Vars roots(
      spec_.body.outputs.begin(),
      spec_.body.outputs.begin() + static_cast<std::ptrdiff_t>(scan_.n_body_outputs()));
  BackwardSweep sweep(roots, wrt_, {}, behind_);
  const auto seed = [&](const Var& v, const Var& g, const Var& marked) {
    if (g.defined()) sweep.seed(v, g, marked.defined() ? Mask{{marked}, {}} : Mask{});
  };
  for (std::size_t i = 0; i < scan_.n_body_outputs(); ++i) {
    const Var& v = spec_.body.outputs[i];
    seed(v, in_.per_step[i].item, in_.per_step[i].marked_item);
    if (i < spec_.n_states) {
      for (const Var& part : carried_[i].parts) seed(v, part, carried_[i].marked);
    }
    seed(v, in_.last[i].item, {});
  }
  sweep.run();
  std::vector<Arrived> arrived;
  for (const Var& v : wrt_) arrived.push_back(sweep.arrived(v));
  return arrived;
}

const Arrived* BackwardLoop::flow_to(const Var& body_input) const {
  const auto at =
      std::find_if(wrt_.begin(), wrt_.end(), [&](const Var& v) { return same(v, body_input); });
  return at == wrt_.end() ? nullptr : &flows_[static_cast<std::size_t>(at - wrt_.begin())];
}

bool BackwardLoop::carry_in(std::size_t state, std::size_t parts) {
  Carried& carried = carried_[state];
  if (parts == carried.parts.size()) return false;
  TensorType type = carried_type(scan_.body_state(state).type());
  type.dtype = gradient_dtype(scan_.body_state(state));
  carried.parts.clear();
  for (std::size_t k = 0; k < parts; ++k) carried.parts.push_back(stand_in(type));
  return true;
}

// Begins with a mark that is the same along all axes, and gives it the axes along which it turns
// out to vary.
bool BackwardLoop::fit_mark(std::size_t state, const Arrived& flow) {
  Var& marked = carried_[state].marked;
  if (!marked.defined()) return false;
  if (!flow.parts.empty() && !flow.marked.defined()) {
    marked = {};
    return true;
  }
  TensorType type = marked.type();
  for (std::size_t axis = 0; flow.marked.defined() && axis < type.rank(); ++axis) {
    if (!constant_along(flow.marked, axis)) type.dims[axis] = unknown;
  }
  if (type == marked.type()) return false;
  marked = stand_in(type);
  return true;
}

void BackwardLoop::find_flows() {
  carried_.resize(spec_.n_states);
  for (std::size_t i = 0; chooses_ && slope_ != Slope::constant && i < spec_.n_states; ++i) {
    TensorType type{DType::boolean, {}};
    for (std::size_t axis = 0; axis < scan_.body_state(i).ndim(); ++axis) {
      const bool one = !in_.last[i].marked.defined() || constant_along(in_.last[i].marked, axis);
      type.dims.push_back(one ? 1 : unknown);
    }
    carried_[i].marked = stand_in(type);
  }
  std::vector<bool> summed(spec_.n_states, false);
  for (std::size_t round = 0;; ++round) {
    bool changed = false;
    flows_ = body_gradient();
    for (std::size_t i = 0; i < spec_.n_states; ++i) {
      const Arrived* flow = flow_to(scan_.body_state(i));
      if (flow == nullptr || (!in_.last[i].outer.defined() && flow->parts.empty())) continue;
      const std::size_t parts = std::max<std::size_t>(1, flow->parts.size());
      // A state that hands itself on would gain a part at each round.
      if (round > spec_.n_states && parts > carried_[i].parts.size()) summed[i] = true;
      changed = carry_in(i, summed[i] ? 1 : parts) || changed;
      changed = fit_mark(i, *flow) || changed;
    }
    if (!changed) return;
  }
}

}  // namespace damo
