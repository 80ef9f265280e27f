#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/errors/running_loop.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/dense.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/loop/open_loop.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/loop/scan_watch.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>

namespace damo {
namespace {

/// The loop by the book: what `evaluate` and constant folding use, and what compiled loops are
/// compared with.
class ReferenceRun {
 public:
  ReferenceRun(const Scan& scan, TensorsIn in) : scan_(scan), in_(in) {
    steps_ = in[0]->first<std::int64_t>();
    check_lengths();
    for (std::size_t i = 0; i < scan.spec().n_states; ++i)
      states_.push_back(dense(*in[scan.state_input(i)]));
    for (std::size_t i = 0; i < scan.spec().n_states; ++i) history_.push_back({states_[i]});
    extras_.resize(scan.n_body_outputs() - scan.spec().n_states);
    LoopScope place(scan.spec().name);
    for (; done_ < steps_; ++done_) {
      place.at(done_);
      if (step()) {
        ++done_;
        break;
      }
    }
  }

  std::vector<Array> results() const {
    std::vector<Array> out;
    for (const Scan::Output& o : scan_.spec().outputs) out.push_back(result(o));
    return out;
  }

 private:
  void check_lengths() const {
    scan_.check_steps(steps_);
    for (std::size_t i = 0; i < scan_.spec().n_sequences; ++i) {
      const Tensor& s = *in_[Scan::sequence_input(i)];
      if (s.shape[0] < steps_) scan_.fail_too_short(i, s.shape[0], steps_);
    }
  }

  Array item(std::size_t i) const {
    const Tensor& s = *in_[Scan::sequence_input(i)];
    Tensor t{s.data + done_ * s.strides[0] * static_cast<std::int64_t>(item_size(s.dtype)),
             s.dtype,
             {},
             {}};
    for (std::size_t axis = 1; axis < s.rank(); ++axis) {
      t.shape.push_back(s.shape[axis]);
      t.strides.push_back(s.strides[axis]);
    }
    return dense(t);
  }

  /// One step; true when the loop ends with it.
  bool step() {
    const auto& spec = scan_.spec();
    std::vector<std::pair<Var, Array>> values;
    for (std::size_t i = 0; i < spec.n_sequences; ++i)
      values.emplace_back(scan_.body_sequence(i), item(i));
    for (std::size_t i = 0; i < spec.n_states; ++i)
      values.emplace_back(scan_.body_state(i), states_[i]);
    for (std::size_t i = 0; i < scan_.n_non_sequences(); ++i) {
      values.emplace_back(scan_.body_non_sequence(i), dense(*in_[scan_.non_sequence_input(i)]));
    }
    ScanWatch::notify(scan_, values, done_);
    const std::vector<Array> out = body_values(values);
    for (std::size_t i = 0; i < spec.n_states; ++i) {
      if (!(out[i].shape() == states_[i].shape())) {
        scan_.fail_shape(i, done_, states_[i].shape(), out[i].shape());
      }
      states_[i] = out[i];
      history_[i].push_back(out[i]);
    }
    for (std::size_t i = 0; i < extras_.size(); ++i) {
      const Array& value = out[spec.n_states + i];
      if (!extras_[i].empty() && !(extras_[i].back().shape() == value.shape()))
        scan_.fail_shape(spec.n_states + i, done_, extras_[i].back().shape(), value.shape());
      extras_[i].push_back(value);
    }
    return spec.has_until && out.back().item<bool>();
  }

  std::vector<Array> body_values(std::span<const std::pair<Var, Array>> values) const {
    try {
      return evaluate_inside(scan_.spec().body.outputs, values);
    } catch (LocatedError& e) {
      e.add_place(fmt::format("scan '{}', step {}", scan_.spec().name, done_));
      throw;
    }
  }

  static Array stack(const std::vector<Array>& rows, std::size_t first, const TensorType& item) {
    Shape shape{static_cast<std::int64_t>(rows.size() - first)};
    const Shape known = rows.size() > first ? rows[first].shape() : item.dims;
    for (const std::int64_t dim : known) shape.push_back(dim);
    Array all(item.dtype, shape);
    std::byte* out = all.raw();
    for (std::size_t i = first; i < rows.size(); ++i, out += rows[i - 1].bytes()) {
      std::memcpy(out, rows[i].raw(), rows[i].bytes());
    }
    return all;
  }

