#include <algorithm>

#include <damo/runtime/program/scan_loop_plan.hpp>

namespace damo {

using Keep = Scan::Keep;

Keep kept_of(const Scan& scan, const LoopValue& c) {
  return scan.spec().outputs[static_cast<std::size_t>(c.keeper)].keep;
}

namespace {

/// The output that keeps most decides; the others are copied from it.
void choose_keeper(const Scan& scan, LoopValue& c, std::size_t body_output) {
  const auto& outputs = scan.spec().outputs;
  const auto worth = [](Keep keep) {
    return keep == Keep::history ? 2 : keep == Keep::trace ? 1 : 0;
  };
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    if (outputs[j].body_output != body_output) continue;
    if (c.keeper < 0) {
      c.keeper = static_cast<int>(j);
    } else if (worth(outputs[j].keep) > worth(kept_of(scan, c))) {
      c.copies.push_back(static_cast<std::size_t>(c.keeper));
      c.keeper = static_cast<int>(j);
    } else {
      c.copies.push_back(j);
    }
  }
  c.constant = static_cast<std::int32_t>(c.slot) == c.state_slot &&
               (c.keeper < 0 || worth(kept_of(scan, c)) == 0);
}

/// Whether the one instruction that reads the state is the one that computes its next value, can do
/// so in place, and no trace is kept.
bool can_overwrite(const Scan& scan, const Program& body, const LoopValue& c) {
  const bool traced = c.keeper >= 0 && kept_of(scan, c) < Keep::last;
  if (c.state_slot < 0 || c.storage < 0 || traced) return false;
  const auto state = static_cast<std::uint32_t>(c.state_slot);
  const auto shares = [&](const Slot& s) { return s.storage == c.storage; };
  if (std::count_if(body.slots.begin(), body.slots.end(), shares) != 1) return false;
  if (std::count(body.roots.begin(), body.roots.end(), state) != 0) return false;
  if (body.slot_vars[state].type() != body.slot_vars[c.slot].type()) return false;
  bool writes = false;
  std::ptrdiff_t reads = 0;
  for (const auto& instruction : body.instructions) {
    const auto in = instruction->in_slots();
    const auto out = instruction->out_slots();
    reads += std::count(in.begin(), in.end(), state);
    for (const auto& [input, output] : instruction->inplace_candidates()) {
      writes = writes || (in[input] == state && out[output] == c.slot);
    }
  }
  return writes && reads == 1;
}

}  // namespace

std::vector<LoopValue> plan_carried(const Scan& scan, const Program& body, bool inplace) {
  const Scan::Spec& spec = scan.spec();
  std::vector<LoopValue> carried;
  std::vector<bool> claimed(body.storages.size(), false);
  for (std::size_t k = 0; k < scan.n_body_outputs(); ++k) {
    LoopValue c;
    c.slot = body.roots[k];
    const std::int32_t storage = body.slots[c.slot].storage;
    if (storage >= 0 && body.storages[static_cast<std::size_t>(storage)].exported &&
        !claimed[static_cast<std::size_t>(storage)]) {
      claimed[static_cast<std::size_t>(storage)] = true;
      c.storage = storage;
    }
    if (k < spec.n_states) {
      c.state_slot = static_cast<std::int32_t>(body.inputs[spec.n_sequences + k]);
      c.state_input = scan.state_input(k);
    }
    choose_keeper(scan, c, k);
    c.in_place = inplace && can_overwrite(scan, body, c);
    carried.push_back(std::move(c));
  }
  return carried;
}

}  // namespace damo
