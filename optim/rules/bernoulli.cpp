#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/bernoulli_dot.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/ops/shape/broadcast.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// Draws of units that are on or off, together with what computes how probable that is.
namespace damo::optim {
namespace {

/// Whether `p` is known to have the sizes of a draw, or to be stretched to them: a draw stretches a
/// parameter also where only the run shows that a size is 1, a comparison does not.
bool has_sizes_of_draw(const Var& p, const Apply& draw, Context& context) {
  for (std::size_t axis = 0; axis < p.ndim(); ++axis) {
    if (p.type().dims[axis] == 1) continue;
    const Var size = context.simplified(size_at(p, axis));
    if (!same_graph(size, context.simplified(draw.input(1 + axis)))) return false;
  }
  return true;
}

/// z where `p` is sigmoid(z), computed for `node` alone: the draw then need not compute it in full.
Var only_sigmoid(const Var& p, Context& context) {
  const bool own = p.dtype() == DType::float32 && scalar_op(p) == vocabulary().sigmoid;
  return own && context.uses(p) == 1 ? p.inputs()[0] : Var{};
}

Var drawn_from_logit(const Var& z, const Apply& draw) {
  const Shape& dims = static_cast<const Draw&>(draw.op()).dims();
  Vars inputs(draw.inputs().begin(),
              draw.inputs().begin() + static_cast<std::ptrdiff_t>(1 + dims.rank()));
  inputs.push_back(z);
  return make_var(std::make_shared<Draw>(bernoulli_logit_distribution, z.dtype(), dims),
                  std::move(inputs), draw.site());
}

/// uniform < sigmoid(z), as a number.
std::optional<Vars> bernoulli_logit(const Apply& node, Context& context) {
  const Var& less = node.input(0);
  if (node.types()[0].dtype != DType::float32 || scalar_op(less) != vocabulary().less)
    return std::nullopt;
  const Var &u = less.inputs()[0], &p = less.inputs()[1];
  const auto* draw = as<Draw>(u);
  if (draw == nullptr || &draw->distribution() != &uniform_distribution ||
      draw->generator() != Draw::Generator::philox || context.uses(u) != 1 ||
      context.uses(less) != 1)
    return std::nullopt;
  const Var z = only_sigmoid(p, context);
  // The comparison has seen to it that z fits the draw, unless it stretches the draw.
  if (!z.defined() || z.ndim() != u.ndim() || !stretched_axes(u.type(), less.type()).empty())
    return std::nullopt;
  return Vars{fit(drawn_from_logit(z, u.owner()), node.output())};
}

/// What a SpecifyShape promises of an axis: the size, -1 for nothing.
Var promised(const Apply& promise, std::size_t axis) {
  const Shape& dims = static_cast<const SpecifyShape&>(promise.op()).dims();
  std::size_t next = 1;
  for (std::size_t i = 0; i < axis; ++i) next += dims[i] == unknown ? 1 : 0;
  if (dims[axis] == unknown) return promise.input(next);
  return int_constant(dims[axis] == SpecifyShape::free ? -1 : dims[axis]);
}

/// A product of an operand that has only zeros and ones, as far as one can tell, and what becomes
/// of it: scale (x w + bias) + shift.
struct LogitOfProduct {
  Var x, w;
  Var bias = Arg(0.0).var(DType::float32);
  Var scale = Arg(1.0).var(DType::float32);
  Var shift = Arg(0.0).var(DType::float32);
};
using Found = std::optional<LogitOfProduct>;

/// Whether v has the size of the logit z and, unless it is z itself, is made for that alone.
bool is_part(const Var& v, const Var& z, Context& context) {
  return v.ndim() == z.ndim() && stretched_axes(v.type(), z.type()).empty() && context.uses(v) == 1;
}

/// v as x w. A size promised of the product is one of its factors.
Found product_in(const Var& v, const Var& z, Context& context) {
  const bool has_promise = as<SpecifyShape>(v) != nullptr;
  const Var& product = has_promise ? v.inputs()[0] : v;
  if (as<Dot>(product) == nullptr || context.uses(product) != 1 || !is_part(v, z, context) ||
      product.inputs()[1].ndim() != 2)
    return std::nullopt;
  Var x = product.inputs()[0], w = product.inputs()[1];
  const Fact fact = context.fact(x);
  if (!fact.binary() && !fact.perhaps_binary) return std::nullopt;
  if (has_promise) {
    const Apply& promise = v.owner();
    if (v.ndim() == 2) x = specify_shape(x, Vars{promised(promise, 0), int_constant(-1)});
    w = specify_shape(w, Vars{int_constant(-1), promised(promise, v.ndim() - 1)});
  }
  return LogitOfProduct{.x = x, .w = w};
}

using Search = Found (*)(const Var&, const Var&, Context&);

/// v as one operand of a function of two in which `search` finds the product; the other is `rest`.
Found operand_in(const Var& v, const ScalarOp* f, const Var& z, Context& context, Search search,
                 Var LogitOfProduct::*rest) {
  if (scalar_op(v) != f || !is_part(v, z, context)) return std::nullopt;
  for (const std::size_t at : {1, 0}) {
    Found found = search(v.inputs()[at], z, context);
    if (!found) continue;
    (*found).*rest = v.inputs()[1 - at];
    return found;
  }
  return std::nullopt;
}

/// v as x w + bias, or x w.
Found sum_in(const Var& v, const Var& z, Context& context) {
  Found found = operand_in(v, vocabulary().add, z, context, product_in, &LogitOfProduct::bias);
  return found ? found : product_in(v, z, context);
}

/// v as scale (x w + bias), with a scale for each row, or as that without one.
Found scaled_in(const Var& v, const Var& z, Context& context) {
  Found found = operand_in(v, vocabulary().mul, z, context, sum_in, &LogitOfProduct::scale);
  if (!found) return sum_in(v, z, context);
  const TensorType& scale = found->scale.type();
  return scale.rank() == 0 || scale.dims.back() == 1 ? found : std::nullopt;
}

/// The logit z as all of that.
Found logit_in(const Var& z, Context& context) {
  Found found = scaled_in(z, z, context);
  return found ? found
               : operand_in(z, vocabulary().add, z, context, scaled_in, &LogitOfProduct::shift);
}

/// A draw by what becomes of such a product takes in all of it.
std::optional<Vars> bernoulli_dot(const Apply& node, Context& context) {
  const auto& draw = static_cast<const Draw&>(node.op());
  const Var& z = node.inputs().back();
  if (&draw.distribution() != &bernoulli_logit_distribution || !draw.fillable_from_parameter() ||
      z.dtype() != DType::float32 || z.ndim() != draw.rank())
    return std::nullopt;
  const Found found = logit_in(z, context);
  if (!found) return std::nullopt;
  const bool verify = !context.fact(found->x).binary();
  Vars inputs(node.inputs().begin(), node.inputs().end() - 1);
  for (const Var& v : {found->x, found->w, found->bias, found->scale, found->shift})
    inputs.push_back(v);
  return make_node(std::make_shared<BernoulliDot>(draw.dims(), verify), std::move(inputs),
                   node.site());
}

/// A Bernoulli draw is a uniform one below p, which then is fused with what computes p.
std::optional<Vars> bernoulli_draw(const Apply& node, Context& context) {
  const auto& draw = static_cast<const Draw&>(node.op());
  if (&draw.distribution() != &bernoulli_distribution ||
      draw.generator() != Draw::Generator::philox)
    return std::nullopt;
  const DType dtype = node.types()[0].dtype;
  const Var& p = node.input(node.inputs().size() - 1);
  if (!is_float(dtype) || p.dtype() != dtype || !has_sizes_of_draw(p, node, context))
    return std::nullopt;
  Vars inputs(node.inputs().begin(), node.inputs().end() - 1);
  const Var u = make_var(std::make_shared<Draw>(uniform_distribution, dtype, draw.dims()),
                         std::move(inputs), node.site());
  return Vars{fit(cast(u < p, dtype), node.output())};
}

}  // namespace

const Rules& bernoulli_rules() {
  static const Rules rules = [] {
    Rules list;
    list.push_back(
        node_rewriter("bernoulli_draw", {"bernoulli"}, "bernoulli(p) = uniform < p", bernoulli_draw)
            .specializes()
            .sound(Soundness::bit_exact));
    list.push_back(node_rewriter("bernoulli_logit", {"cast"},
                                 "cast(uniform < sigmoid(z)) = bernoulli_logit(z)", bernoulli_logit)
                       .specializes()
                       .sound(Soundness::bit_exact));
    list.push_back(node_rewriter("bernoulli_dot", {"bernoulli_logit"},
                                 "bernoulli_logit(s (dot(x, w) + b) + c) = bernoulli_dot where x "
                                 "has only zeros and ones",
                                 bernoulli_dot)
                       .specializes()
                       .sound(Soundness::selection));
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
