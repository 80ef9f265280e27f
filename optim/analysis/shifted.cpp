#include <damo/optim/analysis/shifted.hpp>

#include <algorithm>
#include <cmath>

#include <damo/graph/variables.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/altered_gradient.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/reduction/reduce.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>

namespace damo::optim {
namespace {

const Vocabulary& words() { return vocabulary(); }
constexpr int deepest = 4;

/// What `v` moves, casts or hides from derivatives.
Var core_of(Var v) {
  while (!v.inputs().empty() &&
         (is_movement(v.owner()) || is_float_cast(v) || as<GradientView>(v) != nullptr))
    v = Var(v.inputs()[0]);
  return v;
}

bool is_shift(const Var& v) {
  const Var shift = core_of(v);
  // Of nothing, folded.
  if (const Array* folded = constant_value(shift)) return folded->elements() == 0;
  return scalar_op(shift) == words().where &&
         scalar_op(core_of(shift.inputs()[0])) == words().isinf;
}

bool is_shifted(const Var& v, int depth) {
  const Var e = core_of(v);
  const ScalarOp* f = scalar_op(e);
  if (f == words().exp) {
    Steps steps;
    const Terms exponent(Terms::Group::sum, Seen{e.inputs()[0]}, steps);
    return std::any_of(exponent.leaves().begin(), exponent.leaves().end(),
                       [](const Terms::Leaf& leaf) { return is_shift(leaf.seen.core); });
  }
  const bool joins = f == words().add || f == words().mul || as<Reduce>(e) != nullptr;
  return joins && depth > 0 && std::any_of(e.inputs().begin(), e.inputs().end(), [&](const Var& x) {
           return is_shifted(x, depth - 1);
         });
}

}  // namespace

Var shift_by(const Var& largest) { return disconnected_grad(where(isinf(largest), 0.0, largest)); }

Var largest_along(const Var& x, std::uint32_t axes) {
  const Var largest = max(x, axis_list(axes), {.keepdims = true});
  const Var nothing = nothing_along(x, axes);
  return nothing.defined() ? ifelse(nothing, filled_like(largest, -INFINITY), largest) : largest;
}

Shifted shifted(const Var& x, std::uint32_t axes) {
  const Var shift = shift_by(largest_along(x, axes));
  return {exp(x - shift), shift};
}

bool is_shifted(const Var& v) { return is_shifted(v, deepest); }

}  // namespace damo::optim
