#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/backward_loop.hpp>

// What comes into the gradient of a loop from outside, and what of it is carried on.
namespace damo {

BackwardLoop::BackwardLoop(const Scan& scan, const Apply& node, const Vars& g)
    : scan_(scan), spec_(scan.spec()), node_(node) {
  find_rows();
  collect(g);
  for (const Var& v : spec_.body.inputs) {
    if (is_float(v.dtype())) wrt_.push_back(v);
  }
  find_active_states();
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

void BackwardLoop::collect(const Vars& g) {
  const std::size_t n = scan_.n_body_outputs();
  in_.per_step.resize(n);
  in_.last.resize(n);
  in_.initial.resize(spec_.n_states);
  for (std::size_t k = 0; k < spec_.outputs.size(); ++k) {
    if (!g[k]) continue;
    const auto [i, keep] = spec_.outputs[k];
    switch (keep) {
      case Scan::Keep::trace:
        in_.per_step[i] = add_or_either(in_.per_step[i], g[k]);
        break;
      case Scan::Keep::history:
        in_.per_step[i] = add_or_either(in_.per_step[i], g[k][from(1)]);
        in_.initial[i] = add_or_either(in_.initial[i], g[k][0]);
        break;
      default:
        in_.last[i] = add_or_either(in_.last[i], g[k]);
    }
  }
}

std::vector<Vars> BackwardLoop::body_gradient(const std::vector<Vars>& seeds) const {
  const Vars outputs(spec_.body.outputs.begin(),
                     spec_.body.outputs.begin() + static_cast<std::ptrdiff_t>(seeds.size()));
  return gradient_parts(outputs, wrt_, seeds);
}

std::size_t BackwardLoop::place(std::size_t state) const {
  const auto at = std::find_if(wrt_.begin(), wrt_.end(),
                               [&](const Var& v) { return same(v, scan_.body_state(state)); });
  return static_cast<std::size_t>(at - wrt_.begin());
}

Var BackwardLoop::placeholder(std::size_t body_output) const {
  return input(spec_.body.outputs[body_output].type(), "", node_.site());
}

void BackwardLoop::find_active_states() {
  std::vector<Vars> seeds(scan_.n_body_outputs());
  carried_.resize(spec_.n_states);
  std::vector<bool> summed(spec_.n_states, false);
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (!is_float(spec_.body.outputs[i].dtype())) continue;
    if (in_.per_step[i] || in_.last[i]) seeds[i].push_back(placeholder(i));
  }
  for (std::size_t round = 0;; ++round) {
    bool changed = false;
    const std::vector<Vars> flows = body_gradient(seeds);
    for (std::size_t i = 0; i < spec_.n_states; ++i) {
      const std::size_t at = place(i);
      if (at == wrt_.size() || (seeds[i].empty() && flows[at].empty())) continue;
      std::size_t parts = std::max<std::size_t>(1, flows[at].size());
      // A state that hands itself on would gain a part at each round.
      if (round > spec_.n_states && parts > carried_[i].size()) summed[i] = true;
      if (summed[i]) parts = 1;
      if (parts == carried_[i].size()) continue;
      carried_[i].clear();
      for (std::size_t k = 0; k < parts; ++k)
        carried_[i].push_back(input(scan_.body_state(i).type(), "", node_.site()));
      seeds[i] = carried_[i];
      changed = true;
    }
    if (!changed) return;
  }
}

}  // namespace damo
