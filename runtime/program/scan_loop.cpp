#include <fmt/format.h>

#include <cstring>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/errors/running_loop.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include <damo/runtime/program/lower.hpp>
#include <damo/runtime/program/scan_loop.hpp>

namespace damo {
namespace {

using Keep = Scan::Keep;

Shape with_rows(std::int64_t rows, const Shape& item) {
  Shape shape{rows};
  for (const std::int64_t size : item) shape.push_back(size);
  return shape;
}

std::int64_t bytes_of(const Shape& shape, DType dtype) {
  return shape.elements() * static_cast<std::int64_t>(item_size(dtype));
}

void copy_bytes(std::byte* to, const std::byte* from, std::int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

}  // namespace

ScanInstruction::ScanInstruction(const Apply& node, std::vector<std::uint32_t> in,
                                 std::vector<std::uint32_t> out, const LowerOptions& options)
    : Instruction(node, std::move(in), std::move(out)), shapes_(node.n_outputs()) {
  const Scan::Spec& spec = op().spec();
  LowerOptions body_options = options;
  const auto own = own_mode(op());
  if (own && own->guard_settings()) body_options.inplace = false;
  body_options.overwrite_shared = false;
  body_options.mutable_inputs.clear();
  body_options.first_invariant = spec.n_sequences + spec.n_states;
  body_ = lower(spec.body, fmt::format("scan '{}'", spec.name), body_options);
  for (std::size_t i = 0; i < spec.n_sequences; ++i) sequences_.push_back({body_->inputs[i]});
  carried_ = plan_carried(op(), *body_, body_options.inplace);
  if (spec.has_until) stop_ = &body_->slots[body_->roots.back()].tensor;
}

std::size_t ScanInstruction::body_output(const LoopValue& c) const {
  return static_cast<std::size_t>(&c - carried_.data());
}

std::int64_t ScanInstruction::read_steps() const {
  const auto n = in()[0]->first<std::int64_t>();
  op().check_steps(n);
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const Tensor& sequence = *in()[Scan::sequence_input(i)];
    if (sequence.shape[0] < n) op().fail_too_short(i, sequence.shape[0], n);
  }
  return n;
}

void ScanInstruction::bind_inputs() {
  const Scan::Spec& spec = op().spec();
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const Tensor& whole = *in()[Scan::sequence_input(i)];
    Tensor item{whole.data, whole.dtype, {}, {}};
    for (std::size_t axis = 1; axis < whole.rank(); ++axis) {
      item.shape.push_back(whole.shape[axis]);
      item.strides.push_back(whole.strides[axis]);
    }
    body_->bind(sequences_[i].slot, item);
    sequences_[i].data = whole.data;
    sequences_[i].step_bytes = whole.strides[0] * static_cast<std::int64_t>(item_size(whole.dtype));
  }
  for (std::size_t i = 0; i < op().n_non_sequences(); ++i) {
    body_->bind(body_->inputs[spec.n_sequences + spec.n_states + i],
                *in()[op().non_sequence_input(i)]);
  }
  for (LoopValue& c : carried_) {
    if (c.state_slot >= 0) bind_state(c);
  }
  body_->bind_shared();
  ++body_->call;
}

/// Later values of a state lie without gaps, so the first one has to as well: shapes and strides
/// then stay the same from step to step and from call to call.
void ScanInstruction::bind_state(LoopValue& c) {
  const Tensor& given = *in()[c.state_input];
  Tensor initial{given.data, given.dtype, given.shape, contiguous_strides(given.shape)};
  if (!given.contiguous()) {
    c.initial.reset(given.dtype, given.shape);
    initial.data = c.initial.raw();
    copy(given, initial);
  }
  c.first = initial.data;
  body_->bind(static_cast<std::uint32_t>(c.state_slot), initial);
}

/// Gives the node's outputs their memory for a loop of `n` steps.
void ScanInstruction::allocate(Program& outer, std::int64_t n) {
  for (LoopValue& c : carried_) {
    const DType dtype = body_->slots[c.slot].tensor.dtype;
    c.row_bytes = bytes_of(c.shape, dtype);
    c.base = nullptr;
    if (c.state_slot >= 0) c.spare.reset(dtype, c.shape);
    if (c.keeper < 0) {
      // A state of which nothing is kept still needs its two buffers.
      if (c.state_slot >= 0 && !c.constant) {
        c.buffer.reset(dtype, c.shape);
        c.base = c.buffer.raw();
      }
      continue;
    }
    Slot& slot = outer.slots[out_slots()[static_cast<std::size_t>(c.keeper)]];
    const Keep how = keep(c);
    if (how == Keep::trace) outer.set_shape(slot, with_rows(n, c.shape));
    if (how == Keep::history) outer.set_shape(slot, with_rows(n + 1, c.shape));
    if (how >= Keep::last) outer.set_shape(slot, c.shape);
    slot.tensor.data = outer.memory(slot);
    c.base = slot.tensor.data;
    if (how == Keep::history) copy_bytes(c.base, c.first, c.row_bytes);
  }
}

void ScanInstruction::start_in_place(LoopValue& c) {
  copy_bytes(c.base, c.first, c.row_bytes);
  body_->slots[static_cast<std::size_t>(c.state_slot)].tensor.data = c.base;
}

/// Where the value of step `t` of `n` goes. Without a trace two buffers take turns so that the last
/// value ends up in the output's memory.
std::byte* ScanInstruction::place(const LoopValue& c, std::int64_t t, std::int64_t n) const {
  if (c.keeper >= 0 && keep(c) == Keep::trace) return c.base + t * c.row_bytes;
  if (c.keeper >= 0 && keep(c) == Keep::history) return c.base + (t + 1) * c.row_bytes;
  if (c.state_slot < 0 || c.in_place || (n - 1 - t) % 2 == 0) return c.base;
  return const_cast<std::byte*>(c.spare.raw());
}

