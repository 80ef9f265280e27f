#include <damo/graph/facts.hpp>
#include <damo/ops/loop/scan_op.hpp>

// What is known of the values of a loop, at every step.
namespace damo {
namespace {

/// Facts of the body's variables, with those of its inputs as given.
Facts body_facts(const FunctionGraph& body, const std::vector<Fact>& inputs) {
  Facts facts;
  for (std::size_t i = 0; i < inputs.size(); ++i) facts.assume(body.inputs[i], inputs[i]);
  return facts;
}

/// Marks the states whose next value is binary whenever the present one is: the samples of a chain
/// that starts from an input or a shared variable.
void suspect_binary_states(const Scan& scan, std::vector<Fact>& inputs) {
  const FunctionGraph& body = scan.spec().body;
  const std::size_t first = scan.spec().n_sequences;
  for (std::size_t s = 0; s < scan.spec().n_states; ++s) {
    Fact& state = inputs[first + s];
    if (state.binary() || !is_float(body.inputs[first + s].dtype())) continue;
    auto assumed = inputs;
    assumed[first + s] = zero_or_one;
    state.perhaps_binary = body_facts(body, assumed).of(body.outputs[s]).binary();
  }
}

}  // namespace

// A state has what its initial value has and every step keeps: assume all of it, drop what the
// step does not keep, and so on until nothing is dropped.
std::vector<Fact> Scan::facts_inside(const Apply&, std::span<const Fact> in) const {
  std::vector<Fact> inputs(in.begin() + 1, in.end());
  const std::size_t first = spec_.n_sequences;
  for (bool changed = spec_.n_states > 0; changed;) {
    changed = false;
    Facts facts = body_facts(spec_.body, inputs);
    for (std::size_t s = 0; s < spec_.n_states; ++s) {
      Fact& state = inputs[first + s];
      const Fact both = common_fact(state, facts.of(spec_.body.outputs[s]));
      changed = changed || !(both == state);
      state = both;
    }
  }
  suspect_binary_states(*this, inputs);
  return inputs;
}

void Scan::facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const {
  const std::vector<Fact> inputs = facts_inside(node, in);
  Facts facts = body_facts(spec_.body, inputs);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t kept = spec_.outputs[i].body_output;
    out[i] = facts.of(spec_.body.outputs[kept]);
    // A state's history and last value may be the initial one.
    if (kept < spec_.n_states) out[i] = common_fact(out[i], inputs[spec_.n_sequences + kept]);
  }
}

}  // namespace damo
