#include <cmath>

#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/random/draw.hpp>
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

/// Powers with small constant exponents.
std::optional<Vars> small_power(const Apply& node, Context&) {
  const Var& x = node.input(0);
  const auto p = uniform_value(node.input(1));
  if (!p) return std::nullopt;
  if (*p == 1) return replaced(x, node);
  if (*p == 2) return replaced(sqr(x), node);
  if (*p == 0) return replaced(filled_like(node.output(), 1), node);
  if (*p == 3) return replaced(sqr(x) * x, node);
  if (*p == 4) return replaced(sqr(sqr(x)), node);
  if (!is_float(x.dtype())) return std::nullopt;
  if (*p == -1) return replaced(reciprocal(x), node);
  if (*p == -2) return replaced(sqr(reciprocal(x)), node);  // sqr(x) may overflow
  return std::nullopt;
}

std::optional<Vars> square(const Apply& node, Context&) {
  if (!same(node.input(0), node.input(1))) return std::nullopt;
  return replaced(sqr(node.input(0)), node);
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

/// A Bernoulli draw is a uniform one below p, which then is fused with what computes p.
std::optional<Vars> bernoulli_draw(const Apply& node, Context&) {
  const auto& draw = static_cast<const Draw&>(node.op());
  if (draw.distribution() != Draw::Distribution::bernoulli ||
      draw.generator() != Draw::Generator::philox)
    return std::nullopt;
  const DType dtype = node.types()[0].dtype;
  const Var& p = node.input(node.inputs().size() - 1);
  if (!is_float(dtype) || p.dtype() != dtype) return std::nullopt;
  Vars inputs(node.inputs().begin(), node.inputs().end() - 1);
  const Var u = make_var(std::make_shared<Draw>(Draw::Distribution::uniform, dtype, draw.dims()),
                         std::move(inputs), node.site());
  return replaced(cast(u < p, dtype), node);
}

/// -`v` where `v` is a negative, perhaps transposed; else an empty Var.
Var without_sign(const Var& v) {
  if (scalar_op(v) == vocabulary().neg) return v.inputs()[0];
  const auto* shuffle = as<DimShuffle>(v);
  if (shuffle == nullptr || scalar_op(v.inputs()[0]) != vocabulary().neg) return {};
  return shuffle_axes(v.inputs()[0].inputs()[0], shuffle->pattern());
}

/// dot(-a, b) = -dot(a, b). Another factor stays where the user put it, for whom it may keep the
/// products in range.
std::optional<Vars> sign_out_of_dot(const Apply& node, Context&) {
  for (const std::size_t i : {0, 1}) {
    const Var positive = without_sign(node.input(i));
    if (!positive) continue;
    Vars inputs = node.inputs();
    inputs[i] = positive;
    return replaced(-make_var(node.op_ptr(), std::move(inputs), node.site()), node);
  }
  return std::nullopt;
}

/// dot(a, b).T = dot(b.T, a.T): the product itself is written in the order it is read.
std::optional<Vars> transposed_dot(const Apply& node, Context& context) {
  const Var& x = node.input(0);
  const auto& shuffle = static_cast<const DimShuffle&>(node.op());
  if (as<Dot>(x) == nullptr || x.ndim() != 2 || context.uses(x) > 1) return std::nullopt;
  if (shuffle.pattern() != std::vector<int>{1, 0}) return std::nullopt;
  if (x.inputs()[0].ndim() != 2 || x.inputs()[1].ndim() != 2) return std::nullopt;
  return replaced(dot(x.inputs()[1].T(), x.inputs()[0].T()), node);
}

}  // namespace

const Rules& specialize_rules() {
  static const Rules rules = [] {
    using S = Soundness;
    Rules list;
    const auto add = [&](std::string name, std::vector<std::string> roots, std::string equation,
                         Rule::Rewrite f, S soundness) {
      list.push_back(
          node_rewriter(std::move(name), std::move(roots), std::move(equation), std::move(f))
              .specializes()
              .sound(soundness));
    };
    list.push_back(
        node_rewriter("small_power", {"pow"}, "x^2 = sqr(x), x^-1 = 1 / x, ...", small_power)
            .canonicalizes());
    add("square", {"mul"}, "x * x = sqr(x)", square, S::bit_exact);
    add("divide_by_power_of_two", {"div"}, "x / 2^n = x * 2^-n", divide_by_power_of_two,
        S::bit_exact);
    add("bernoulli_draw", {"bernoulli"}, "bernoulli(p) = uniform < p", bernoulli_draw,
        S::bit_exact);
    add("sign_out_of_dot", {"dot"}, "dot(-a, b) = -dot(a, b)", sign_out_of_dot, S::real_equal);
    add("transposed_dot", {"dimshuffle"}, "dot(a, b).T = dot(b.T, a.T)", transposed_dot,
        S::real_equal);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
