#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/backward_sweep.hpp>
#include <damo/ops/indexing/subtensor.hpp>
#include <damo/ops/reduction/reductions.hpp>

// What flows back under a condition is chosen last: a Flow keeps its value and, apart from it, the
// mask by which it is to be chosen, until a sum, an op that mixes elements, or the end needs one
// value. Nothing that a branch computes, be it infinite or NaN, then reaches what it was not chosen
// for. Where nothing behind could spoil a zero, the choice is made at once.
namespace damo {
namespace {

bool is_zero(const Flow& f) { return !f.value.defined() || uniform_value(f.value) == 0.0; }

/// Whether anything of the outputs counts, where that is one bool for each; an empty Var otherwise.
Var mark_of_whole(const Flows& outputs) {
  Var some;
  for (const Flow& f : outputs) {
    if (!f.value.defined()) continue;
    const Vars conditions = f.mask.all();
    const bool scalars = std::all_of(conditions.begin(), conditions.end(),
                                     [](const Var& c) { return c.ndim() == 0; });
    if (conditions.empty() || !scalars) return {};
    const Var counts = conjunction(conditions);
    some = some.defined() ? or_(some, counts) : counts;
  }
  return some;
}

/// Whether `node` is a constant of which an element is not finite.
bool is_infinite_constant(const Apply& node) {
  if (!node.inputs().empty() || !is_float(node.types()[0].dtype)) return false;
  const Array* value = constant_value(node.output());
  if (value == nullptr) return false;
  const Tensor t = value->view();
  return dispatch_computing(t.dtype, [&](auto zero) {
    using T = decltype(zero);
    return std::any_of(t.as<const T>(), t.as<const T>() + t.elements(),
                       [](T x) { return !std::isfinite(static_cast<double>(x)); });
  });
}

}  // namespace

BackwardSweep::BackwardSweep(const Vars& roots, const Vars& wrt, VarSet stops,
                             const std::vector<Slope>& behind)
    : stops_(std::move(stops)), wrt_(wrt.begin(), wrt.end()) {
  for (std::size_t i = 0; i < behind.size(); ++i) behind_wrt_.emplace(wrt[i], behind[i]);
  order_ = toposort(roots, stops_);
  // By age, so that what flows together is added up in an order that does not depend on how the
  // graph hangs together: a loop and its unrolled graph then agree to the last bit.
  std::sort(order_.begin(), order_.end(),
            [](const Apply* a, const Apply* b) { return a->id() < b->id(); });
  std::unordered_set<const Apply*> perhaps_infinite;
  for (const Apply* node : order_) {
    Slope slope = slope_of(*node);
    const bool operand_infinite =
        std::any_of(node->inputs().begin(), node->inputs().end(), [&](const Var& in) {
          return is_float(in.dtype()) && perhaps_infinite.contains(in.owner_ptr());
        });
    if (operand_infinite && slope == Slope::tame) slope = Slope::wild;
    if (slope == Slope::wild || operand_infinite || is_infinite_constant(*node))
      perhaps_infinite.insert(node);
    if (!influenced(*node)) continue;
    for (const Var& in : node->inputs()) slope = std::max(slope, this->behind(in));
    influenced_.emplace(node, slope);
  }
}

void BackwardSweep::fix(const Var& v, const Var& g) {
  fixed_.insert(v);
  flows_[v] = {{{}, g, {}}};
}

void BackwardSweep::run() {
  for (std::size_t i = order_.size(); i-- > 0;) {
    const Apply& node = *order_[i];
    if (influenced_.contains(&node) && !node.inputs().empty()) visit(node);
  }
}

bool BackwardSweep::leads_to_wrt(const Var& v) const {
  if (wrt_.contains(v)) return true;
  return !stops_.contains(v) && influenced_.contains(v.owner_ptr());
}

/// Whether some output is asked for, or depends on something asked for.
bool BackwardSweep::influenced(const Apply& node) const {
  return std::any_of(node.inputs().begin(), node.inputs().end(),
                     [&](const Var& in) { return leads_to_wrt(in); });
}

Slope BackwardSweep::behind(const Var& v) const {
  Slope slope = Slope::constant;
  if (const auto it = behind_wrt_.find(v); it != behind_wrt_.end()) slope = it->second;
  const auto node = influenced_.find(v.owner_ptr());
  return node == influenced_.end() || stops_.contains(v) ? slope : std::max(slope, node->second);
}

std::vector<Slope> BackwardSweep::behind_inputs(const Apply& node) const {
  std::vector<Slope> slopes;
  for (const Var& in : node.inputs()) slopes.push_back(behind(in));
  return slopes;
}

Var BackwardSweep::total(const Var& v) {
  const auto it = flows_.find(v);
  if (it == flows_.end() || it->second.empty()) return {};
  const SiteScope scope(v.site());
  const Flow all = together(it->second, 0, v, Slope::constant);
  return chosen(all);
}

Arrived BackwardSweep::arrived(const Var& v) {
  const auto it = flows_.find(v);
  if (it == flows_.end() || it->second.empty()) return {};
  const SiteScope scope(v.site());
  const Flows& flows = it->second;
  const Flow all = together(flows, 0, v, behind(v));
  Arrived result{{}, conjunction(all.mask.all())};
  const bool one =
      std::any_of(flows.begin(), flows.end(), [](const Flow& f) { return !f.guards.empty(); }) ||
      is_choice_of_two(flows);
  if (one) {
    result.parts.push_back(chosen(all));
  } else {
    for (const Flow& f : flows) result.parts.push_back(chosen(f));
  }
  return result;
}

void BackwardSweep::visit(const Apply& node) {
  Flows all;
  for (const Var& out : node.outputs()) {
    const auto it = flows_.find(out);
    if (it != flows_.end() && !stops_.contains(out))
      all.insert(all.end(), it->second.begin(), it->second.end());
  }
  if (all.empty()) return;
  std::vector<Guard> guards = all.front().guards;
  const std::size_t depth = common_guards(all);
  guards.resize(depth);
  // What the node is differentiated by may fail where the function has no need of it.
  if (const auto any = any_way_.of(all, depth)) guards.push_back(*any);
  Flows in;
  for (const Var& out : node.outputs()) {
    const auto it = flows_.find(out);
    in.emplace_back();
    if (it == flows_.end() || it->second.empty() || stops_.contains(out)) continue;
    const SiteScope scope(out.site());
    in.back() = together(it->second, depth, out, influenced_.at(&node));
    it->second = {in.back()};
  }
  const SiteScope scope(node.site());
  if (std::all_of(in.begin(), in.end(), is_zero)) {
    through_zero(node, in, guards);
  } else if (node.op().chooses()) {
    into_branch(node, guards, true, in[0]);
    into_branch(node, guards, false, in[0]);
  } else if (const auto* op = dynamic_cast<const FlowsThroughGraph*>(&node.op())) {
    through_graph(node, *op, in, guards);
  } else {
    through_op(node, in, guards);
  }
}

/// What conditions are computed by is connected with the cost, and what flows to it is zero,
/// whatever slopes it has.
void BackwardSweep::through_zero(const Apply& node, const Flows& in,
                                 const std::vector<Guard>& guards) {
  Vars g;
  for (const Flow& f : in) g.push_back(f.value);
  Gradients flowing = node.op().gradient(node, g);
  for (std::size_t i = 0; i < flowing.size(); ++i) {
    if (flowing[i].value.defined()) flowing[i].value = zero_gradient(node.input(i));
    pass_on(node, i, flowing[i], {}, guards);
  }
}

void BackwardSweep::through_op(const Apply& node, const Flows& in,
                               const std::vector<Guard>& guards) {
  if (const auto* f = as<Elementwise>(node.op())) {
    const auto flowing = f->gradient_under(node, in[0].value, in[0].mask, behind_inputs(node));
    for (std::size_t i = 0; i < flowing.size(); ++i)
      pass_on(node, i, Gradient(flowing[i].value), flowing[i].mask, guards);
    return;
  }
  Vars g;
  Vars marked;
  bool apart = false;
  for (const Flow& f : in) {
    g.push_back(f.value.defined() ? chosen(f) : Var{});
    marked.push_back(f.value.defined() && !f.mask.asked.empty() ? conjunction(f.mask.all())
                                                                : Var{});
    apart = apart || marked.back().defined();
  }
  const auto* reads = apart ? dynamic_cast<const ReadsElements*>(&node.op()) : nullptr;
  const Gradients flowing =
      reads != nullptr ? reads->gradient_of_marked(node, g, marked) : node.op().gradient(node, g);
  if (flowing.size() != node.inputs().size()) {
    throw InternalError(fmt::format("{}: its gradient has {} parts for {} inputs", node.op().name(),
                                    flowing.size(), node.inputs().size()));
  }
  const Var whole = slope_of(node) == Slope::constant ? Var{} : mark_of_whole(in);
  for (std::size_t i = 0; i < flowing.size(); ++i) {
    const bool goes_on = flowing[i].value.defined() && leads_to_wrt(node.input(i));
    const Var picked = goes_on ? picked_of(node, i, in) : Var{};
    Mask mask = goes_on ? read_mask(node, i, in) : Mask{};
    // The op multiplies by its operands: 0 times what is infinite there is to be chosen, too.
    Gradient to_input = flowing[i];
    if (goes_on && whole.defined() && mask.empty())
      to_input.value = selected(to_input.value, {whole});
    if (picked.defined()) mask.compared.push_back(picked);
    pass_on(node, i, to_input, mask, guards, picked.defined());
  }
}

void BackwardSweep::through_graph(const Apply& node, const FlowsThroughGraph& op, const Flows& in,
                                  const std::vector<Guard>& guards) {
  FlowAsked asked;
  for (const Flow& f : in) {
    asked.g.push_back(is_zero(f) ? Var{} : chosen(f));
    asked.marked.push_back(conjunction(f.mask.all()));
  }
  for (const Var& v : node.inputs()) asked.wanted.push_back(leads_to_wrt(v));
  asked.behind = behind_inputs(node);
  const FlowFound found = op.flow_back(node, asked);
  for (std::size_t i = 0; i < found.gradients.size(); ++i) {
    const bool marked = found.marked[i].defined() && asked.behind[i] != Slope::constant;
    pass_on(node, i, found.gradients[i], marked ? Mask{{found.marked[i]}, {}} : Mask{}, guards);
  }
}

/// Where input `i` is read for what counts of the outputs.
Mask BackwardSweep::read_mask(const Apply& node, std::size_t i, const Flows& in) const {
  const Slope slope = behind(node.input(i));
  std::vector<Mask> masks;
  for (std::size_t k = 0; k < in.size(); ++k) {
    if (!in[k].value.defined()) continue;
    const Mask& m = in[k].mask;
    const bool asked = !m.asked.empty();
    const Vars conditions = slope == Slope::wild ? m.all() : m.asked;
    if (slope == Slope::constant || conditions.empty()) return {};
    const Var marked = conjunction(conditions);
    const auto* reads = dynamic_cast<const ReadsElements*>(&node.op());
    const Var read = reads != nullptr     ? reads->read_for(node, i, k, marked)
                     : marked.ndim() == 0 ? marked
                                          : any(marked);
    if (!read.defined()) return {};
    masks.push_back(asked ? Mask{{read}, {}} : Mask{{}, {read}});
  }
  return masks.size() == 1 ? masks[0] : united(masks);
}

/// What an index or an extremum picks of input `i`, where slopes behind it may be infinite
/// elsewhere. Marks on elements have it in them already.
Var BackwardSweep::picked_of(const Apply& node, std::size_t i, const Flows& in) const {
  const auto* reads = dynamic_cast<const ReadsElements*>(&node.op());
  if (reads == nullptr || behind(node.input(i)) != Slope::wild) return {};
  if (!is_float(node.input(i).dtype())) return {};
  for (const Var& c : in[0].mask.all()) {
    if (c.ndim() > 0) return {};
  }
  const Var* source = &node.input(i);
  while (source->op().is_view()) source = &source->inputs()[0];
  const auto* graph = dynamic_cast<const FlowsThroughGraph*>(&source->op());
  if (graph != nullptr && graph->carries_marks()) return {};
  return take_parts_in_turn(readers_of(node.input(i))) ? Var{} : reads->picked(node, i);
}

const std::vector<const Apply*>& BackwardSweep::readers_of(const Var& v) const {
  if (readers_.empty()) {
    for (const Apply* node : order_) {
      for (const Var& in : node->inputs()) readers_[in].push_back(node);
    }
  }
  return readers_[v];
}

/// A branch gets the whole gradient, wherever the choice takes it.
void BackwardSweep::into_branch(const Apply& choice, std::vector<Guard> guards, bool holds,
                                const Flow& flow) {
  const Var& condition = choice.input(0);
  const auto known = std::find_if(guards.begin(), guards.end(), [&](const Guard& guard) {
    return same(guard.condition, condition);
  });
  if (known == guards.end()) {
    guards.push_back({condition, holds});
  } else if (known->holds != holds) {
    return;
  }
  pass_on(choice, holds ? 1 : 2, Gradient(flow.value), flow.mask, guards);
}

void BackwardSweep::pass_on(const Apply& node, std::size_t i, const Gradient& flowing,
                            const Mask& mask, const std::vector<Guard>& guards, bool exact) {
  const Var& in = node.input(i);
  if (fixed_.contains(in) || !leads_to_wrt(in)) return;
  if (!flowing.reason.empty()) {
    throw GradError(fmt::format(
        "grad: no derivative exists through {}\n  {}\n  with respect to its operand {}\n"
        "  hint: name the variable that must count as constant in consider_constant, or use a "
        "reparameterised draw",
        describe(node), flowing.reason, describe(in)));
  }
  if (!flowing.value.defined()) return;
  if (flowing.value.ndim() != in.ndim()) {
    throw InternalError(fmt::format("{}: its gradient for operand {} has type {}, the operand {}",
                                    node.op().name(), i, to_string(flowing.value.type()),
                                    to_string(in.type())));
  }
  const bool zero = uniform_value(flowing.value) == 0.0;
  Flows& so_far = flows_[in];
  if (zero && !so_far.empty()) return;
  if (only_zero_.erase(in) > 0) so_far.clear();
  if (zero) only_zero_.insert(in);
  Flow flow{zero ? std::vector<Guard>{} : guards, flowing.value, zero ? Mask{} : mask, exact};
  flow.value = knowing_ones(flow.value, in);
  so_far.push_back(std::move(flow));
}

}  // namespace damo
