#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/models/update_rules.hpp>
#include <damo/ops/control/debug.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo::models {
namespace {

/// One gradient for each parameter: GraphError, with the line of the options, otherwise.
void check(const std::vector<SharedVar>& params, const Vars& gradients, Site site) {
  const std::string line = to_string(SiteScope::or_else(site));
  if (params.size() != gradients.size()) {
    throw GraphError(fmt::format("update rule: {} parameters but {} gradients, at {}",
                                 params.size(), gradients.size(), line));
  }
  for (std::size_t i = 0; i < params.size(); ++i) {
    if (!gradients[i].defined())
      throw GraphError(
          fmt::format("update rule: no gradient for {}, at {}", describe(params[i]), line));
  }
}

SharedVar zeros_beside(const SharedVar& p, std::string_view what) {
  return shared(Array(p.dtype(), p.value().shape()), fmt::format("{} of {}", what, p.name()),
                p.site());
}

SharedVar step_counter(Updates& updates) {
  const SharedVar step = shared(Array::scalar(std::int64_t{0}), "step");
  updates[step] = step + 1;
  return step;
}

}  // namespace

Updates sgd(const std::vector<SharedVar>& params, const Vars& gradients, const SgdOptions& o) {
  const SiteScope scope(SiteScope::or_else(o.lr.site()));
  check(params, gradients, o.lr.site());
  Updates updates;
  for (std::size_t i = 0; i < params.size(); ++i)
    updates[params[i]] = params[i] - o.lr * gradients[i];
  return updates;
}

Updates momentum(const std::vector<SharedVar>& params, const Vars& gradients,
                 const MomentumOptions& o) {
  const SiteScope scope(SiteScope::or_else(o.lr.site()));
  check(params, gradients, o.lr.site());
  Updates updates;
  for (std::size_t i = 0; i < params.size(); ++i) {
    const SharedVar& p = params[i];
    const SharedVar velocity = zeros_beside(p, "velocity");
    const Var next = o.momentum * velocity - o.lr * gradients[i];
    updates[velocity] = next;
    updates[p] = o.nesterov ? p + o.momentum * next - o.lr * gradients[i] : p + next;
  }
  return updates;
}

Updates adagrad(const std::vector<SharedVar>& params, const Vars& gradients,
                const AdagradOptions& o) {
  const SiteScope scope(SiteScope::or_else(o.lr.site()));
  check(params, gradients, o.lr.site());
  Updates updates;
  for (std::size_t i = 0; i < params.size(); ++i) {
    const SharedVar total = zeros_beside(params[i], "squared gradients");
    const Var next = total + sqr(gradients[i]);
    updates[total] = next;
    updates[params[i]] = params[i] - o.lr * gradients[i] / (sqrt(next) + o.epsilon);
  }
  return updates;
}

Updates rmsprop(const std::vector<SharedVar>& params, const Vars& gradients,
                const RmspropOptions& o) {
  const SiteScope scope(SiteScope::or_else(o.lr.site()));
  check(params, gradients, o.lr.site());
  Updates updates;
  for (std::size_t i = 0; i < params.size(); ++i) {
    const SharedVar average = zeros_beside(params[i], "mean squared gradient");
    const Var next = o.decay * average + (1 - o.decay.var(params[i].dtype())) * sqr(gradients[i]);
    updates[average] = next;
    updates[params[i]] = params[i] - o.lr * gradients[i] / (sqrt(next) + o.epsilon);
  }
  return updates;
}

Updates adam(const std::vector<SharedVar>& params, const Vars& gradients, const AdamOptions& o) {
  const SiteScope scope(SiteScope::or_else(o.lr.site()));
  check(params, gradients, o.lr.site());
  Updates updates;
  const SharedVar step = step_counter(updates);
  for (std::size_t i = 0; i < params.size(); ++i) {
    const SharedVar& p = params[i];
    const Var t = cast(step + 1, p.dtype());
    const SharedVar m = zeros_beside(p, "first moment");
    const SharedVar v = zeros_beside(p, "second moment");
    const Var next_m = o.beta1 * m + (1 - o.beta1) * gradients[i];
    const Var next_v = o.beta2 * v + (1 - o.beta2) * sqr(gradients[i]);
    const Var mean = next_m / (1 - pow(o.beta1, t));
    const Var square = next_v / (1 - pow(o.beta2, t));
    updates[m] = next_m;
    updates[v] = next_v;
    updates[p] = p - o.lr * mean / (sqrt(square) + o.epsilon);
  }
  return updates;
}

