#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/dense.hpp>
#include <damo/ops/loop/scan_watch.hpp>
#include <damo/optim/engine/size_demands.hpp>
#include <damo/optim/language/rule.hpp>
#include <damo/optim/verify/replay.hpp>

namespace damo::optim {
namespace {

constexpr std::size_t most_bytes = std::size_t{1} << 30U;

std::optional<Tensor> computed(const Var& v, Evaluation& evaluation, std::string& error) {
  try {
    return evaluation.value(v);
  } catch (const LocatedError& located) {
    try {
      located.raise();
    } catch (const Error& e) {
      error = e.what();
    }
  }
  return std::nullopt;
}

/// Values of what `after` reads of `before`'s own nodes, and of all leaves, for exact ones.
WideEvaluation::Bindings in_common(const Sides& sides) {
  VarSet of_before;
  for (const Apply* node : toposort(std::span(&sides.applied.before, 1))) {
    for (const Var& v : node->outputs()) of_before.insert(v);
  }
  WideEvaluation::Bindings shared;
  std::string ignored;
  const auto bind = [&](const Var& v) {
    if (constant_value(v) != nullptr) return;
    if (const auto value = computed(v, sides.evaluation, ignored))
      shared.emplace_back(v, WideArray(*value));
  };
  VarSet seen;
  Vars stack{sides.applied.after};
  while (!stack.empty()) {
    const Var v = stack.back();
    stack.pop_back();
    if (!seen.insert(v).second) continue;
    const bool is_root = same(v, sides.applied.before);
    if (of_before.contains(v) && !is_root) {
      bind(v);
    } else {
      stack.insert(stack.end(), v.inputs().begin(), v.inputs().end());
    }
  }
  for (const Var& leaf : leaves(std::span(&sides.applied.before, 1))) bind(leaf);
  return shared;
}

bool same_values(const Tensor& a, const Tensor& b) {
  return a.shape == b.shape && a.dtype == b.dtype && [&] {
    const Array x = dense(a);
    const Array y = dense(b);
    return std::equal(x.raw(), x.raw() + x.bytes(), y.raw());
  }();
}

/// Whether the error of the one side is raised beside the other one.
bool refused_beside(const Sides& sides) {
  const FunctionGraph asked{.outputs = {sides.applied.before}};
  std::string error;
  for (const Var& check : with_lost_demands(asked, {.outputs = {sides.applied.after}}).checks) {
    if (!computed(check, sides.evaluation, error)) return true;
  }
  return false;
}

}  // namespace

std::optional<WideEvaluation::Bindings> at_large(WideEvaluation::Bindings values) {
  // Where exp saturates and long double does not; larger than all that is finite.
  long double large = 5e3L;
  bool any = false;
  for (const auto& [v, value] : values) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (std::isfinite(value[i].value)) large = std::max(large, 8 * std::abs(value[i].value));
    }
  }
  for (auto& [v, value] : values) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (!std::isinf(value[i].value)) continue;
      value[i].value = std::copysign(large, value[i].value);
      any = true;
    }
  }
  if (!any) return std::nullopt;
  return values;
}
std::optional<WideEvaluation::Bindings> at_large(Values values) {
  WideEvaluation::Bindings wide;
  for (const auto& [v, value] : values) wide.emplace_back(v, WideArray(value.view()));
  return at_large(std::move(wide));
}

WideEvaluation::Bindings nearby(WideEvaluation::Bindings values) {
  for (auto& [v, near] : values) {
    for (std::size_t i = 0; is_float(v.dtype()) && i < near.size(); ++i)
      near[i].value += near[i].value == 0 ? 1e-6L : 1e-6L * near[i].value;
  }
  auto large = at_large(values);
  return large ? std::move(*large) : values;
}

namespace {

/// The same with a number where there is none.
WideEvaluation::Bindings with_numbers(WideEvaluation::Bindings values) {
  for (auto& [v, value] : values) {
    for (std::size_t i = 0; is_float(v.dtype()) && i < value.size(); ++i) {
      if (!std::isfinite(value[i].value)) value[i].value = 1;
    }
  }
  return values;
}

}  // namespace

Promise Sides::promise() const {
  if (applied.soundness == tag(Soundness::bit_exact)) return Promise::same_bits;
  if (applied.soundness == tag(Soundness::zero_sign)) return Promise::zero_sign;
  if (applied.soundness == tag(Soundness::method)) return Promise::method;
  if (applied.soundness == tag(Soundness::limit)) return Promise::limit;
  if (applied.soundness == tag(Soundness::selection)) return Promise::selection;
  const auto& tags = applied.tags;
  const bool stabilizes = std::find(tags.begin(), tags.end(), "stabilize") != tags.end();
  return stabilizes ? Promise::stable : Promise::rounding;
}