  /// An output without a row. The sizes of its items follow from those of what enters the loop.
  Array no_rows(std::size_t body_output) const {
    const TensorType& type = scan_.spec().body.outputs[body_output].type();
    Shape shape{0};
    if (body_output < scan_.spec().n_states) {
      for (const std::int64_t dim : states_[body_output].shape()) shape.push_back(dim);
      return {type.dtype, shape};
    }
    Vars stand_ins;
    std::vector<Vars> shapes;
    std::vector<std::pair<Var, Array>> values;
    for (const Tensor* t : in_) {
      stand_ins.push_back(input({t->dtype, t->shape}));
      shapes.push_back(sizes(stand_ins.back()));
      values.emplace_back(stand_ins.back(), dense(*t));
    }
    const Vars item = scan_.item_sizes(stand_ins, shapes, body_output);
    for (const Var& size : item)
      shape.push_back(size.defined() ? evaluate(size, values).item<std::int64_t>() : 0);
    return {type.dtype, shape};
  }

  Array result(const Scan::Output& o) const {
    const bool state = o.body_output < scan_.spec().n_states;
    const auto& rows =
        state ? history_[o.body_output] : extras_[o.body_output - scan_.spec().n_states];
    const TensorType& type = scan_.spec().body.outputs[o.body_output].type();
    if (o.keep == Scan::Keep::history) return stack(rows, 0, type);
    if (o.keep == Scan::Keep::trace)
      return done_ == 0 ? no_rows(o.body_output) : stack(rows, state ? 1 : 0, type);
    if (done_ == 0 && (o.keep == Scan::Keep::last_strict || !state)) {
      scan_.fail_no_step(o.body_output);
    }
    return rows.back();
  }

