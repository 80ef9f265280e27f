#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/loops/if_loop_runs.hpp>

namespace damo::optim {

bool may_raise(const Apply& node) {
  const Op& op = node.op();
  if (as<DimShuffle>(op) != nullptr || as<ShapeOf>(op) != nullptr || as<MakeVector>(op) != nullptr)
    return false;
  if (const auto* r = as<Reduce>(op))
    return r->kind() == Reduction::max || r->kind() == Reduction::min;  // of nothing
  if (as<Elementwise>(op) == nullptr) return true;
  // Only sizes that differ make it fail.
  Var sized;
  for (const Var& in : node.inputs()) {
    if (in.ndim() == 0 || (sized.defined() && same(in, sized))) continue;
    if (sized.defined()) return true;
    sized = in;
  }
  return false;
}

namespace {

/// A size, read off what is there whether or not anything is computed.
Var known_before(Var size) {
  while (const auto* shape = as<ShapeOf>(size)) {
    const Var next = sizes_of(Var(size.inputs()[0]))[shape->axis()];
    if (as<ShapeOf>(next) != nullptr && same(next.inputs()[0], size.inputs()[0])) return size;
    size = next;
  }
  if (is_leaf(size)) return size;
  Vars inputs;
  for (const Var& in : size.inputs()) inputs.push_back(known_before(in));
  return with_inputs(size.owner(), std::move(inputs))[size.index()];
}

}  // namespace

bool surely_runs(const Var& n_steps) {
  const Array* steps = constant_value(n_steps);
  return steps != nullptr && steps->item<std::int64_t>() > 0;
}

Var if_loop_runs(const Var& n_steps, const Var& value) {
  if (surely_runs(n_steps)) return value;
  Vars known = sizes(value);
  for (Var& size : known) size = known_before(size);
  return ifelse(n_steps > 0, value, zeros(Sizes(known), value.dtype()));
}

}  // namespace damo::optim
