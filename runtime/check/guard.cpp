#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/graph/text/tensor_text.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/dense.hpp>
#include <damo/ops/control/effect_op.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/kernels/elementwise/nonfinite.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/runtime/check/guard.hpp>

namespace damo {
namespace {

/// The element of an operand that meets element `index` of an elementwise result.
Shape operand_index(const Tensor& operand, const Shape& index) {
  Shape own = operand.shape;
  for (std::size_t axis = 0; axis < own.rank(); ++axis)
    own[axis] = operand.shape[axis] == 1 ? 0 : index[axis];
  return own;
}

/// Whether the node's results are elements of its operands, none left out for what it is.
bool hands_on(const Apply& node) { return node.op().origin(node, 0).moves(); }

struct Extremes {
  double min = std::numeric_limits<double>::infinity(), max = -min;
};
Extremes extremes_of(const Tensor& t) {
  Extremes e;
  for (std::int64_t i = 0; i < t.elements(); ++i) {
    const double v = element_at(t, index_of(i, t.shape));
    e.min = std::min(e.min, v);
    e.max = std::max(e.max, v);
  }
  return e;
}

/// The operand's line: type, what it is, the element that met the bad one, and the range.
std::string operand_line(const Var& v, const Tensor& t, const std::optional<Shape>& index) {
  std::string text = fmt::format("{} {}  {}", name(t.dtype), to_string(t.shape), reference(v));
  if (index && index->rank() == t.rank()) {
    text += t.rank() == 0 ? fmt::format("; {}", element_text(t, *index))
                          : fmt::format("; {} at {}", element_text(t, *index), to_string(*index));
  }
  if (t.rank() > 0 && t.elements() > 0) {
    const Extremes e = extremes_of(t);
    const auto number = [&](double v) {
      return t.dtype == DType::float32 ? fmt::format("{}", static_cast<float>(v))
                                       : fmt::format("{}", v);
    };
    text += fmt::format("; min {}, max {}", number(e.min), number(e.max));
  }
  return text;
}

std::string bad_element(const std::string& subject, const Tensor& t, const Shape& index) {
  const std::string where =
      t.rank() == 0 ? "" : fmt::format(" at {} of {}", to_string(index), to_string(t.shape));
  return fmt::format("{} {}{}", subject, element_text(t, index), where);
}

/// A node, its operands and its result, with the element of the result that is bad.
struct Finding {
  const Apply* node;
  std::vector<Tensor> operands;
  Tensor result;
  Shape index;
};

[[noreturn]] void report(const Finding& f) {
  const Apply& node = *f.node;
  ErrorText text("guard", bad_element(node.op().name() + " gives", f.result, f.index));
  text.add("node", fmt::format("{} {}", name(f.result.dtype), reference(node.output())));
  const bool elementwise = as<Elementwise>(node.op()) != nullptr;
  for (std::size_t i = 0; i < f.operands.size(); ++i) {
    std::optional<Shape> index;
    if (elementwise || f.operands[i].shape == f.result.shape)
      index = operand_index(f.operands[i], f.index);
    const std::string label = f.operands.size() == 1 ? "input" : fmt::format("input {}", i);
    text.add(label, operand_line(node.input(i), f.operands[i], index));
  }
  throw LocatedError::of<NumericError>(std::move(text));
}

}  // namespace

bool GuardObserver::is_bad(double value) const {
  if (std::isnan(value)) return what_.nan;
  if (std::isinf(value)) return what_.inf;
  return std::abs(value) > what_.big;
}

bool GuardObserver::any_bad(const Tensor& t) const {
  if (!is_float(t.dtype)) return false;
  const std::int64_t n = t.elements();
  const bool dense = t.contiguous();
  if (std::isinf(what_.big) && dense) {
    if (!has_nonfinite(t)) return false;
    if (what_.nan && what_.inf) return true;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    if (is_bad(element_at(t, index_of(i, t.shape)))) return true;
  }
  return false;
}

void GuardObserver::check_leaf(const Program& program, std::uint32_t slot) const {
  const Tensor& t = program.slots[slot].tensor;
  if (!any_bad(t)) return;
  std::int64_t i = 0;
  while (!is_bad(element_at(t, index_of(i, t.shape)))) ++i;
  const char* what = loop_ != nullptr ? "the loop is given" : "the call is given";
  ErrorText text("guard", bad_element(what, t, index_of(i, t.shape)));
  text.add("input", operand_line(program.slot_vars[slot], t, std::nullopt));
  LocatedError error = LocatedError::of<NumericError>(std::move(text));
  error.add_place(loop_ != nullptr ? fmt::format("{}, step {}", program.name, program.step)
                                   : program.name);
  throw error;
}

/// Items of sequences at every step, the rest at the first: later states are results. What a
/// constant brings in may enter.
void GuardObserver::check_entering(const Program& program) const {
  const auto& scan = static_cast<const Scan&>(loop_->op());
  const std::size_t n = program.step == 0 ? program.inputs.size() : scan.spec().n_sequences;
  for (std::size_t i = 0; i < n; ++i) {
    if (constant_value(loop_->input(1 + i)) == nullptr) check_leaf(program, program.inputs[i]);
  }
}

void GuardObserver::begin(Program& program) {
  if (&program == body_) check_entering(program);
  if (program.step >= 0) return;  // a loop's: its inputs are results or inputs outside
  for (const std::uint32_t slot : program.inputs) check_leaf(program, slot);
  for (const auto& [slot, cell] : program.shared) {
    const auto it = checked_.find(cell);
    if (it != checked_.end() && it->second == cell->version) continue;
    check_leaf(program, slot);
    checked_[cell] = cell->version;
  }
}

/// Follows bad elements that left a group of elementwise nodes back to where they arose.
class GuardObserver::ElementTrace {
 public:
  ElementTrace(const GuardObserver& guard, const Program& program, const Instruction& instruction)
      : guard_(guard), members_(instruction.members()) {
    for (std::size_t k = 0; k < instruction.in().size(); ++k) {
      const Tensor& t = *instruction.in()[k];
      given_.emplace_back(program.slot_vars[instruction.in_slots()[k]], dense(t));
    }
    values_.emplace(given_);
  }

