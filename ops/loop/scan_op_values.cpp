#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include <damo/graph/facts.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/loop/scan_op.hpp>

// What is known of the values of a loop, at every step, and what they are in long double.
namespace damo {
namespace {

/// What was found of a loop, by what is known of its operands: of its body's inputs, and of its
/// outputs.
class Found {
 public:
  using Lists = std::vector<std::pair<std::vector<Fact>, std::vector<Fact>>>;
  std::unordered_map<const Scan*, Lists> inside, outputs;

  static const std::vector<Fact>* of(const Lists& lists, std::span<const Fact> in) {
    for (const auto& [known, facts] : lists) {
      if (std::equal(known.begin(), known.end(), in.begin(), in.end())) return &facts;
    }
    return nullptr;
  }
};

/// A loop's body is gone through several times, and so is the body of each loop in it, each time:
/// what is found is remembered until the outermost loop is done.
class Memory {
 public:
  Memory() : outermost_(current == nullptr) {
    if (outermost_) current = &own_;
  }
  ~Memory() {
    if (outermost_) current = nullptr;
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  Found* operator->() const { return current; }

 private:
  static thread_local Found* current;
  Found own_{};
  bool outermost_;
};
thread_local Found* Memory::current = nullptr;

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
  const Memory memory;
  if (const auto* known = Found::of(memory->inside[this], in)) return *known;
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
  memory->inside[this].emplace_back(std::vector<Fact>(in.begin(), in.end()), inputs);
  return inputs;
}

void Scan::facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const {
  const Memory memory;
  if (const auto* known = Found::of(memory->outputs[this], in)) {
    std::copy(known->begin(), known->end(), out.begin());
    return;
  }
  const std::vector<Fact> inputs = facts_inside(node, in);
  Facts facts = body_facts(spec_.body, inputs);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t kept = spec_.outputs[i].body_output;
    out[i] = facts.of(spec_.body.outputs[kept]);
    // A state's history and last value may be the initial one.
    if (kept < spec_.n_states) out[i] = common_fact(out[i], inputs[spec_.n_sequences + kept]);
  }
  memory->outputs[this].emplace_back(std::vector<Fact>(in.begin(), in.end()),
                                     std::vector<Fact>(out.begin(), out.end()));
}

namespace {

/// A loop in long double, step by step.
class WideRun {
 public:
  WideRun(const Scan& scan, WidesIn in)
      : scan_(scan), in_(in), rows_(scan.n_body_outputs()), n_steps_((*in[0])[0]) {
    for (std::size_t i = 0; i < scan.spec().n_states; ++i)
      rows_[i].push_back(*in[scan.state_input(i)]);
    while (static_cast<long double>(steps_) < n_steps_.value && !ended_) step();
  }
  std::size_t steps() const { return steps_; }

  WideArray result(const Scan::Output& o) const {
    const auto& rows = rows_[o.body_output];
    if (o.keep == Scan::Keep::last || o.keep == Scan::Keep::last_strict) return marked(rows.back());
    const bool state = o.body_output < scan_.spec().n_states;
    const std::size_t first = o.keep == Scan::Keep::trace && state ? 1 : 0;
    Shape shape{static_cast<std::int64_t>(rows.size() - first)};
    for (const std::int64_t size : rows.back().shape()) shape.push_back(size);
    WideArray all(rows.back().dtype(), shape);
    std::size_t next = 0;
    for (std::size_t t = first; t < rows.size(); ++t) {
      for (std::size_t i = 0; i < rows[t].size(); ++i) all[next++] = rows[t][i];
    }
    return marked(std::move(all));
  }

 private:
  static WideArray item(const WideArray& sequence, std::size_t t) {
    Shape shape;
    for (std::size_t axis = 1; axis < sequence.shape().rank(); ++axis)
      shape.push_back(sequence.shape()[axis]);
    WideArray row(sequence.dtype(), shape);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = sequence[t * row.size() + i];
    return row;
  }

  void step() {
    const auto& spec = scan_.spec();
    WideEvaluation::Bindings values;
    for (std::size_t i = 0; i < spec.n_sequences; ++i)
      values.emplace_back(scan_.body_sequence(i), item(*in_[Scan::sequence_input(i)], steps_));
    for (std::size_t i = 0; i < spec.n_states; ++i)
      values.emplace_back(scan_.body_state(i), rows_[i].back());
    for (std::size_t i = 0; i < scan_.n_non_sequences(); ++i)
      values.emplace_back(scan_.body_non_sequence(i), *in_[scan_.non_sequence_input(i)]);
    WideEvaluation inside(std::move(values));
    for (std::size_t i = 0; i < rows_.size(); ++i)
      rows_[i].push_back(inside.value(spec.body.outputs[i]));
    ++steps_;
    if (!spec.has_until) return;
    const Wide& stop = inside.value(spec.body.outputs.back())[0];
    ended_ = stop.value != 0;
    in_doubt_ = in_doubt_ || stop.doubt != 0;
    may_differ_ = may_differ_ || stop.rounding != 0;
  }

  /// When another number of steps may be right, so may any value.
  WideArray marked(WideArray a) const {
    const long double unbounded = std::numeric_limits<long double>::infinity();
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (in_doubt_) a[i].doubt = unbounded;
      if (may_differ_) a[i].rounding = unbounded;
    }
    return a;
  }

  const Scan& scan_;
  WidesIn in_;
  std::vector<std::vector<WideArray>> rows_;
  Wide n_steps_;
  std::size_t steps_ = 0;
  bool ended_ = false;
  bool in_doubt_ = false;
  bool may_differ_ = false;
};

}  // namespace

void Scan::perform_wide(const Apply& node, WidesIn in, WidesOut out) const {
  const WideRun run(*this, in);
  if (run.steps() == 0) return wide_by_kernel(node, in, out);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = run.result(spec_.outputs[i]);
}

}  // namespace damo
