#include <cmath>

#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// Cheaper ways to compute the same, once the graph is stable.
namespace damo::optim {
namespace {

/// x / 2^n = x * 2^-n: the only divisors whose reciprocal is exact.
std::optional<Vars> divide_by_power_of_two(const Apply& node, Context&) {
  const auto c = uniform_value(node.input(1));
  int exponent = 0;
  if (!c || *c == 0 || !std::isfinite(*c) || std::abs(std::frexp(*c, &exponent)) != 0.5 ||
      std::abs(exponent) > 100)
    return std::nullopt;
  return Vars{fit(node.input(0) * (1 / *c), node.output())};
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
  const auto own_under = [own](const Apply& node, Context& context) {
    return own(node, context) && own(node.input(0).owner(), context);
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
  rules.push_back(rule("neg_dot_transposed", (-dot(a, b)).T(), -dot(b.T(), a.T())).when(own_under).specializes());
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
    add_products(list);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
