#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/text/tensor_text.hpp>
#include <damo/ops/common/dense.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/runtime/check/difference.hpp>
#include <damo/runtime/check/program_check.hpp>

namespace damo {
namespace {

bool same_bytes(const Array& a, const Array& b) {
  return a.shape() == b.shape() && std::equal(a.raw(), a.raw() + a.bytes(), b.raw());
}

/// FNV-1a over shape and elements.
std::uint64_t sum_of(const Tensor& t) {
  const Array a = dense(t);
  std::uint64_t h = 1469598103934665603ULL;
  const auto add = [&](std::uint64_t byte) { h = (h ^ byte) * 1099511628211ULL; };
  for (const std::int64_t size : a.shape()) add(static_cast<std::uint64_t>(size));
  for (std::size_t i = 0; i < a.bytes(); ++i) add(static_cast<std::uint64_t>(a.raw()[i]));
  return h;
}

/// The bytes between the first and the last element.
std::pair<const std::byte*, const std::byte*> extent(const Tensor& t) {
  if (t.elements() == 0) return {t.data, t.data};
  std::int64_t low = 0;
  std::int64_t high = 0;
  for (std::size_t axis = 0; axis < t.rank(); ++axis) {
    const std::int64_t step = (t.shape[axis] - 1) * t.strides[axis];
    (step < 0 ? low : high) += step;
  }
  const auto size = static_cast<std::int64_t>(item_size(t.dtype));
  return {t.data + low * size, t.data + (high + 1) * size};
}

bool overlap(const Tensor& a, const Tensor& b) {
  const auto [a_begin, a_end] = extent(a);
  const auto [b_begin, b_end] = extent(b);
  return a_begin < b_end && b_begin < a_end;
}

std::string written_as(const Program& program, std::uint32_t slot) {
  return fmt::format("{} {}", to_string(program.slots[slot].tensor.shape),
                     reference(program.slot_vars[slot]));
}

[[noreturn]] void fail(const std::string& what, const Program& program, std::uint32_t slot,
                       const Apply& node) {
  ErrorText text("debug", what);
  text.add("value", written_as(program, slot));
  text.add("node", fmt::format("{}, made at {}", node.op().name(), to_string(node.site())));
  throw LocatedError::of<InternalError>(std::move(text));
}

}  // namespace

void ProgramCheck::begin(Program& program) {
  Run& run = runs_[&program];
  run.written.clear();
  if (!run.results.empty()) return;
  for (const auto& instruction : program.instructions) {
    run.results.insert(instruction->out_slots().begin(), instruction->out_slots().end());
  }
}

void ProgramCheck::before(Program& program, std::size_t i) {
  const Instruction& instruction = *program.instructions[i];
  Run& run = runs_[&program];
  run.inputs.clear();
  for (std::size_t k = 0; k < instruction.in().size(); ++k) {
    const std::uint32_t slot = instruction.in_slots()[k];
    const auto it = run.written.find(slot);
    // Of a choice only what is taken has been computed.
    if (it == run.written.end() && run.results.contains(slot)) continue;
    if (it != run.written.end() && it->second.sum != sum_of(*instruction.in()[k])) {
      fail(fmt::format("instruction {} reads what instruction {} wrote, and something has written "
                       "over it between the two",
                       i + 1, it->second.by + 1),
           program, slot, instruction.node());
    }
    run.inputs.emplace_back(program.slot_vars[slot], dense(*instruction.in()[k]));
  }
}

void ProgramCheck::after(Program& program, std::size_t i) {
  const Instruction& instruction = *program.instructions[i];
  Run& run = runs_[&program];
  check_inputs(program, instruction, run.inputs);
  check_results(program, instruction, run.inputs);
  for (std::size_t k = 0; k < instruction.out().size(); ++k) {
    run.written[instruction.out_slots()[k]] = {sum_of(*instruction.out()[k]), i};
  }
}

void ProgramCheck::check_inputs(const Program& program, const Instruction& instruction,
                                const Copies& copies) {
  const auto out = instruction.out();
  for (std::size_t k = 0, c = 0; k < instruction.in().size() && c < copies.size(); ++k) {
    if (!same(copies[c].first, program.slot_vars[instruction.in_slots()[k]])) continue;
    const Array& before = copies[c++].second;
    const Tensor& now = *instruction.in()[k];
    const bool written_over =
        !instruction.is_view() &&
        std::any_of(out.begin(), out.end(), [&](const Tensor* o) { return overlap(*o, now); });
    if (written_over || same_bytes(dense(now), before)) continue;
    fail(fmt::format("{} changes its input {}, which it does not say", instruction.title(), k),
         program, instruction.in_slots()[k], instruction.node());
  }
  if (!instruction.is_view() || out[0]->elements() == 0 || overlap(*out[0], *instruction.in()[0]))
    return;
  fail(fmt::format("{} says that it is a view of its input 0, and shows other memory",
                   instruction.title()),
       program, instruction.out_slots()[0], instruction.node());
}

void ProgramCheck::check_results(const Program& program, const Instruction& instruction,
                                 const Copies& copies) {
  const QuietEffects quiet;
  Evaluation kernels(copies);
  for (std::size_t k = 0; k < instruction.out().size(); ++k) {
    const std::uint32_t slot = instruction.out_slots()[k];
    const Tensor expected = kernels.value(program.slot_vars[slot]);
    const Tensor& got = *instruction.out()[k];
    const auto difference = differ(expected, got);
    if (!difference) continue;
    const bool in_place = std::any_of(instruction.in().begin(), instruction.in().end(),
                                      [&](const Tensor* t) { return overlap(*t, got); });
    fail(
        fmt::format("{} gives {}{}", instruction.title(),
                    difference->text("by its ops' kernels", "when the program runs it"),
                    in_place && !instruction.is_view() ? "; it writes over one of its inputs" : ""),
        program, slot, instruction.node());
  }
}

}  // namespace damo
