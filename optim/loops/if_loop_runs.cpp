#include <damo/graph/variables.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>
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

Var if_loop_runs(const Var& n_steps, const Var& value) {
  const Array* steps = constant_value(n_steps);
  if (steps != nullptr && steps->item<std::int64_t>() > 0) return value;
  return ifelse(n_steps > 0, value, zeros(Sizes(sizes(value)), value.dtype()));
}

}  // namespace damo::optim
