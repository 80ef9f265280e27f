#include <damo/graph/variables.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/loop_builder.hpp>
#include <damo/ops/shape/create.hpp>

// Forward mode through a loop: the body and its tangent side by side.
namespace damo {

Vars Scan::push_forward(const Apply& node, const Vars& tangents) const {
  LoopBuilder loop{.n_steps = node.input(0),
                   .name = spec_.name.empty() ? "tangent" : "tangent of " + spec_.name,
                   .mode = spec_.mode,
                   .profile = spec_.profile,
                   .truncate_gradient = spec_.truncate_gradient};
  Vars wrt;
  Vars eval;
  const auto tangent_of = [&](const Var& inner) {
    const Var t = input(inner.type(), "", node.site());
    wrt.push_back(inner);
    eval.push_back(t);
    return t;
  };
  for (std::size_t i = 0; i < spec_.n_sequences; ++i) {
    loop.sequences.emplace_back(node.input(sequence_input(i)), body_sequence(i));
    if (const Var& t = tangents[sequence_input(i)])
      loop.sequences.emplace_back(t, tangent_of(body_sequence(i)));
  }
  std::vector<std::size_t> tangent_state(spec_.n_states, 0);
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    loop.states.push_back({node.input(state_input(i)), body_state(i), spec_.body.outputs[i]});
  }
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    if (!is_float(body_state(i).dtype())) continue;
    const Var& t = tangents[state_input(i)];
    tangent_state[i] = loop.states.size();
    loop.states.push_back(
        {t ? t : zeros_like(node.input(state_input(i))), tangent_of(body_state(i)), {}});
  }
  for (std::size_t i = 0; i < n_non_sequences(); ++i) {
    const Var& outer = node.input(non_sequence_input(i));
    loop.non_sequences.emplace_back(outer, body_non_sequence(i));
    if (const Var& t = tangents[non_sequence_input(i)])
      loop.non_sequences.emplace_back(t, tangent_of(body_non_sequence(i)));
  }
  const Vars body(spec_.body.outputs.begin(),
                  spec_.body.outputs.begin() + static_cast<std::ptrdiff_t>(n_body_outputs()));
  const Vars moved = Rop(body, wrt, eval, node.site());
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    if (tangent_state[i] != 0) loop.states[tangent_state[i]].next = moved[i];
  }
  for (std::size_t i = spec_.n_states; i < n_body_outputs(); ++i) loop.extras.push_back(moved[i]);
  if (spec_.has_until) loop.condition = spec_.body.outputs.back();
  if (!pure()) drop_effects(loop);
  // The tangent loop may be the only one left in a graph: it draws, so it moves the streams on.
  for (const auto& [state, output] : spec_.carried) loop.carried.push_back(state);
  for (std::size_t i = spec_.n_states; i < loop.states.size(); ++i) loop.lasts.push_back(i);
  const LoopBuilder::Built built = loop.build(node.site());

  Vars result;
  for (const Output& o : spec_.outputs) {
    const bool state = o.body_output < spec_.n_states;
    const bool rows = o.keep == Keep::trace || o.keep == Keep::history;
    if (!is_float(spec_.body.outputs[o.body_output].dtype())) {
      result.emplace_back();
    } else if (!state) {
      const Var& trace = built.traces[o.body_output - spec_.n_states];
      result.push_back(rows ? trace : trace[-1]);
    } else {
      const Var& history = built.histories[tangent_state[o.body_output]];
      result.push_back(o.keep == Keep::history ? history
                       : o.keep == Keep::trace ? history[from(1)]
                                               : history[-1]);
    }
  }
  return result;
}

}  // namespace damo