Updates update(UpdateRule rule, const std::vector<SharedVar>& params, const Vars& gradients,
               const Arg& lr) {
  const SiteScope scope(SiteScope::or_else(lr.site()));
  switch (rule) {
    case UpdateRule::sgd:
      return sgd(params, gradients, {.lr = lr});
    case UpdateRule::momentum:
      return momentum(params, gradients, {.lr = lr});
    case UpdateRule::nesterov:
      return momentum(params, gradients, {.lr = lr, .nesterov = true});
    case UpdateRule::adagrad:
      return adagrad(params, gradients, {.lr = lr});
    case UpdateRule::rmsprop:
      return rmsprop(params, gradients, {.lr = lr});
    case UpdateRule::adam:
      return adam(params, gradients, {.lr = lr});
  }
  throw GraphError("update: no such rule");
}

std::vector<std::string> update_rule_names() {
  return {"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"};
}

UpdateRule parse_update_rule(std::string_view name) {
  const std::vector<std::string> names = update_rule_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<UpdateRule>(found - names.begin());
  throw GraphError(
      fmt::format("'{}' is no update rule; there are {}", name, fmt::join(names, ", ")));
}

Vars clip_by_norm(const Vars& gradients, const Arg& max_norm) {
  if (gradients.empty()) return {};
  const SiteScope scope(SiteScope::or_else(max_norm.site()));
  const auto known = max_norm.is_literal() ? max_norm.real() : scalar_constant(max_norm.var());
  if (known && !(*known >= 0)) {
    throw NumericError(fmt::format("clip_by_norm: a norm cannot be {}, at {}", *known,
                                   to_string(SiteScope::or_else(max_norm.site()))));
  }
  const Var limit =
      known ? max_norm.var(gradients.front().dtype())
            : Assert("clip_by_norm: a norm cannot be negative")(max_norm.var(), max_norm >= 0);
  Var squares = sum(sqr(gradients.front()));
  for (std::size_t i = 1; i < gradients.size(); ++i) squares = squares + sum(sqr(gradients[i]));
  const Var norm = sqrt(squares);
  const Var scale = where(norm > limit, limit / norm, 1.0);
  Vars clipped;
  for (const Var& g : gradients) clipped.push_back(g * scale);
  return clipped;
}

Vars add_weight_decay(const std::vector<SharedVar>& params, const Vars& gradients,
                      const Arg& rate) {
  const SiteScope scope(SiteScope::or_else(rate.site()));
  check(params, gradients, rate.site());
  Vars result;
  for (std::size_t i = 0; i < params.size(); ++i) result.push_back(gradients[i] + rate * params[i]);
  return result;
}

std::vector<SharedVar> average_parameters(const std::vector<SharedVar>& params, Updates& updates,
                                          const Arg& rate) {
  const SiteScope scope(SiteScope::or_else(rate.site()));
  std::vector<SharedVar> averages;
  for (const SharedVar& p : params) {
    const Var next = updates.find(p);
    if (!next.defined())
      throw GraphError(fmt::format("average_parameters: no update for {}, at {}", describe(p),
                                   to_string(SiteScope::or_else(rate.site()))));
    const SharedVar average = shared(Array(p.value()), "average of " + p.name(), p.site());
    updates[average] = average + rate * (next - average);
    averages.push_back(average);
  }
  return averages;
}

Var inverse_time_schedule(double start, double half_life, Updates& updates) {
  return start / (1 + cast(step_counter(updates), floatX()) / half_life);
}

Var exponential_schedule(double start, double decay, Updates& updates) {
  return start * pow(decay, cast(step_counter(updates), floatX()));
}

Var linear_schedule(double start, double end, std::int64_t steps, Updates& updates) {
  if (steps < 1)
    throw NumericError(fmt::format("linear_schedule: a line over {} steps; 1 is the least", steps));
  const Var progress =
      minimum(cast(step_counter(updates), floatX()) / static_cast<double>(steps), 1.0);
  return start + (end - start) * progress;
}

}  // namespace damo::models
