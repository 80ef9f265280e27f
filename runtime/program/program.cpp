#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/runtime/program/program.hpp>

namespace damo {
namespace {

double bytes_touched(const Instruction& instruction) {
  double bytes = 0;
  const auto add = [&](const Tensor& t) {
    bytes += static_cast<double>(t.elements()) * static_cast<double>(item_size(t.dtype));
  };
  if (instruction.is_view()) return 0;
  for (const Tensor* t : instruction.in()) add(*t);
  for (const Tensor* t : instruction.out()) add(*t);
  return bytes;
}

/// The memory a tensor lies in.
struct Extent {
  const std::byte* begin;
  const std::byte* end;

  explicit Extent(const Tensor& t) : begin(t.data), end(t.data) {
    if (t.elements() == 0) return;
    const auto size = static_cast<std::ptrdiff_t>(item_size(t.dtype));
    end += size;
    for (std::size_t axis = 0; axis < t.rank(); ++axis) {
      const std::ptrdiff_t reach = (t.shape[axis] - 1) * t.strides[axis] * size;
      (reach < 0 ? begin : end) += reach;
    }
  }
  bool meets(const Extent& other) const { return begin < other.end && other.begin < end; }
};

}  // namespace

Instruction::Instruction(const Apply& node, std::vector<std::uint32_t> in,
                         std::vector<std::uint32_t> out)
    : anchor_(node.output()), in_slots_(std::move(in)), out_slots_(std::move(out)) {}

void Instruction::link(Program& program) {
  for (const std::uint32_t slot : in_slots_) in_.push_back(&program.slots[slot].tensor);
  for (const std::uint32_t slot : out_slots_) out_.push_back(&program.slots[slot].tensor);
}

void Program::bind_shared() {
  for (const auto& [slot, cell] : shared) bind(slot, cell->value.view());
}

void Program::set_shape(Slot& slot, const Shape& shape) {
  Storage& storage = storages[static_cast<std::size_t>(slot.storage)];
  if (slot.version == 0 || slot.tensor.shape != shape) {
    // What the caller bound was sized for the former shape.
    storage.bound = nullptr;
    storage.array.reset(slot.tensor.dtype, shape);
    slot.tensor.shape = shape;
    slot.tensor.strides = contiguous_strides(shape);
    ++slot.version;
    ++epoch;
  }
}

void Program::set_profile(Profile* to) {
  profile = to;
  if (to != nullptr) {
    std::vector<Profile::Line> lines;
    for (const auto& instruction : instructions) {
      lines.push_back({instruction->title(), instruction->kind()});
    }
    profile_section = to->add_section(name, std::move(lines));
  }
  for (const auto& instruction : instructions) {
    if (Program* body = instruction->inner()) body->set_profile(to);
  }
}

void Program::set_observer(Observer* to) {
  observer = to;
  for (const auto& instruction : instructions) {
    if (Program* body = instruction->inner()) body->set_observer(to);
  }
}

void Program::run_range(std::size_t begin, std::size_t end) {
  if (profile != nullptr || observer != nullptr) {
    run_watched(begin, end);
  } else if (!guards.empty()) {
    run_guarded(begin, end);
  } else {
    run_plain(begin, end);
  }
}

/// Only what has the same shape, and while no argument of the caller's lies there.
bool Program::may_overwrite(const Tensor& shared, const Tensor& value) const {
  if (shared.shape != value.shape) return false;
  const Extent held(shared);
  return std::none_of(inputs.begin(), inputs.end(),
                      [&](std::uint32_t input) { return held.meets(Extent(slots[input].tensor)); });
}

void Program::finish() {
  const std::size_t n = instructions.size();
  if (n_waiting == 0) return;
  std::size_t i = n - n_waiting;
  try {
    for (; i < n; ++i) instructions[i]->prepare(*this);
  } catch (...) {
    explain(i);
  }
  const auto lead = [this](bool to_shared) {
    for (const auto& [shared, value] : overwrites) {
      const Tensor& held = slots[shared].tensor;
      const bool over = to_shared && may_overwrite(held, slots[value].tensor);
      storages[static_cast<std::size_t>(slots[value].storage)].bound = over ? held.data : nullptr;
    }
  };
  lead(true);
  run_range(n - n_waiting, n);
  lead(false);
}

void Program::run_plain(std::size_t begin, std::size_t end) {
  std::size_t i = begin;
  try {
    for (; i < end; ++i) instructions[i]->run(*this);
  } catch (...) {
    explain(i);
  }
}

bool Program::wanted(std::size_t index) const {
  return std::any_of(guards[index].begin(), guards[index].end(), [this](const auto& way) {
    return std::all_of(way.begin(), way.end(), [this](const Guard& g) {
      return *slots[g.slot].tensor.template as<bool>() == g.holds;
    });
  });
}

void Program::run_guarded(std::size_t begin, std::size_t end) {
  std::size_t i = begin;
  try {
    for (; i < end; ++i) {
      if (wanted(i)) instructions[i]->run(*this);
    }
  } catch (...) {
    explain(i);
  }
}

void Program::run_watched(std::size_t begin, std::size_t end) {
  if (observer != nullptr && begin == 0) observer->begin(*this);
  std::size_t i = begin;
  try {
    auto start = Profile::Clock::now();
    for (; i < end; ++i) {
      if (!guards.empty() && !wanted(i)) continue;
      if (observer != nullptr) observer->before(*this, i);
      instructions[i]->run(*this);
      if (observer != nullptr) observer->after(*this, i);
      const auto end = Profile::Clock::now();
      if (profile != nullptr) count(i, std::chrono::duration<double>(end - start).count());
      start = end;
    }
  } catch (...) {
    explain(i);
  }
}

void Program::count(std::size_t index, double seconds) {
  Profile::Line& line = profile->line(profile_section, index);
  ++line.calls;
  line.seconds += seconds;
  line.bytes += bytes_touched(*instructions[index]);
}

void Program::explain(std::size_t index) {
  Instruction& failed = *instructions[index];
  failed.forget();
  std::string place = name;
  if (step >= 0) place += fmt::format(", step {}", step);
  place += fmt::format(", instruction {} of {}", index + 1, instructions.size());
  try {
    throw;
  } catch (LocatedError& e) {
    e.add_place(place);
    throw;
  } catch (const Error&) {
    LocatedError error = LocatedError::current(failed.node(), failed.in());
    error.add_place(place);
    throw error;
  }
}

}  // namespace damo
