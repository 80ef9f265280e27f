#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/backward_loop.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

// Backpropagation through time is a loop: the body's gradient, from the last step to the first.
namespace damo {
namespace {

Range reversed() { return {Var{}, Var{}, Arg(-1).var(DType::int64)}; }

}  // namespace

Gradients BackwardLoop::run() {
  Gradients result(node_.inputs().size());
  if (wrt_.empty()) return result;
  build();
  const LoopBuilder::Built built = loop_.build(node_.site());
  std::size_t k = 0;
  std::size_t trace = 0;
  Vars carried(spec_.n_states);
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    for (std::size_t part = 0; part < carried_[i].size(); ++part)
      carried[i] = add_or_either(carried[i], built.lasts[k++].second);
  }
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    if (carried[i]) result[scan_.state_input(i)] = initial_gradient(i, carried);
  }
  for (const std::size_t i : accumulated_)
    result[scan_.non_sequence_input(i)] = built.lasts[k++].second;
  for (const std::size_t i : sequenced_)
    result[Scan::sequence_input(i)] = sequence_gradient(i, built.traces[trace++]);
  return result;
}

Var BackwardLoop::last_rows(const Var& outer) const {
  return outer[range(rows_ - steps_, rows_)][reversed()];
}

Var BackwardLoop::backward_sequence(const Var& outer, const TensorType& type) {
  const Var inner = input(type, "", node_.site());
  loop_.sequences.emplace_back(last_rows(outer), inner);
  return inner;
}

void BackwardLoop::add_forward_values() {
  for (std::size_t i = 0; i < spec_.n_sequences; ++i) {
    loop_.sequences.emplace_back(last_rows(node_.input(Scan::sequence_input(i))),
                                 scan_.body_sequence(i));
  }
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    loop_.sequences.emplace_back(last_rows(history(i)), scan_.body_state(i));
  }
  for (std::size_t i = 0; i < scan_.n_non_sequences(); ++i) {
    loop_.non_sequences.emplace_back(node_.input(scan_.non_sequence_input(i)),
                                     scan_.body_non_sequence(i));
  }
}

Var BackwardLoop::history(std::size_t state) const {
  const auto it = outputs_.find({state, Scan::Keep::history});
  if (it == outputs_.end()) {
    throw InternalError(
        fmt::format("scan '{}': the history of state {} is gone before its gradient was built",
                    spec_.name, state));
  }
  return it->second;
}

void BackwardLoop::build() {
  loop_.n_steps = steps_;
  loop_.name = spec_.name.empty() ? "gradient" : "gradient of " + spec_.name;
  loop_.mode = spec_.mode;
  loop_.profile = spec_.profile;
  add_forward_values();
  std::vector<Vars> seeds(scan_.n_body_outputs());
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (in_.per_step[i])
      seeds[i].push_back(backward_sequence(in_.per_step[i], item_type(in_.per_step[i].type())));
  }
  for (std::size_t i = 0; i < spec_.n_states; ++i)
    seeds[i].insert(seeds[i].end(), carried_[i].begin(), carried_[i].end());
  add_last_step(seeds);
  add_results(body_gradient(seeds));
  reuse_forward_outputs();
}

void BackwardLoop::add_last_step(std::vector<Vars>& seeds) {
  for (std::size_t i = spec_.n_states; i < seeds.size(); ++i) {
    if (!in_.last[i]) continue;
    const Var pending = input(in_.last[i].type(), "", node_.site());
    loop_.states.push_back({in_.last[i], pending, zeros_like(pending)});
    seeds[i].push_back(pending);
  }
}

void BackwardLoop::add_results(const std::vector<Vars>& flows) {
  const std::size_t pending = loop_.states.size();
  std::size_t f = 0;
  const auto next_flow = [&](const Var& body_input) {
    return is_float(body_input.dtype()) ? flows[f++] : Vars{};
  };
  for (std::size_t i = 0; i < spec_.n_sequences; ++i) {
    if (const Vars parts = next_flow(scan_.body_sequence(i)); !parts.empty()) {
      sequenced_.push_back(i);
      loop_.extras.push_back(added_to({}, parts));
    }
  }
  for (std::size_t i = 0; i < spec_.n_states; ++i) carry(i, next_flow(scan_.body_state(i)));
  for (std::size_t i = 0; i < scan_.n_non_sequences(); ++i) {
    const Vars parts = next_flow(scan_.body_non_sequence(i));
    if (parts.empty()) continue;
    accumulated_.push_back(i);
    const Var sum = input(scan_.body_non_sequence(i).type(), "", node_.site());
    loop_.states.push_back(
        {zeros_like(node_.input(scan_.non_sequence_input(i))), sum, added_to(sum, parts)});
  }
  for (std::size_t i = pending; i < loop_.states.size(); ++i) loop_.lasts.push_back(i);
}

