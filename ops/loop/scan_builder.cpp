#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/map_graph.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/control/state_updates.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan_builder.hpp>
#include <damo/ops/random/stream_draws.hpp>
#include <damo/ops/shape/shape.hpp>

// What a scan makes of its step: outputs, what is carried, what was captured.
namespace damo::detail {

ScanBuilder::ScanBuilder(const Step& step, ScanOptions& options, bool in_pieces)
    : step_(step), options_(options), site_(SiteScope::or_else(options.site)) {
  loop_.name = options.name;
  loop_.truncate_gradient = options.truncate_gradient;
  loop_.in_pieces = in_pieces;
  loop_.mode = options.mode;
  loop_.profile = options.profile;
  loop_.site = site_;
  if (options.truncate_gradient == 0 || options.truncate_gradient < -1) {
    fail(fmt::format("truncate_gradient must be a number of steps, or -1 for all, got {}",
                     options.truncate_gradient));
  }
}

std::optional<ScanResult> ScanBuilder::run(bool numbers_are_typed) {
  first_inner_id_ = Arg(0).var().owner().id();
  {
    const SiteScope scope(site_);
    add_sequences();
    add_outputs();
  }
  for (const Var& v : options_.non_sequences) add_non_sequence(v);
  StepResult result = call_step();
  if (!numbers_are_typed && type_numbers(options_.outputs_info, result.outputs))
    return std::nullopt;
  match_outputs(result.outputs);
  collect_shared_updates(result);
  capture_outside(result);
  return finish(result);
}

bool type_numbers(std::vector<OutputInfo>& infos, const Vars& outputs) {
  bool changed = false;
  for (std::size_t i = 0; i < std::min(outputs.size(), infos.size()); ++i) {
    OutputInfo& info = infos[i];
    if (!info.number || !outputs[i].defined() || outputs[i].dtype() == info.initial.dtype())
      continue;
    const DType dtype = outputs[i].dtype();
    if (info.number->kind() == Arg::Kind::real && !is_float(dtype)) continue;
    if (dtype == DType::boolean && info.number->real() != 0 && info.number->real() != 1) continue;
    info.initial = info.number->var(dtype);
    changed = true;
  }
  return changed;
}

void ScanBuilder::match_outputs(const Vars& outputs) {
  if (options_.outputs_info.empty()) {
    first_state_.assign(outputs.size(), 0);
    depth_.assign(outputs.size(), 0);
  }
  if (outputs.size() != depth_.size()) {
    fail(fmt::format("the step returns {} outputs, outputs_info lists {}", outputs.size(),
                     depth_.size()));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].defined()) fail(fmt::format("output {} of the step is empty", i));
    if (depth_[i] == 0) {
      loop_.extras.push_back(outputs[i]);
      continue;
    }
    const std::size_t first = first_state_[i];
    loop_.states[first].next =
        checked_carry(outputs[i], loop_.states[first], fmt::format("output {}", i));
    for (std::size_t back = 1; back < static_cast<std::size_t>(depth_[i]); ++back) {
      loop_.states[first + back].next = loop_.states[first + back - 1].inner;
    }
  }
}

Var ScanBuilder::checked_carry(const Var& next, const OpenLoop::State& state,
                               const std::string& role) {
  const TensorType& wanted = state.inner.type();
  // The initial value may say more of the sizes than the step does.
  if (compatible(next.type(), wanted)) return of_sizes(next, wanted);
  std::string remedy = "cast the initial value, or the output, so that both types match";
  if (next.dtype() == wanted.dtype && next.ndim() == wanted.rank()) {
    remedy =
        "what is fed back keeps its size: give the initial value that of the output (an axis known "
        "to "
        "be 1 stretches: unbroadcast takes that away, broadcast_to makes it larger)";
  } else if (next.dtype() == wanted.dtype) {
    remedy = "give the initial value the output's number of dimensions";
  }
  fail_type(
      fmt::format("{} changes type from step to step\n  initial value  {}\n  carried as     {}\n "
                  " next value     {}\n"
                  "  hint: {}",
                  role, describe(state.initial), to_string(wanted), describe(next), remedy));
}

bool ScanBuilder::inner_node(const Apply& node) const { return node.id() > first_inner_id_; }

std::vector<const Apply*> ScanBuilder::inner_nodes(const Vars& roots) const {
  std::vector<const Apply*> inner;
  for (const Apply* node : toposort(roots)) {
    if (inner_node(*node)) inner.push_back(node);
  }
  return inner;
}

