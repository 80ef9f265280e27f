#include <algorithm>

#include <damo/graph/variables.hpp>
#include <damo/ops/gradient/forward_mode.hpp>
#include <damo/ops/gradient/gradient_flow.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/open_loop.hpp>

// Forward mode through a loop: the body and its tangent side by side.
namespace damo {
namespace {

class ForwardLoop {
 public:
  ForwardLoop(const Scan& scan, const Apply& node, const Vars& tangents)
      : scan_(scan), spec_(scan.spec()), node_(node), tangents_(tangents) {}

  Tangents run() {
    loop_.n_steps = node_.input(0);
    loop_.name = spec_.name.empty() ? "tangent" : "tangent of " + spec_.name;
    loop_.mode = spec_.mode;
    loop_.profile = spec_.profile;
    loop_.truncate_gradient = spec_.truncate_gradient;
    loop_.site = node_.site();
    add_inputs();
    find_moves();
    add_results();
    std::vector<std::size_t> lasts;
    for (std::size_t i = spec_.n_states; i < loop_.states.size(); ++i) lasts.push_back(i);
    return outside(loop_.build_whole(lasts));
  }

 private:
  /// What stands for the tangent of `inner`, of which `t` is all that is known.
  Var tangent_of(const Var& inner, const TensorType& t) {
    wrt_.push_back(inner);
    eval_.push_back(input(t, "", node_.site()));
    return eval_.back();
  }

  void add_state_tangent(std::size_t i) {
    TensorType type = carried_type(scan_.body_state(i).type());
    type.dtype = gradient_dtype(scan_.body_state(i));
    state_tangent_[i] = tangent_of(scan_.body_state(i), type);
  }

  void add_inputs() {
    for (std::size_t i = 0; i < spec_.n_sequences; ++i) {
      const Var& outer = node_.input(Scan::sequence_input(i));
      const Var& inner = scan_.body_sequence(i);
      loop_.sequences.push_back({outer, inner});
      if (const Var& t = tangents_[Scan::sequence_input(i)]; t.defined())
        loop_.sequences.emplace_back(t, tangent_of(inner, item_type(t.type())));
    }
    for (std::size_t i = 0; i < spec_.n_states; ++i) {
      const Var& inner = scan_.body_state(i);
      loop_.states.push_back({node_.input(scan_.state_input(i)), inner, spec_.body.outputs[i]});
      state_tangent_.emplace_back();
      if (is_float(inner.dtype()) || tangents_[scan_.state_input(i)].defined())
        add_state_tangent(i);
    }
    for (std::size_t i = 0; i < scan_.n_non_sequences(); ++i) {
      const Var& outer = node_.input(scan_.non_sequence_input(i));
      const Var& inner = scan_.body_non_sequence(i);
      loop_.non_sequences.push_back({outer, inner});
      if (const Var& t = tangents_[scan_.non_sequence_input(i)]; t.defined())
        loop_.non_sequences.push_back({t, tangent_of(inner, t.type())});
    }
  }

  /// How a step's outputs move. One that reads the tangent of a state that has none has none.
  void find_moves() {
    const auto n = static_cast<std::ptrdiff_t>(scan_.n_body_outputs());
    const Vars body(spec_.body.outputs.begin(), spec_.body.outputs.begin() + n);
    do {
      moved_ = tangents_of(body, wrt_, eval_);
    } while (moves_more_states());
    if (!moved_.incomplete()) return;
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = 0; i < body.size(); ++i) {
        if (!moved_.reasons[i].empty() || !moved_.values[i].defined()) continue;
        moved_.reasons[i] = reason_behind(moved_.values[i]);
        changed = changed || !moved_.reasons[i].empty();
      }
    }
  }

  /// An integer moves only where what it counts does.
  bool moves_more_states() {
    bool more = false;
    for (std::size_t i = 0; i < spec_.n_states; ++i) {
      if (state_tangent_[i].defined() || !moved_.values[i].defined()) continue;
      add_state_tangent(i);
      more = true;
    }
    return more;
  }

  std::string reason_behind(const Var& tangent) const {
    const Vars read = leaves(std::span(&tangent, 1));
    for (std::size_t i = 0; i < spec_.n_states; ++i) {
      if (moved_.reasons[i].empty() || !state_tangent_[i].defined()) continue;
      const auto is_it = [&](const Var& v) { return same(v, state_tangent_[i]); };
      if (std::any_of(read.begin(), read.end(), is_it)) return moved_.reasons[i];
    }
    return {};
  }

  bool exists(std::size_t i) const {
    const bool state = i < spec_.n_states;
    const bool moves = state
                           ? state_tangent_[i].defined()
                           : moved_.values[i].defined() || is_float(spec_.body.outputs[i].dtype());
    return moves && moved_.reasons[i].empty();
  }

  void add_results() {
    place_.resize(scan_.n_body_outputs());
    for (std::size_t i = 0; i < scan_.n_body_outputs(); ++i) {
      if (!exists(i)) continue;
      const bool state = i < spec_.n_states;
      const Var value =
          moved_.values[i].defined() ? moved_.values[i] : zero_gradient(spec_.body.outputs[i]);
      place_[i] = state ? loop_.states.size() : loop_.extras.size();
      if (!state) {
        loop_.extras.push_back(value);
        continue;
      }
      const Var& t = tangents_[scan_.state_input(i)];
      const Var initial = t.defined() ? t : zero_gradient(node_.input(scan_.state_input(i)));
      loop_.states.push_back({initial, state_tangent_[i], value});
    }
    if (spec_.has_until) loop_.condition = spec_.body.outputs.back();
    if (!scan_.pure()) drop_effects(loop_);
    // The tangent loop may be the only one left in a graph: it draws, so it moves the streams on.
    for (const auto& [state, output] : spec_.carried) loop_.carried.push_back(state);
  }

  Tangents outside(const OpenLoop::Whole& built) const {
    Tangents result;
    for (const Scan::Output& o : spec_.outputs) {
      result.reasons.push_back(moved_.reasons[o.body_output]);
      result.values.push_back(exists(o.body_output) ? rows(built, o) : Var{});
    }
    return result;
  }

  Var rows(const OpenLoop::Whole& built, const Scan::Output& o) const {
    const bool all = o.keep == Scan::Keep::trace || o.keep == Scan::Keep::history;
    if (o.body_output >= spec_.n_states) {
      const Var& trace = built.traces[place_[o.body_output]];
      return all ? trace : trace[-1];
    }
    const Var& history = built.histories[place_[o.body_output]];
    return o.keep == Scan::Keep::history ? history
           : o.keep == Scan::Keep::trace ? history[from(1)]
                                         : history[-1];
  }

  const Scan& scan_;
  const Scan::Spec& spec_;
  const Apply& node_;
  const Vars& tangents_;
  OpenLoop loop_{};
  Vars wrt_;
  Vars eval_;
  Vars state_tangent_;              ///< by state: what stands for its tangent; empty: it has none
  Tangents moved_;                  ///< by body output
  std::vector<std::size_t> place_;  ///< of a body output's tangent, among states or extras
};

}  // namespace

Vars Scan::push_forward(const Apply& node, const Vars& tangents) const {
  Tangents result = ForwardLoop(*this, node, tangents).run();
  if (result.incomplete()) throw SomeUndefined(std::move(result));
  return std::move(result.values);
}

}  // namespace damo