void ScanInstruction::run(Program& outer) {
  const std::int64_t n = read_steps();
  shapes_known_ = !changed(outer) && shapes_known_;
  bind_inputs();
  if (n == 0) {
    run_zero(outer);
    return;
  }
  if (shapes_known_) {
    allocate(outer, n);
    for (LoopValue& c : carried_) {
      if (c.in_place) start_in_place(c);
    }
  }
  const std::int64_t done = loop(outer, n);
  finish(outer, done);
  settle();
}

std::int64_t ScanInstruction::loop(Program& outer, std::int64_t n) {
  body_->steps = n;
  LoopScope place_in_loops(op().spec().name);
  for (std::int64_t t = 0; t < n; ++t) {
    for (const Sequence& s : sequences_) {
      body_->slots[s.slot].tensor.data = s.data + t * s.step_bytes;
    }
    for (const LoopValue& c : carried_) {
      if (c.storage < 0) continue;
      body_->storages[static_cast<std::size_t>(c.storage)].bound =
          shapes_known_ && c.base != nullptr ? place(c, t, n) : nullptr;
    }
    body_->step = t;
    place_in_loops.at(t);
    body_->run();
    collect(outer, t, n);
    if (stop_ != nullptr && *stop_->as<bool>()) return t + 1;
  }
  return n;
}

/// Moves what step `t` computed to its place, where it is not already, and feeds states back.
void ScanInstruction::collect(Program& outer, std::int64_t t, std::int64_t n) {
  if (t == 0) {
    bool same = shapes_known_;
    for (const LoopValue& c : carried_) {
      same = same && body_->slots[c.slot].tensor.shape == c.shape;
    }
    if (!same) adopt_shapes(outer, n);
  }
  for (LoopValue& c : carried_) {
    if (!c.constant && c.base != nullptr) collect_one(c, t, n);
  }
  for (const LoopValue& c : carried_) {
    if (c.state_slot >= 0 && !c.constant) {
      body_->slots[static_cast<std::size_t>(c.state_slot)].tensor.data = c.last;
    }
  }
}

void ScanInstruction::collect_one(LoopValue& c, std::int64_t t, std::int64_t n) {
  const Tensor& value = body_->slots[c.slot].tensor;
  c.last = place(c, t, n);
  if (value.shape != c.shape) {
    op().fail_shape(body_output(c), t, c.shape, value.shape);
  }
  if (value.data == c.last) return;
  copy(value, {c.last, value.dtype, c.shape, contiguous_strides(c.shape)});
}

/// The shapes of the first step hold for all.
void ScanInstruction::adopt_shapes(Program& outer, std::int64_t n) {
  for (LoopValue& c : carried_) {
    c.shape = body_->slots[c.slot].tensor.shape;
    if (c.state_slot < 0) continue;
    const Shape& before = body_->slots[static_cast<std::size_t>(c.state_slot)].tensor.shape;
    if (before != c.shape) op().fail_shape(body_output(c), 0, before, c.shape);
  }
  allocate(outer, n);
  shapes_known_ = true;
}

void ScanInstruction::finish(Program& outer, std::int64_t done) {
  for (LoopValue& c : carried_) {
    if (c.keeper < 0) continue;
    Slot& slot = outer.slots[out_slots()[static_cast<std::size_t>(c.keeper)]];
    const Keep how = keep(c);
    if (how == Keep::trace) outer.set_shape(slot, with_rows(done, c.shape));
    if (how == Keep::history) outer.set_shape(slot, with_rows(done + 1, c.shape));
    if (c.constant) copy_bytes(c.base, c.first, c.row_bytes);
    if (!c.constant && how >= Keep::last && c.last != c.base) {
      copy_bytes(c.base, c.last, c.row_bytes);
    }
    slot.tensor.data = c.base;
    for (const std::size_t output : c.copies) finish_copy(outer, c, output, done);
  }
}

void ScanInstruction::finish_copy(Program& outer, const LoopValue& c, std::size_t output,
                                  std::int64_t done) {
  Slot& slot = outer.slots[out_slots()[output]];
  const Keep how = op().spec().outputs[output].keep;
  const std::byte* rows = c.base + (keep(c) == Keep::history ? c.row_bytes : 0);
  std::int64_t count = done;
  if (how >= Keep::last) {
    outer.set_shape(slot, c.shape);
    rows = keep(c) >= Keep::last ? c.base : rows + (done - 1) * c.row_bytes;
    count = 1;
  } else {
    if (how == Keep::history) {
      rows = c.base;
      ++count;
    }
    outer.set_shape(slot, with_rows(count, c.shape));
  }
  slot.tensor.data = outer.memory(slot);
  copy_bytes(slot.tensor.data, rows, count * c.row_bytes);
}

/// No step: empty traces, and states as they began.
void ScanInstruction::run_zero(Program& outer) {
  op().run_shapes(node(), in(), shapes_);
  const auto& outputs = op().spec().outputs;
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    const LoopValue& c = carried_[outputs[j].body_output];
    const bool wants_value = outputs[j].keep >= Keep::last;
    if (outputs[j].keep == Keep::last_strict || (wants_value && c.state_slot < 0)) {
      op().fail_no_step(body_output(c));
    }
    Slot& slot = outer.slots[out_slots()[j]];
    outer.set_shape(slot, shapes_[j]);
    slot.tensor.data = outer.memory(slot);
    if (outputs[j].keep == Keep::trace) continue;
    copy_bytes(slot.tensor.data, c.first, bytes_of(slot.tensor.shape, slot.tensor.dtype));
  }
}

}  // namespace damo
