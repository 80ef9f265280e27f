#include <algorithm>

#include <damo/ops/common/checks_ahead.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/linalg/matrix_product.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/runtime/program/instructions.hpp>

namespace damo {

bool shapes_vary_with_values(const Apply& node) {
  if (!node.op().shapes_need_values()) return false;
  return !std::all_of(node.inputs().begin(), node.inputs().end(),
                      [](const Var& v) { return constant_value(v) != nullptr; });
}

PerformInstruction::PerformInstruction(const Apply& node, std::vector<std::uint32_t> in,
                                       std::vector<std::uint32_t> out)
    : Instruction(node, std::move(in), std::move(out)),
      shapes_(node.n_outputs()),
      always_resolve_(shapes_vary_with_values(node)) {}

Profile::Kind PerformInstruction::kind() const {
  if (as<Draw>(node().op()) != nullptr) return Profile::Kind::draw;
  const bool product = dynamic_cast<const MatrixProduct*>(&node().op()) != nullptr;
  return product ? Profile::Kind::product : Profile::Kind::other;
}

std::vector<std::pair<std::size_t, std::size_t>> PerformInstruction::inplace_candidates() const {
  const int input = node().op().inplace_input();
  if (input < 0) return {};
  return {{static_cast<std::size_t>(input), 0}};
}

bool PerformInstruction::prepares() const {
  const Op& op = node().op();
  return as<Elementwise>(op) != nullptr || dynamic_cast<const ChecksAhead*>(&op) != nullptr;
}

void PerformInstruction::resolve(Program& program) {
  if (!changed(program) && !always_resolve_) return;
  node().op().run_shapes(node(), in(), shapes_);
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    program.set_shape(program.slots[out_slots()[i]], shapes_[i]);
  }
  settle();
}

void PerformInstruction::prepare(Program& program) {
  resolve(program);
  const auto* checks = dynamic_cast<const ChecksAhead*>(&node().op());
  if (checks != nullptr) checks->check_ahead(node(), in(), program.scratch);
}

void PerformInstruction::run(Program& program) {
  const Op& op = node().op();
  resolve(program);
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    out()[i]->data = program.memory(program.slots[out_slots()[i]]);
  }
  op.perform(node(), in(), out(), program.scratch);
}

void ViewInstruction::run(Program& program) {
  const bool stale = changed(program);
  if (!stale && in().size() == 1 && in()[0]->data == seen_data_) return;
  Tensor looked{nullptr, out()[0]->dtype, {}, {}};
  node().op().view(node(), in(), looked);
  seen_data_ = in()[0]->data;
  program.bind(out_slots()[0], looked);
  settle();
}

ChoiceInstruction::ChoiceInstruction(const Apply& node, std::vector<std::uint32_t> in,
                                     std::vector<std::uint32_t> out, bool in_loop)
    : Instruction(node, std::move(in), std::move(out)), in_loop_(in_loop) {}

// The result of a loop's step has a place of a fixed size: a branch may be computed right there
// only when it can have no other.
std::vector<std::pair<std::size_t, std::size_t>> ChoiceInstruction::inplace_candidates() const {
  const auto& dims = node().types()[0].dims;
  const bool fixed = std::none_of(dims.begin(), dims.end(), [](auto d) { return d == unknown; });
  if (in_loop_ && !fixed) return {};
  return {{1, 0}, {2, 0}};
}

void ChoiceInstruction::run(Program& program) {
  const Tensor& value = *in()[*in()[0]->as<bool>() ? 1 : 2];
  Slot& slot = program.slots[out_slots()[0]];
  program.set_shape(slot, value.shape);
  slot.tensor.data = program.memory(slot);
  if (value.data != slot.tensor.data) copy(value, slot.tensor);
}

std::unique_ptr<Instruction> make_instruction(const Apply& node, std::vector<std::uint32_t> in,
                                              std::vector<std::uint32_t> out) {
  if (node.op().is_view())
    return std::make_unique<ViewInstruction>(node, std::move(in), std::move(out));
  return std::make_unique<PerformInstruction>(node, std::move(in), std::move(out));
}

}  // namespace damo