  void examine(const Var& result) {
    const Tensor values = values_->value(result);
    for (std::int64_t i = 0; i < values.elements(); ++i) {
      const Shape index = index_of(i, values.shape);
      if (guard_.is_bad(element_at(values, index))) follow(result, index);
    }
  }

 private:
  /// Throws unless the element is an infinity of a constant handed on.
  void follow(Var v, const Shape& index) {
    std::optional<Finding> new_nan;
    while (true) {
      Finding found{&v.owner(), {}, values_->value(v), index};
      for (const Var& in : v.inputs()) found.operands.push_back(values_->value(in));
      const auto source = source_of(found);
      if (!source) report(found);
      const double from =
          element_at(found.operands[*source], operand_index(found.operands[*source], index));
      const bool nan = std::isnan(element_at(found.result, index));
      if (nan && (!std::isnan(from) || !hands_on(*found.node))) new_nan = found;
      const Var next = v.inputs()[*source];
      const bool inside =
          std::find(members_.begin(), members_.end(), next.owner_ptr()) != members_.end();
      if (!inside) break;
      v = next;
    }
    if (new_nan) report(*new_nan);
  }

  /// The first operand that is bad at this element, of those that count.
  std::optional<std::size_t> source_of(const Finding& f) const {
    const auto* elementwise = as<Elementwise>(f.node->op());
    if (elementwise == nullptr) return std::nullopt;
    const auto at = [&](std::size_t k) {
      return element_at(f.operands[k], operand_index(f.operands[k], f.index));
    };
    const bool choice = elementwise->scalar().types == ScalarOp::Types::select;
    for (std::size_t k = choice ? 1 : 0; k < f.operands.size(); ++k) {
      if (choice && (at(0) != 0) != (k == 1)) continue;
      if (is_float(f.operands[k].dtype) && guard_.is_bad(at(k))) return k;
    }
    return std::nullopt;
  }

  const GuardObserver& guard_;
  std::vector<const Apply*> members_;
  std::vector<std::pair<Var, Array>> given_;
  std::optional<Evaluation> values_;
};

void GuardObserver::explain_other(const Instruction& instruction, std::size_t output) const {
  const Tensor& result = *instruction.out()[output];
  bool given_bad = false;
  Finding found{&instruction.node(), {}, result, {}};
  for (const Tensor* t : instruction.in()) {
    given_bad = given_bad || any_bad(*t);
    found.operands.push_back(*t);
  }
  for (std::int64_t i = 0; i < result.elements(); ++i) {
    found.index = index_of(i, result.shape);
    const double value = element_at(result, found.index);
    if (!is_bad(value)) continue;
    // What a constant brought in may go on, but not become NaN.
    const bool handed_on = given_bad && (!std::isnan(value) || hands_on(instruction.node()));
    if (!handed_on) report(found);
  }
}

void GuardObserver::after(Program& program, std::size_t i) {
  Instruction& instruction = *program.instructions[i];
  const Op& op = instruction.node().op();
  if (instruction.is_view() || instruction.inner() != nullptr || op.chooses()) return;
  for (std::size_t k = 0; k < instruction.out().size(); ++k) {
    if (!any_bad(*instruction.out()[k])) continue;
    const bool loop =
        as<Elementwise>(instruction.node().op()) != nullptr || instruction.members().size() > 1;
    if (loop) {
      ElementTrace(*this, program, instruction)
          .examine(program.slot_vars[instruction.out_slots()[k]]);
    } else {
      explain_other(instruction, k);
    }
  }
}

}  // namespace damo