Var BackwardLoop::added_to(Var sum, const Vars& parts) {
  for (const Var& part : parts) sum = add_or_either(sum, part);
  return sum;
}

void BackwardLoop::carry(std::size_t state, const Vars& parts) {
  const Var zero = zeros_like(node_.input(scan_.state_input(state)));
  for (std::size_t k = 0; k < carried_[state].size(); ++k) {
    const Var& inner = carried_[state][k];
    const Var next = parts.empty()                 ? zeros_like(inner)
                     : carried_[state].size() == 1 ? added_to({}, parts)
                                                   : parts[k];
    loop_.states.push_back({k == 0 && in_.last[state] ? in_.last[state] : zero, inner, next});
  }
}

void BackwardLoop::reuse_forward_outputs() {
  VarMap stored;
  std::vector<std::pair<Var, Var>> added;
  for (std::size_t i = 0; i < scan_.n_body_outputs(); ++i) {
    const Var& out = spec_.body.outputs[i];
    const bool state = i < spec_.n_states;
    const auto it = outputs_.find({i, state ? Scan::Keep::history : Scan::Keep::trace});
    if (it == outputs_.end() || is_leaf(out) || stored.contains(out)) continue;
    const Var inner = input(out.type(), "", node_.site());
    stored.emplace(out, inner);
    if (const Var same_value = without_after(out); !is_leaf(same_value))
      stored.emplace(same_value, inner);
    const Var rows = specify_item_shape(state ? it->second[from(1)] : it->second, out.type());
    added.emplace_back(last_rows(rows), inner);
  }
  const std::size_t n = loop_.states.size();
  Vars inside;
  for (const auto& s : loop_.states) inside.push_back(s.next);
  inside.insert(inside.end(), loop_.extras.begin(), loop_.extras.end());
  inside = replace(inside, stored);
  if (!scan_.pure()) inside = without_effects(inside);
  for (std::size_t i = 0; i < n; ++i) loop_.states[i].next = inside[i];
  for (std::size_t i = n; i < inside.size(); ++i) loop_.extras[i - n] = inside[i];
  const std::vector<Var> used = leaves(inside);
  for (const auto& pair : added) {
    if (std::any_of(used.begin(), used.end(), [&](const Var& v) { return same(v, pair.second); })) {
      loop_.sequences.push_back(pair);
    }
  }
}

Var BackwardLoop::specify_item_shape(const Var& rows, const TensorType& item) {
  if (refines(item_type(rows.type()), item)) return rows;
  Vars sizes{Arg(-1).var(DType::int64)};
  for (const std::int64_t dim : item.dims) sizes.push_back(Arg(dim).var(DType::int64));
  return specify_shape(rows, Sizes(sizes));
}

Var BackwardLoop::initial_gradient(std::size_t state, const Vars& carried) const {
  Var g = carried[state];
  if (spec_.truncate_gradient >= 0) {
    g = where(eq(rows_, steps_), g, 0.0);
    std::int64_t left = 1;
    for (std::size_t tap = state + 1; tap < spec_.n_states && carried[tap]; ++tap, ++left) {
      if (!same(spec_.body.outputs[tap], scan_.body_state(tap - 1))) break;
      g = where(eq(rows_ - steps_, left), carried[tap], g);
    }
  }
  return add_or_either(g, in_.initial[state]);
}

Var BackwardLoop::sequence_gradient(std::size_t i, const Var& trace) const {
  const Var& x = node_.input(Scan::sequence_input(i));
  return set_subtensor(zeros_like(x)[range(rows_ - steps_, rows_)], trace[reversed()]);
}

void drop_effects(LoopBuilder& loop) {
  for (auto& s : loop.states) s.next = without_effects({s.next}).front();
  loop.extras = without_effects(loop.extras);
  if (loop.condition) loop.condition = without_effects({loop.condition}).front();
}

Gradients Scan::gradient(const Apply& node, const Vars& g) const {
  try {
    return BackwardLoop(*this, node, g).run();
  } catch (const GradError& e) {
    // Some path inside has no derivative. It is an error only for a variable that is asked for and
    // lies on it.
    Gradients none(node.inputs().size());
    for (std::size_t i = 1; i < none.size(); ++i) {
      if (is_float(node.input(i).dtype()))
        none[i] = Gradient::undefined(fmt::format("in scan '{}': {}", spec_.name, e.what()));
    }
    return none;
  }
}

}  // namespace damo
