#include <fmt/format.h>

#include <algorithm>

#include <damo/runtime/program/lower.hpp>
#include <damo/runtime/program/scan_loop.hpp>

// What is settled before a loop runs: its body's program, and where each value goes.
namespace damo {

using Keep = Scan::Keep;

ScanInstruction::ScanInstruction(const Apply& node, std::vector<std::uint32_t> in,
                                 std::vector<std::uint32_t> out, const LowerOptions& options)
    : Instruction(node, std::move(in), std::move(out)), shapes_(node.n_outputs()) {
  const Scan::Spec& spec = op().spec();
  LowerOptions body_options = options;
  body_options.mutable_inputs.clear();
  body_options.first_invariant = spec.n_sequences + spec.n_states;
  body_ = lower(spec.body, fmt::format("scan '{}'", spec.name), body_options);
  for (std::size_t i = 0; i < spec.n_sequences; ++i) sequences_.push_back({body_->inputs[i]});
  std::vector<bool> claimed(body_->storages.size(), false);
  for (std::size_t k = 0; k < op().n_body_outputs(); ++k) {
    Carried c;
    c.slot = body_->roots[k];
    const std::int32_t storage = body_->slots[c.slot].storage;
    if (storage >= 0 && body_->storages[static_cast<std::size_t>(storage)].exported &&
        !claimed[static_cast<std::size_t>(storage)]) {
      claimed[static_cast<std::size_t>(storage)] = true;
      c.storage = storage;
    }
    if (k < spec.n_states) {
      c.state_slot = static_cast<std::int32_t>(body_->inputs[spec.n_sequences + k]);
      c.state_input = op().state_input(k);
    }
    choose_keeper(c, k);
    c.in_place = options.inplace && can_overwrite(c);
    carried_.push_back(std::move(c));
  }
  if (spec.has_until) stop_ = &body_->slots[body_->roots.back()].tensor;
}

Keep ScanInstruction::keep(const Carried& c) const {
  return op().spec().outputs[static_cast<std::size_t>(c.keeper)].keep;
}

/// The output that keeps most decides; the others are copied from it.
void ScanInstruction::choose_keeper(Carried& c, std::size_t body_output) {
  const auto& outputs = op().spec().outputs;
  const auto worth = [](Keep keep) {
    return keep == Keep::history ? 2 : keep == Keep::trace ? 1 : 0;
  };
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    if (outputs[j].body_output != body_output) continue;
    if (c.keeper < 0) {
      c.keeper = static_cast<int>(j);
    } else if (worth(outputs[j].keep) > worth(keep(c))) {
      c.copies.push_back(static_cast<std::size_t>(c.keeper));
      c.keeper = static_cast<int>(j);
    } else {
      c.copies.push_back(j);
    }
  }
  c.constant =
      static_cast<std::int32_t>(c.slot) == c.state_slot && (c.keeper < 0 || worth(keep(c)) == 0);
}

/// Whether the one instruction that reads the state is the one that computes its next value, can do
/// so in place, and no trace is kept.
bool ScanInstruction::can_overwrite(const Carried& c) const {
  const bool traced = c.keeper >= 0 && keep(c) < Keep::last;
  if (c.state_slot < 0 || c.storage < 0 || traced) return false;
  const auto state = static_cast<std::uint32_t>(c.state_slot);
  const auto shares = [&](const Slot& s) { return s.storage == c.storage; };
  if (std::count_if(body_->slots.begin(), body_->slots.end(), shares) != 1) return false;
  if (std::count(body_->roots.begin(), body_->roots.end(), state) != 0) return false;
  if (body_->slot_vars[state].type() != body_->slot_vars[c.slot].type()) return false;
  bool writes = false;
  std::ptrdiff_t reads = 0;
  for (const auto& instruction : body_->instructions) {
    const auto in = instruction->in_slots();
    const auto out = instruction->out_slots();
    reads += std::count(in.begin(), in.end(), state);
    for (const auto& [input, output] : instruction->inplace_candidates()) {
      writes = writes || (in[input] == state && out[output] == c.slot);
    }
  }
  return writes && reads == 1;
}

}  // namespace damo