std::optional<Lie> Sides::judged() const {
  if (!before && !after) return std::nullopt;
  if (!before && refused_beside(*this)) return std::nullopt;
  WideEvaluation exactly(given);
  if (!before || !after) {
    Truth truth{applied.before, applied.after, exactly, nullptr};
    if (promise() == Promise::method && !truth.stays_near_one()) return std::nullopt;
    return Lie{before ? "an error appears" : "an error is lost",
               before ? "no error" : before_error,
               after ? "no error" : after_error,
               {},
               "the whole"};
  }
  if (same_values(*before, *after)) return std::nullopt;
  WideEvaluation::Bindings shared = in_common(*this);
  auto shared_large = at_large(shared);
  WideEvaluation common(std::move(shared));
  std::optional<WideEvaluation> common_limit;
  if (shared_large) common_limit.emplace(std::move(*shared_large));
  const Truth near{applied.before, applied.after, common, common_limit ? &*common_limit : nullptr};
  if (!judge(*before, *after, near, promise())) return std::nullopt;
  auto large = at_large(given);
  std::optional<WideEvaluation> limit;
  if (large) limit.emplace(std::move(*large));
  auto lie = judge(*before, *after,
                   {applied.before, applied.after, exactly, limit ? &*limit : nullptr}, promise());
  if (!lie || (promise() != Promise::limit && promise() != Promise::selection)) return lie;
  auto others = in_common(*this);
  WideEvaluation close(promise() == Promise::limit ? nearby(std::move(others))
                                                   : with_numbers(std::move(others)));
  return judge(*before, *after, {applied.before, applied.after, exactly, &close}, promise());
}

Replay::Replay(const FunctionGraph& asked, const Trace& trace, Values arguments)
    : asked_(asked), trace_(trace), arguments_(arguments), outside_(arguments) {
  VarSet given;
  for (const auto& [v, value] : arguments) given.insert(v);
  for (const Trace::Applied& a : trace.applied()) {
    Vars free;
    const Vars sides{a.before, a.after};
    for (const Var& leaf : leaves(sides)) {
      if (is_input(leaf) && !given.contains(leaf)) free.push_back(leaf);
    }
    free_.push_back(std::move(free));
  }
  visited_.resize(free_.size(), false);
}

void Replay::run(const Visit& visit, const AfterPass& after_pass) {
  const ScanWatch watch([&](const Scan& scan, Values values, std::int64_t step) {
    visit_step(scan, values, step, visit);
  });
  // Rewrites of what cannot be computed as a whole have sides that can, or ought not to.
  for (const Trace::Pass& pass : trace_.passes()) visit_outside(pass.name, visit);
  std::vector<Array> before = roots(asked_.roots());
  for (const Trace::Pass& pass : trace_.passes()) {
    std::vector<Array> after = roots(pass.roots);
    after_pass(pass, before, after);
    before = std::move(after);
  }
}

std::vector<Array> Replay::roots(const Vars& vars) {
  if (outside_.bytes() > most_bytes) outside_.forget();
  std::vector<Array> result;
  for (const Var& v : vars) result.push_back(dense(outside_.value(v)));
  for (const std::size_t i : met_) visited_[i] = true;
  met_.clear();
  return result;
}

void Replay::visit_outside(const std::string& pass, const Visit& visit) {
  for (std::size_t i = 0; i < free_.size(); ++i) {
    const Trace::Applied& a = trace_.applied()[i];
    // What a pass of its own notes of a loop names the loop, not the two sides.
    if (visited_[i] || !free_[i].empty() || a.pass != pass || a.rule == a.pass) continue;
    visited_[i] = true;
    if (outside_.bytes() > most_bytes) outside_.forget();
    visit_one(a, outside_, arguments_, "", visit);
  }
}

void Replay::visit_step(const Scan& scan, Values values, std::int64_t step, const Visit& visit) {
  std::optional<Evaluation> inside;
  for (const std::size_t i : of_body(scan)) {
    if (visited_[i]) continue;
    if (!inside) inside.emplace(values);
    visit_one(trace_.applied()[i], *inside, values,
              fmt::format("scan '{}', step {}", scan.spec().name, step), visit);
    met_.push_back(i);
  }
}

const std::vector<std::size_t>& Replay::of_body(const Scan& scan) {
  const auto [it, fresh] = by_body_.try_emplace(&scan);
  if (!fresh) return it->second;
  const VarSet inputs(scan.spec().body.inputs.begin(), scan.spec().body.inputs.end());
  for (std::size_t i = 0; i < free_.size(); ++i) {
    const Trace::Applied& a = trace_.applied()[i];
    const bool here = !free_[i].empty() && a.rule != a.pass &&
                      std::all_of(free_[i].begin(), free_[i].end(),
                                  [&](const Var& v) { return inputs.contains(v); });
    if (here) it->second.push_back(i);
  }
  return it->second;
}

void Replay::visit_one(const Trace::Applied& a, Evaluation& evaluation, Values given,
                       std::string place, const Visit& visit) const {
  Sides sides{.applied = a, .given = given, .evaluation = evaluation, .place = std::move(place)};
  sides.before = computed(a.before, evaluation, sides.before_error);
  sides.after = computed(a.after, evaluation, sides.after_error);
  visit(sides);
}

}  // namespace damo::optim
