#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/altered_gradient.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {

std::string GradientView::name() const {
  constexpr const char* names[] = {"disconnected_grad", "zero_grad", "grad_clip", "grad_scale",
                                   "grad_undefined"};
  static_assert(std::size(names) == static_cast<std::size_t>(Kind::undefined) + 1);
  return names[static_cast<std::size_t>(kind_)];
}

std::string GradientView::parameters() const {
  if (kind_ == Kind::clip) return fmt::format("low={}, high={}", exact(low_), exact(high_));
  if (kind_ == Kind::scale) return fmt::format("factor={}", exact(low_));
  return kind_ == Kind::undefined ? quoted(reason_) : "";
}

namespace {

OpPtr read_gradient_view(OpText& text) {
  using Kind = GradientView::Kind;
  TextReader& in = text.parameters;
  double low = 0;
  double high = 0;
  std::string reason;
  auto kind = Kind::disconnected;
  while (GradientView(kind).name() != text.name)
    kind = static_cast<Kind>(static_cast<int>(kind) + 1);
  if (kind == Kind::clip) {
    in.expect("low=");
    low = in.real();
    in.expect(", high=");
    high = in.real();
  } else if (kind == Kind::scale) {
    in.expect("factor=");
    low = in.real();
  } else if (kind == Kind::undefined) {
    reason = in.quoted();
  }
  return std::make_shared<GradientView>(kind, low, high, std::move(reason));
}

}  // namespace

Gradients GradientView::gradient(const Apply& node, const Vars& g) const {
  switch (kind_) {
    case Kind::disconnected:
      return {Gradient{}};
    case Kind::zero:
      return {Gradient(zeros_like(node.input(0)))};
    case Kind::clip:
      return {Gradient(clip(g[0], low_, high_))};
    case Kind::scale:
      return {Gradient(g[0] * low_)};
    default:
      return {Gradient::undefined(reason_)};
  }
}

// Forward mode sees the same altered derivative; clipping has no linear counterpart and lets
// tangents pass.
Vars GradientView::push_forward(const Apply&, const Vars& tangents) const {
  switch (kind_) {
    case Kind::clip:
      return tangents;
    case Kind::scale:
      return {tangents[0] * low_};
    case Kind::undefined:
      throw GradError(reason_);
    default:
      return {Var{}};
  }
}

namespace {
Var make_view(const Arg& x, GradientView view) {
  return make_var(std::make_shared<GradientView>(std::move(view)), {x.var()}, x.site());
}
}  // namespace

Var disconnected_grad(const Arg& x) {
  return make_view(x, GradientView(GradientView::Kind::disconnected));
}
Var consider_constant(const Arg& x) { return disconnected_grad(x); }
Var zero_grad(const Arg& x) { return make_view(x, GradientView(GradientView::Kind::zero)); }
Var grad_clip(const Arg& x, double low, double high) {
  return make_view(x, GradientView(GradientView::Kind::clip, low, high));
}
Var grad_scale(const Arg& x, double factor) {
  return make_view(x, GradientView(GradientView::Kind::scale, factor));
}
Var grad_undefined(const Arg& x, std::string reason) {
  return make_view(x, GradientView(GradientView::Kind::undefined, 0, 0, std::move(reason)));
}

Arg without_derivative(const char* who, const Arg& x) {
  if (x.is_literal() || !is_float(x.dtype()) || constant_value(x.var()) != nullptr) return x;
  const Var v = grad_undefined(x, fmt::format("{} has no derivative in this operand", who));
  return {v, x.site().file, x.site().line};
}

DAMO_OPS(altered_gradient) {
  for (const char* name :
       {"disconnected_grad", "zero_grad", "grad_clip", "grad_scale", "grad_undefined"})
    ops.reader({name, read_gradient_view, 1, 1});
  ops.sample({.name = "disconnected_grad",
              .inputs = {{"mn"}},
              .apply = [](const Vars& in) { return disconnected_grad(in[0]); },
              .differentiable = false});
}

}  // namespace damo