  const Scan& scan_;
  TensorsIn in_;
  std::int64_t steps_ = 0;
  std::int64_t done_ = 0;
  std::vector<Array> states_;
  std::vector<std::vector<Array>> history_;
  std::vector<std::vector<Array>> extras_;
};

}  // namespace

Scan::Scan(Spec spec) : spec_(std::move(spec)) {
  for (const Apply* node : spec_.body.order()) {
    const std::uint64_t place = node->op().effect();
    if (place != 0 && (effect_ == 0 || place < effect_)) effect_ = place;
  }
}

void Scan::fail(const std::string& what) const {
  throw ShapeError(spec_.name.empty() ? what : fmt::format("'{}': {}", spec_.name, what));
}

void Scan::fail_too_short(std::size_t sequence, std::int64_t items, std::int64_t steps) const {
  fail(fmt::format("{} has {} items, but n_steps is {}", role(sequence), items, steps));
}

void Scan::fail_shape(std::size_t body_output, std::int64_t step, const Shape& before,
                      const Shape& after) const {
  const bool carried = body_output < spec_.n_states;
  fail(fmt::format("{} has shape {} {} step {}, and {} {} it\n  hint: {}", output_role(body_output),
                   to_string(before), carried ? "before" : "until", step, to_string(after),
                   carried ? "after" : "at",
                   carried ? "what is fed back must keep the shape of its initial value"
                           : "every step's value must have the same shape"));
}

void Scan::fail_no_step(std::size_t body_output) const {
  fail(fmt::format("the last value of {} is asked for, but no step ran", output_role(body_output)));
}

void Scan::check_steps(std::int64_t n) const {
  if (n < 0) fail(fmt::format("n_steps is {}, expected 0 or more", n));
}

std::string Scan::role(std::size_t body_input) const {
  for (const auto& [v, text] : spec_.roles) {
    if (same(v, spec_.body.inputs[body_input])) return text;
  }
  if (body_input < spec_.n_sequences) return fmt::format("sequence {}", body_input);
  return fmt::format("state {}", body_input - spec_.n_sequences);
}

std::string Scan::output_role(std::size_t body_output) const {
  if (body_output < spec_.n_states) return role(spec_.n_sequences + body_output);
  return "the output " + describe(spec_.body.outputs[body_output]);
}

std::vector<TensorType> Scan::infer(std::span<const TensorType> in) const {
  const auto expect = [&](const TensorType& given, const TensorType& wanted,
                          const std::string& role) {
    if (!refines(given, wanted)) {
      throw TypeError(fmt::format("'{}': {} has type {}, the body takes {}", spec_.name, role,
                                  to_string(given), to_string(wanted)));
    }
  };
  if (in.size() != spec_.body.inputs.size() + 1)
    throw InternalError("scan: wrong number of inputs");
  expect(in[0], {DType::int64, {}}, "the number of steps");
  for (std::size_t i = 0; i < spec_.n_sequences; ++i) {
    expect(item_type(in[sequence_input(i)]), body_sequence(i).type(),
           fmt::format("an item of sequence {}", i));
  }
  for (std::size_t i = 0; i < spec_.n_states; ++i) {
    expect(in[state_input(i)], body_state(i).type(),
           fmt::format("the initial value of state {}", i));
    expect(spec_.body.outputs[i].type(), body_state(i).type(),
           fmt::format("the next value of state {}", i));
  }
  for (std::size_t i = 0; i < n_non_sequences(); ++i) {
    expect(in[non_sequence_input(i)], body_non_sequence(i).type(),
           fmt::format("non-sequence {}", i));
  }
  std::vector<TensorType> out;
  for (const Output& o : spec_.outputs) {
    const bool state = o.body_output < spec_.n_states;
    const TensorType& item =
        state ? body_state(o.body_output).type() : spec_.body.outputs[o.body_output].type();
    out.push_back(o.keep == Keep::trace || o.keep == Keep::history ? sequence_type(item) : item);
  }
  return out;
}

std::vector<Array> Scan::compute(const Apply&, TensorsIn in) const {
  return ReferenceRun(*this, in).results();
}

void Scan::run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const {
  const QuietEffects quiet;  // `perform` runs the loop again
  const std::vector<Array> results = compute(node, in);
  for (std::size_t i = 0; i < results.size(); ++i) out[i] = results[i].shape();
}

void Scan::perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace&) const {
  const std::vector<Array> results = compute(node, in);
  for (std::size_t i = 0; i < results.size(); ++i) copy(results[i].view(), *out[i]);
}

std::shared_ptr<const Op> Scan::with_body(FunctionGraph body) const {
  Spec spec = spec_;
  spec.body = std::move(body);
  return std::make_shared<Scan>(std::move(spec));
}

std::vector<std::pair<Var, Var>> Scan::state_updates(const Apply& node) const {
  std::vector<std::pair<Var, Var>> updates;
  for (const auto& [state, output] : spec_.carried) {
    updates.emplace_back(node.input(state_input(state)), node.output(output));
  }
  return updates;
}

bool operator==(const Scan& a, const Scan& b) {
  const Scan::Spec& x = a.spec_;
  const Scan::Spec& y = b.spec_;
  if (x.n_sequences != y.n_sequences || x.n_states != y.n_states || x.has_until != y.has_until ||
      x.outputs != y.outputs || x.truncate_gradient != y.truncate_gradient ||
      x.in_pieces != y.in_pieces || x.carried != y.carried || !(x.mode == y.mode) ||
      x.body.inputs.size() != y.body.inputs.size()) {
    return false;
  }
  VarMap paired;
  for (std::size_t i = 0; i < x.body.inputs.size(); ++i) {
    if (!(x.body.inputs[i].type() == y.body.inputs[i].type())) return false;
    paired.emplace(x.body.inputs[i], y.body.inputs[i]);
  }
  return same_graph(x.body.outputs, y.body.outputs, paired);
}

std::size_t Scan::hash() const {
  std::size_t h = hash_.load(std::memory_order_relaxed);
  if (h == 0) {
    h = structural_hash(spec_.body.outputs) * 31 + spec_.outputs.size();
    hash_.store(h, std::memory_order_relaxed);
  }
  return h;
}

}  // namespace damo
