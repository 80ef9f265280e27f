#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/located_error.hpp>
#include <damo/ops/kernels/elementwise/multiply_add.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/runtime/program/fusion/fused_plan.hpp>

namespace damo {
Vars external_inputs(const Unit& unit) {
  Vars found;
  for (const Apply* node : unit) {
    for (const Var& v : node->inputs()) {
      const bool inner = std::find(unit.begin(), unit.end(), v.owner_ptr()) != unit.end();
      const bool known =
          std::any_of(found.begin(), found.end(), [&](const Var& f) { return same(f, v); });
      if (!inner && !known) found.push_back(v);
    }
  }
  return found;
}

FusedPlan::FusedPlan(const Unit& unit, std::vector<std::size_t> members)
    : operands(external_inputs(unit).size()),
      exported(std::move(members)),
      output_of(unit.size(), -1),
      member_tile(unit.size(), 0),
      member_shapes(unit.size()),
      last_read(operands.size() + unit.size(), 0) {
  const Vars externals = external_inputs(unit);
  const auto place_of = [&](const Var& v) {
    const auto member = std::find(unit.begin(), unit.end(), v.owner_ptr());
    if (member != unit.end()) {
      return static_cast<std::uint32_t>(externals.size() + (member - unit.begin()));
    }
    const auto e =
        std::find_if(externals.begin(), externals.end(), [&](const Var& f) { return same(f, v); });
    return static_cast<std::uint32_t>(e - externals.begin());
  };
  for (std::size_t i = 0; i < unit.size(); ++i) {
    Step step;
    step.node = unit[i];
    step.keep_alive = unit[i]->output();
    step.place = static_cast<std::uint32_t>(externals.size() + i);
    step.draw = as<Draw>(unit[i]->op());
    item = std::max(item, item_size(unit[i]->types()[0].dtype));
    member_shapes[i].dtype = unit[i]->types()[0].dtype;
    if (step.draw != nullptr) {
      has_draws = true;
      step.state = place_of(unit[i]->input(0));
    } else {
      const auto& op = static_cast<const Elementwise&>(unit[i]->op());
      step.loops = op.loops(Elementwise::compute_dtype(*unit[i]));
    }
    const std::size_t before = step.draw == nullptr ? 0 : 1 + step.draw->rank();
    for (std::size_t k = before; k < unit[i]->inputs().size(); ++k) {
      const std::uint32_t place = place_of(unit[i]->input(k));
      step.operands[step.arity++] = place;
      last_read[place] = i;
      if (place < externals.size()) operands[place].is_operand = true;
    }
    steps.push_back(std::move(step));
  }
  for (std::size_t e = 0; e < externals.size(); ++e) {
    operands[e].size = item_size(externals[e].dtype());
    if (operands[e].is_operand) item = std::max(item, operands[e].size);
  }
  for (std::size_t k = 0; k < exported.size(); ++k) {
    output_of[exported[k]] = static_cast<int>(k);
  }
  join_products();
}

/// c * x + y is one loop: two would go through memory in turns. Only where the sum alone reads the
/// product.
void FusedPlan::join_products() {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto place = static_cast<std::uint32_t>(operands.size() + i);
    std::size_t readers = 0;
    for (const Step& step : steps) {
      for (std::uint32_t k = 0; k < step.arity; ++k) readers += step.operands[k] == place ? 1 : 0;
    }
    if (readers == 1 && output_of[i] < 0) join_product(i, last_read[place]);
  }
}

void FusedPlan::join_product(std::size_t product, std::size_t with) {
  Step& first = steps[product];
  Step& second = steps[with];
  const auto does = [](const Step& step, const ScalarOp* op) {
    return step.draw == nullptr && step.arity == 2 &&
           &static_cast<const Elementwise&>(step.node->op()).scalar() == op;
  };
  const optim::Vocabulary& known = optim::vocabulary();
  const bool adds = does(second, known.add);
  const DType dtype = member_shapes[with].dtype;
  if (!does(first, known.mul) || !(adds || does(second, known.sub)) || !is_float(dtype) ||
      member_shapes[product].dtype != dtype)
    return;
  const bool left = second.operands[0] == first.place;
  const ProductAnd what = adds   ? ProductAnd::plus
                          : left ? ProductAnd::minus
                                 : ProductAnd::taken_from;
  second.loops = product_and(what, dtype);
  second.scaled = scaled_and(what, dtype);
  second.operands = {first.operands[0], first.operands[1], second.operands[left ? 1 : 0]};
  second.arity = 3;
  for (const std::uint32_t place : {first.operands[0], first.operands[1]})
    last_read[place] = std::max(last_read[place], with);
  first.joined = true;
  first.arity = 0;
}

