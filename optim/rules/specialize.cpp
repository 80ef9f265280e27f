#include <cmath>

#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/bernoulli_dot.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/random/draw.hpp>
#include <damo/ops/shape/broadcast.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// Cheaper ways to compute the same, once the graph is stable.
namespace damo::optim {
namespace {

std::optional<Vars> replaced(const Var& v, const Apply& node) {
  return Vars{fit(v, node.output())};
}

/// x / 2^n = x * 2^-n: the only divisors whose reciprocal is exact.
std::optional<Vars> divide_by_power_of_two(const Apply& node, Context&) {
  const auto c = uniform_value(node.input(1));
  int exponent = 0;
  if (!c || *c == 0 || !std::isfinite(*c) || std::abs(std::frexp(*c, &exponent)) != 0.5 ||
      std::abs(exponent) > 100)
    return std::nullopt;
  return replaced(node.input(0) * (1 / *c), node);
}

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
  return replaced(drawn_from_logit(z, u.owner()), node);
}

/// What a SpecifyShape promises of an axis: the size, -1 for nothing.
Var promised(const Apply& promise, std::size_t axis) {
  const Shape& dims = static_cast<const SpecifyShape&>(promise.op()).dims();
  std::size_t next = 1;
  for (std::size_t i = 0; i < axis; ++i) next += dims[i] == unknown ? 1 : 0;
  if (dims[axis] == unknown) return promise.input(next);
  return int_constant(dims[axis] == SpecifyShape::free ? -1 : dims[axis]);
}

/// The factors of a product that stands in that sum, or is it, and whose left one has only zeros
/// and ones, as far as one can tell. A size promised of the product is one of its factors.
std::optional<std::pair<Var, Var>> binary_factors(const Var& v, const Var& sum, Context& context) {
  const bool has_promise = as<SpecifyShape>(v) != nullptr && context.uses(v) == 1;
  const Var& product = has_promise ? v.inputs()[0] : v;
  if (as<Dot>(product) == nullptr || context.uses(product) != 1 || v.ndim() != sum.ndim() ||
      product.inputs()[1].ndim() != 2 || !stretched_axes(v.type(), sum.type()).empty())
    return std::nullopt;
  Var left = product.inputs()[0], right = product.inputs()[1];
  const Fact fact = context.fact(left);
  if (!fact.binary() && !fact.perhaps_binary) return std::nullopt;
  if (has_promise) {
    const Apply& promise = v.owner();
    if (v.ndim() == 2) left = specify_shape(left, Vars{promised(promise, 0), int_constant(-1)});
    right = specify_shape(right, Vars{int_constant(-1), promised(promise, v.ndim() - 1)});
  }
  return std::pair(left, right);
}

/// A draw by the sum of such a product and a bias takes in both.
std::optional<Vars> bernoulli_dot(const Apply& node, Context& context) {
  const auto& draw = static_cast<const Draw&>(node.op());
  const Var& z = node.inputs().back();
  if (&draw.distribution() != &bernoulli_logit_distribution || !draw.fillable_from_parameter() ||
      z.dtype() != DType::float32 || z.ndim() != draw.rank() || context.uses(z) != 1)
    return std::nullopt;
  std::optional<std::pair<Var, Var>> factors;
  Var bias = Arg(0.0).var(DType::float32);
  if (scalar_op(z) == vocabulary().add) {
    for (const std::size_t at : {1, 0}) {
      if (factors) break;
      factors = binary_factors(z.inputs()[at], z, context);
      bias = z.inputs()[1 - at];
    }
  } else {
    factors = binary_factors(z, z, context);
  }
  if (!factors) return std::nullopt;
  const bool verify = !context.fact(factors->first).binary();
  Vars inputs(node.inputs().begin(), node.inputs().end() - 1);
  for (const Var& v : {factors->first, factors->second, bias}) inputs.push_back(v);
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
  return replaced(cast(u < p, dtype), node);
}

/// Powers with small constant exponents, here in the order of how often they are met.
void add_powers(Rules& rules) {
  const Var x = any("x"), y = any("y", is_floating());
  // clang-format off
  rules.push_back(rule("pow_two", pow(x, 2), sqr(x)).as_written().canonicalizes());
  rules.push_back(rule("pow_one", pow(x, 1), x).as_written().canonicalizes());
  rules.push_back(rule("pow_zero", pow(x, 0), Arg(1.0).var(float64)).as_written().canonicalizes());
  rules.push_back(rule("pow_three", pow(x, 3), sqr(x) * x).as_written().canonicalizes());
  rules.push_back(rule("pow_four", pow(x, 4), sqr(sqr(x))).as_written().canonicalizes());
  rules.push_back(rule("pow_minus_one", pow(y, -1), reciprocal(y)).as_written().canonicalizes());
  // The square of y may be out of range where that of 1 / y is not.
  rules.push_back(rule("pow_minus_two", pow(y, -2), sqr(reciprocal(y))).as_written().canonicalizes());
  // clang-format on
}

/// Signs leave products; other factors stay where the user put them, for whom they may keep the
/// products in range.
void add_products(Rules& rules) {
  using S = Soundness;
  const Var x = any("x"), a = any("a"), b = any("b");
  const auto own = [](const Apply& node, Context& context) {
    return context.uses(node.input(0)) == 1;
  };
  // clang-format off
  rules.push_back(rule("square", x * x, sqr(x)).as_written().specializes().sound(S::bit_exact));
  rules.push_back(rule("dot_neg_left", dot(-a, b), -dot(a, b)).specializes().sound(S::zero_sign));
  rules.push_back(rule("dot_neg_right", dot(a, -b), -dot(a, b)).specializes().sound(S::zero_sign));
  rules.push_back(rule("dot_neg_transposed_left", dot((-a).T(), b), -dot(a.T(), b))
                      .specializes().sound(S::zero_sign));
  rules.push_back(rule("dot_neg_transposed_right", dot(a, (-b).T()), -dot(a, b.T()))
                      .specializes().sound(S::zero_sign));
  // The product itself is written in the order in which it is read.
  rules.push_back(rule("dot_transposed", dot(a, b).T(), dot(b.T(), a.T())).when(own).specializes());
  // clang-format on
}

}  // namespace

const Rules& specialize_rules() {
  static const Rules rules = [] {
    Rules list;
    add_powers(list);
    list.push_back(node_rewriter("divide_by_power_of_two", {"div"}, "x / 2^n = x * 2^-n",
                                 divide_by_power_of_two)
                       .specializes()
                       .sound(Soundness::bit_exact));
    list.push_back(
        node_rewriter("bernoulli_draw", {"bernoulli"}, "bernoulli(p) = uniform < p", bernoulli_draw)
            .specializes()
            .sound(Soundness::bit_exact));
    list.push_back(node_rewriter("bernoulli_logit", {"cast"},
                                 "cast(uniform < sigmoid(z)) = bernoulli_logit(z)", bernoulli_logit)
                       .specializes()
                       .sound(Soundness::bit_exact));
    list.push_back(node_rewriter("bernoulli_dot", {"bernoulli_logit"},
                                 "bernoulli_logit(dot(x, w) + b) = bernoulli_dot(x, w, b) where x "
                                 "has only zeros and ones",
                                 bernoulli_dot)
                       .specializes()
                       .sound(Soundness::needs_fact));
    add_products(list);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
