#include <algorithm>
#include <cmath>

#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// The gradient with respect to an operand, from that with respect to its stretched self.
Var unstretched(const Var& g, const Var& x, const TensorType& out) {
  if (g.ndim() == 0 && x.ndim() > 0) return broadcast_like(g, x);
  if (x.ndim() == 0) return g.ndim() == 0 ? g : sum(g);
  const std::vector<int> axes = stretched_axes(x.type(), g.ndim() == out.rank() ? out : g.type());
  return axes.empty() ? g : sum(g, axes, {.keepdims = true});
}

/// The flow to an operand, from that to its stretched self.
MaskedFlow unstretched(const MaskedFlow& flow, const Var& x, const TensorType& out) {
  const Var& g = flow.value;
  const bool same_size = x.ndim() == out.rank() && stretched_axes(x.type(), out).empty();
  if (flow.mask.empty() || uniform_value(g) == 0.0) return {unstretched(g, x, out), {}};
  if (same_size) return {unstretched(g, x, out), flow.mask};
  std::vector<int> axes;
  if (x.ndim() > 0) axes = stretched_axes(x.type(), out);
  Mask mask{before_stretching(flow.mask.asked, axes, x.ndim()), {}};
  if (!flow.mask.compared.empty())
    mask.compared = before_stretching(flow.mask.all(), axes, x.ndim());
  return {unstretched(selected(g, flow.mask.all()), x, out), mask};
}

DType gradient_dtype(const Var& x) { return is_float(x.dtype()) ? x.dtype() : floatX(); }

}  // namespace

Gradients Elementwise::gradient(const Apply& node, const Vars& g) const {
  Gradients result(node.inputs().size());
  if (!scalar_->gradient || !g[0].defined()) return result;
  const Vars flowing = scalar_->gradient(node.inputs(), node.output(), g[0]);
  for (std::size_t i = 0; i < flowing.size(); ++i) {
    if (!flowing[i].defined()) continue;
    const Var& x = node.input(i);
    result[i] = unstretched(cast(flowing[i], gradient_dtype(x)), x, node.types()[0]);
  }
  return result;
}

std::vector<MaskedFlow> Elementwise::gradient_under(const Apply& node, const Var& g,
                                                    const Mask& mask,
                                                    const std::vector<Slope>& behind) const {
  std::vector<MaskedFlow> result(node.inputs().size());
  if (!scalar_->gradient) return result;
  const bool asked = scalar_->types == ScalarOp::Types::select;
  const Slope late = asked ? Slope::tame : Slope::wild;
  const Vars flowing = scalar_->gradient(node.inputs(), node.output(), g);
  const bool any_late = scalar_->counts && std::any_of(behind.begin(), behind.end(),
                                                       [&](Slope s) { return s >= late; });
  const Vars counts = any_late ? scalar_->counts(node.inputs()) : Vars(flowing.size());
  for (std::size_t i = 0; i < flowing.size(); ++i) {
    if (!flowing[i].defined()) continue;
    const Var& x = node.input(i);
    MaskedFlow flow{flowing[i], mask};
    if (behind[i] >= late && counts[i].defined()) {
      if (scalar_->picks) flow.value = g;
      flow.mask.add(asked ? Mask{{counts[i]}, {}} : Mask{{}, {counts[i]}});
    }
    flow.value = cast(flow.value, gradient_dtype(x));
    result[i] = unstretched(flow, x, node.types()[0]);
  }
  return result;
}

Slope Elementwise::slope(const Apply& node) const {
  const auto finite = [&](std::size_t i) {
    const auto c = uniform_value(node.input(i));
    return c && std::isfinite(*c);
  };
  if (scalar_->name == "mul" && (finite(0) || finite(1))) return Slope::constant;
  if (scalar_->name == "div" && finite(1) && uniform_value(node.input(1)) != 0.0)
    return Slope::constant;
  return scalar_->slope;
}

// An elementwise function's Jacobian is diagonal, so pushing tangents forward is the gradient rule
// with the tangent in the place of the cotangent.
Vars Elementwise::push_forward(const Apply& node, const Vars& tangents) const {
  return {push_forward_under(node, tangents, Vars(tangents.size())).value};
}

MaskedFlow Elementwise::push_forward_under(const Apply& node, const Vars& tangents,
                                           const Vars& moves) const {
  MaskedFlow total;
  const bool rounds = scalar_->types == ScalarOp::Types::convert && !is_float(scalar_->to);
  if (!scalar_->gradient || node.types()[0].dtype == DType::boolean || rounds) return total;
  const DType dtype = gradient_dtype(node.output());
  const Vars counts = scalar_->counts ? scalar_->counts(node.inputs()) : Vars(tangents.size());
  std::vector<Mask> masks;
  for (std::size_t i = 0; i < tangents.size(); ++i) {
    if (!tangents[i].defined()) continue;
    const Vars terms = scalar_->gradient(node.inputs(), node.output(), cast(tangents[i], dtype));
    if (!terms[i].defined() || uniform_value(terms[i]) == 0.0) continue;
    Mask mask;
    if (counts[i].defined() && !scalar_->picks) mask.asked.push_back(counts[i]);
    if (moves[i].defined() && slope(node) == Slope::wild) mask.asked.push_back(moves[i]);
    const Var term = selected(cast(terms[i], dtype), mask.asked);
    total.value = total.value.defined() ? total.value + term : term;
    for (const Var& c : {counts[i], moves[i]}) {
      if (c.defined()) mask.add({{c}, {}});
    }
    masks.push_back(mask);
  }
  if (!masks.empty()) total.mask = united(masks);
  Var& value = total.value;
  const TensorType& type = node.types()[0];
  if (value.defined() &&
      (value.ndim() < type.rank() || !stretched_axes(value.type(), type).empty()))
    value = broadcast_like(value, node.output());
  return total;
}

}  // namespace damo