bool FusedPlan::draws_changed() const {
  for (const Step& step : steps) {
    if (step.draw == nullptr) continue;
    Shape now;
    step.draw->run_shapes(*step.node, step.tensors, std::span(&now, 1));
    if (now != shape) return true;
  }
  return false;
}

void FusedPlan::resolve(TensorsIn in, std::size_t border) {
  waits_for_memory = false;
  resolve_shape();
  merge_axes(in, border);
  assign_tiles();
  choose_tile();
  classify();
  choose_loops();
}

/// A parameter is stretched to the sample.
void FusedPlan::check_parameter(const Step& step, const Shape& sample) const {
  if (step.arity == 0) return;
  const Shape& given = step.tensors.back()->shape;
  for (std::size_t axis = 0; axis < sample.rank(); ++axis) {
    const bool inner = step.operands[0] >= operands.size();
    if (given[axis] == sample[axis] || (given[axis] == 1 && !inner)) continue;
    throw ShapeError("a parameter of shape " + to_string(given) + " does not fit the size " +
                     to_string(sample));
  }
}

/// The ops' own rules say what fits, so an error reads as it would without fusing: that of the op
/// at which two shapes meet comes first.
void FusedPlan::resolve_shape() {
  const Step* odd = nullptr;  // of another shape than the first
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Tensor& result = member_shapes[i];
    try {
      steps[i].node->op().run_shapes(*steps[i].node, steps[i].tensors, std::span(&result.shape, 1));
      if (steps[i].draw != nullptr) check_parameter(steps[i], result.shape);
    } catch (const Error&) {
      throw LocatedError::current(*steps[i].node, steps[i].tensors);
    }
    if (odd == nullptr && result.shape != member_shapes[0].shape) odd = &steps[i];
    result.strides = contiguous_strides(result.shape);
  }
  shape = member_shapes[0].shape;
  if (odd == nullptr) return;
  try {
    throw ShapeError("shape " +
                     to_string(member_shapes[static_cast<std::size_t>(odd - steps.data())].shape) +
                     " where " + to_string(shape) + " was expected");
  } catch (const Error&) {
    throw LocatedError::current(*odd->node, odd->tensors);
  }
}

/// Drops axes of size 1 and joins neighbours that every operand walks through as one.
void FusedPlan::merge_axes(TensorsIn in, std::size_t border) {
  merged = Shape{};
  for (Operand& o : operands) o.strides = Shape{};
  const auto stride = [&](std::size_t e, std::size_t axis) {
    return in[e]->shape[axis] == 1 ? 0 : in[e]->strides[axis];
  };
  bool behind = false;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    const std::size_t rank = merged.rank();
    const bool at_border = !behind && border > 0 && axis >= border;
    behind = axis >= border;
    bool joins = rank > 0 && !at_border;
    for (std::size_t e = 0; joins && e < operands.size(); ++e) {
      if (!operands[e].is_operand) continue;
      joins = operands[e].strides[rank - 1] == stride(e, axis) * shape[axis];
    }
    if (joins) {
      merged[rank - 1] *= shape[axis];
    } else {
      merged.push_back(shape[axis]);
    }
    for (std::size_t e = 0; e < operands.size(); ++e) {
      if (!operands[e].is_operand) continue;
      Shape& strides = operands[e].strides;
      if (!joins) strides.push_back(0);
      strides[merged.rank() - 1] = stride(e, axis);
    }
  }
  if (merged.rank() == 0) {
    merged.push_back(1);
    for (Operand& o : operands) o.strides.push_back(0);
  }
}

}  // namespace damo