Vars ScanBuilder::roots(const StepResult& result) const {
  Vars all = loop_.extras;
  for (const auto& s : loop_.states) all.push_back(s.next);
  for (const auto& [target, value] : result.updates) all.push_back(value);
  if (result.condition.defined()) all.push_back(result.condition);
  return all;
}

void ScanBuilder::collect_shared_updates(const StepResult& result) {
  std::vector<std::pair<Var, Var>> next = result.updates.pairs();
  std::vector<std::pair<Var, Vars>> drawn;
  const Vars all = roots(result);
  const Guards guards(all);
  for (const Apply* node : inner_nodes(all)) {
    for (const auto& [state, value] : state_updates(*node, guards)) {
      if (!is_shared(state) || result.updates.find(state).defined()) continue;
      const auto it = std::find_if(drawn.begin(), drawn.end(), [&state = state](const auto& d) {
        return same(d.first, state);
      });
      if (it == drawn.end()) {
        drawn.emplace_back(state, Vars{value});
      } else {
        it->second.push_back(value);
      }
    }
  }
  for (const auto& [state, values] : drawn) next.emplace_back(state, farthest_state(values));
  add_default_updates(all, next);
  for (const auto& [target, value] : next) {
    OpenLoop::State state{target, input(target.type(), target.name(), site_), value};
    const std::string role = fmt::format("the carried shared variable '{}'", target.name());
    state.next = checked_carry(value, state, role);
    loop_.roles.emplace_back(state.inner, role);
    loop_.carried.push_back(loop_.states.size());
    loop_.states.push_back(state);
    outside_to_inside_.insert_or_assign(target, state.inner);
    shared_targets_.push_back(target);
  }
}

void ScanBuilder::add_default_updates(Vars all, std::vector<std::pair<Var, Var>>& next) const {
  for (std::size_t before = all.size() + 1; before != all.size();) {
    before = all.size();
    Vars read = all;
    for (const Apply* node : inner_nodes(all))
      read.insert(read.end(), node->inputs().begin(), node->inputs().end());
    for (const Var& v : read) {
      const Var value = is_shared(v) ? SharedVar(v).default_update() : Var{};
      const bool known = std::any_of(next.begin(), next.end(),
                                     [&](const auto& pair) { return same(pair.first, v); });
      if (!value.defined() || known) continue;
      next.emplace_back(v, value);
      all.push_back(value);
    }
  }
}

void ScanBuilder::capture_outside(const StepResult& result) {
  const auto capture = [&](const Var& v) {
    if (outside_to_inside_.contains(v) || inner_node(v.owner()) || constant_value(v) != nullptr)
      return;
    if (options_.strict && !listed_.contains(v)) {
      fail(fmt::format("strict, but the step captures {}\n  hint: list it in non_sequences",
                       describe(v)));
    }
    const Var inner = input(v.type(), v.name(), site_);
    loop_.non_sequences.push_back({v, inner});
    outside_to_inside_.emplace(v, inner);
  };
  const Vars all = roots(result);
  for (const Var& v : all) capture(v);
  for (const Apply* node : inner_nodes(all)) {
    for (const Var& in : node->inputs()) capture(in);
  }
}

ScanResult ScanBuilder::finish(StepResult& result) {
  if (result.condition.defined()) loop_.condition = checked_condition(result.condition);
  loop_.set_body_outputs(rebuilt(loop_.body_outputs()));

  const OpenLoop::Whole whole = loop_.build_whole();
  ScanResult out;
  std::size_t extra = 0;
  for (std::size_t i = 0; i < depth_.size(); ++i) {
    const Var trace =
        depth_[i] == 0 ? whole.traces[extra++] : whole.histories[first_state_[i]][from(1)];
    out.outputs.push_back(trace);
  }
  for (std::size_t i = 0; i < shared_targets_.size(); ++i)
    out.updates.set(shared_targets_[i], whole.carried[i]);
  return out;
}

Vars ScanBuilder::rebuilt(const Vars& inside) const {
  std::vector<const Apply*> nodes = inner_nodes(inside);
  std::sort(nodes.begin(), nodes.end(),
            [](const Apply* a, const Apply* b) { return a->id() < b->id(); });
  return made_anew(nodes, inside, outside_to_inside_);
}

Var ScanBuilder::checked_condition(const Var& condition) const {
  if (condition.ndim() != 0)
    fail_type(fmt::format("the condition of until must be a scalar, got {}", describe(condition)));
  if (is_float(condition.dtype()))
    fail_type(fmt::format("the condition of until is bool, not {}\n  hint: write a comparison",
                          describe(condition)));
  return cast(condition, DType::boolean);
}

}  // namespace damo::detail
