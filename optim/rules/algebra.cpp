#include <algorithm>
#include <cmath>

#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/optim/analysis/flat_terms.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/rules/shared.hpp>

namespace damo::optim {
namespace {

const Var& inside(const Var& v) { return v.inputs()[0]; }

/// A number other than 0 and NaN.
bool is_divisor(const Var& v) {
  const auto c = uniform_value(v);
  return c && *c != 0 && !std::isnan(*c);
}

/// x * 0 = 0 for what is finite, 0 / c = 0 for a number: elsewhere it may be NaN.
std::optional<Vars> mul_zero(const Apply& node, Context& context) {
  const bool divided = scalar_op(node.output()) == words().div;
  const auto is_zero = [&](std::size_t i) { return uniform_value(node.input(i)) == 0.0; };
  const auto allows = [&](std::size_t i) {
    return divided ? is_divisor(node.input(i)) : context.fact(node.input(i)).finite;
  };
  if ((is_zero(0) && allows(1)) || (!divided && is_zero(1) && allows(0)))
    return Vars{fit(filled_like(node.output(), 0), node.output())};
  return std::nullopt;
}

/// Whether a value of `dtype` holds `value` as an ordinary number.
bool representable(double value, DType dtype) {
  const double size = std::abs(value);
  if (!std::isfinite(value)) return false;
  if (dtype == DType::float32) return size == 0 || (size > 1e-37 && size < 1e38);
  return size == 0 || (size > 1e-300 && size < 1e300);
}

/// Whether a + b loses nothing in `dtype`.
bool exact_sum(double a, double b, DType dtype) {
  if (!adds_exactly(a, b)) return false;
  const double sum = a + b;
  return dtype != DType::float32 || static_cast<double>(static_cast<float>(sum)) == sum;
}

/// Two constants in a sum, one of them positive and one negative, become one, in the last place.
/// Others would only round differently: a loop that adds a number at each step has them unrolled.
/// Numbers larger than 1 may be there to round: (x + 12582912) - 12582912.
std::optional<Vars> gather_sum_constants(const Apply& node, Context&) {
  const Var root = node.output();
  const bool minus = scalar_op(root) == words().sub;
  const auto right = uniform_value(node.input(1));
  if (!right || !is_float(root.dtype())) return std::nullopt;
  const ScalarOp* f = scalar_op(node.input(0));
  if (f != words().add && f != words().sub) return std::nullopt;
  const auto inner = uniform_value(node.input(0).inputs()[1]);
  const auto front = uniform_value(node.input(0).inputs()[0]);
  const double c = minus ? -*right : *right;
  const auto opposite = [c](double d) {
    return ((c < 0) != (d < 0) || c == 0 || d == 0) && std::abs(c) <= 1 && std::abs(d) <= 1;
  };
  const Var& x = node.input(0).inputs()[0];
  const Var& y = node.input(0).inputs()[1];
  if (inner) {
    const double d = f == words().sub ? -*inner : *inner;
    if (!opposite(d) || !exact_sum(c, d, root.dtype())) return std::nullopt;
    return fitted(x + (c + d), node);
  }
  if (!front || !opposite(*front) || !exact_sum(c, *front, root.dtype())) return std::nullopt;
  return fitted(f == words().sub ? (*front + c) - y : y + (*front + c), node);
}

/// Multiplying by it rounds nothing.
bool power_of_two(double c) {
  int exponent = 0;
  return std::abs(std::frexp(c, &exponent)) == 0.5 && std::abs(exponent) < 60;
}

/// How a constant d stands beside x.
enum class Beside { factor, dividend, divisor };

/// The constant of c * (d with x), or of (d with x) / c, where the one constant rounds as the two
/// did.
std::optional<double> merged(double c, bool divides, double d, Beside beside) {
  if (c == 0 || d == 0 || (divides && beside == Beside::divisor)) return std::nullopt;
  const bool inner_exact = power_of_two(d) && !divides && beside != Beside::dividend;
  const bool outer_exact = power_of_two(c) && beside != Beside::divisor;
  if (!inner_exact && !outer_exact) return std::nullopt;
  return divides ? d / c : beside == Beside::divisor ? c / d : c * d;
}

std::optional<Vars> gather_into(double c, bool divides, const Var& inner, const Apply& node) {
  const ScalarOp* f = scalar_op(inner);
  if (f != words().mul && f != words().div) return std::nullopt;
  for (const std::size_t at : {0, 1}) {
    const auto d = uniform_value(inner.inputs()[at]);
    const Beside beside = f == words().mul ? Beside::factor
                          : at == 0        ? Beside::dividend
                                           : Beside::divisor;
    const auto one = d ? merged(c, divides, *d, beside) : std::nullopt;
    if (!one || !representable(*one, node.output().dtype())) continue;
    const Var& x = inner.inputs()[1 - at];
    return fitted(beside == Beside::dividend ? *one / x : *one * x, node);
  }
  return std::nullopt;
}

/// Two constant factors, one inside the other, become one where that changes no rounding: c * (d *
/// x), (d * x) / c, c * (x / d). A loop that multiplies by a number at each step has others
/// unrolled.
std::optional<Vars> gather_product_constants(const Apply& node, Context&) {
  const Var root = node.output();
  if (!is_float(root.dtype())) return std::nullopt;
  const bool divides = scalar_op(root) == words().div;
  for (const std::size_t side : {0, 1}) {
    const auto c = uniform_value(node.input(side));
    if (!c || (divides && side == 0)) continue;
    if (auto one = gather_into(*c, divides, node.input(1 - side), node)) return one;
  }
  return std::nullopt;
}

/// A conversion of a conversion, or to the dtype that is there already.
std::optional<Vars> cast_of_cast(const Apply& node, Context&) {
  const Var root = node.output();
  const Var& x = node.input(0);
  if (x.dtype() == root.dtype()) return Vars{x};
  const ScalarOp* f = scalar_op(x);
  if (!is_conversion(f)) return std::nullopt;
  // The first step must lose nothing: an int64 may round in any float.
  if (!holds_all(x.dtype(), inside(x).dtype())) return std::nullopt;
  return Vars{cast(inside(x), root.dtype())};
}

/// Comparisons of constants, and sums and products of constant scalars that are exact.
std::optional<Vars> exact_arithmetic(const Apply& node, Context&) {
  const auto a = uniform_value(node.input(0));
  const auto b = uniform_value(node.input(1));
  if (!a || !b) return std::nullopt;
  const ScalarOp* f = scalar_op(node.output());
  const auto truth = [&](bool value) {
    const Var one = Arg(value).var(boolean);
    return Vars{fit(one, node.output())};
  };
  if (f == words().eq) return truth(*a == *b);
  if (f == words().neq) return truth(*a != *b);
  if (f == words().less) return truth(*a < *b);
  if (f == words().greater) return truth(*a > *b);
  const DType dtype = node.types()[0].dtype;
  if (!is_float(dtype) || node.output().ndim() != 0) return std::nullopt;
  const auto exact = [&](double v) {
    return v == (dtype == DType::float32 ? static_cast<double>(static_cast<float>(v)) : v);
  };
  const double product = *a * *b;
  if (f == words().mul && exact(product) && std::fma(*a, *b, -product) == 0 &&
      std::isfinite(product) && (product != 0 || *a == 0 || *b == 0))
    return Vars{Arg(product).var(dtype)};
  const double right = f == words().sub ? -*b : *b;
  if ((f == words().add || f == words().sub) && exact_sum(*a, right, dtype) &&
      std::isfinite(*a + right))
    return Vars{Arg(*a + right).var(dtype)};
  return std::nullopt;
}

void add_functions(Rules& rules) {
  using S = Soundness;
  // clang-format off
  rules.push_back(node_rewriter("exact_arithmetic", {"add", "sub", "mul", "eq", "neq", "less", "greater"},
                                "constants, where nothing is rounded", exact_arithmetic)
                      .canonicalizes().sound(S::bit_exact));
  rules.push_back(node_rewriter("mul_zero", {"mul", "div"}, "x * 0 = 0 / x = 0", mul_zero)
                      .canonicalizes().sound(S::zero_sign));
  rules.push_back(node_rewriter("gather_sum_constants", {"add", "sub"}, "(x + c) - d = x + (c - d)",
                                gather_sum_constants).canonicalizes());
  rules.push_back(node_rewriter("gather_product_constants", {"mul", "div"}, "(x * c) * d = x * (c * d)",
                                gather_product_constants).canonicalizes());
  rules.push_back(node_rewriter("cast_of_cast", {"cast"},
                                "cast(cast(x)) = cast(x) where nothing is lost between", cast_of_cast)
                      .canonicalizes().sound(S::bit_exact));
  // clang-format on
}

void add_units(Rules& rules) {
  using S = Soundness;
  const Var x = any("x"), n = any("n", is_int64());
  // clang-format off
  rules.push_back(rule("add_zero", x + 0, x).canonicalizes().sound(S::zero_sign));
  rules.push_back(rule("add_minus_zero", x + (-0.0), x).canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("sub_zero", x - 0, x).canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("zero_minus", 0 - x, -x).canonicalizes().sound(S::zero_sign));
  rules.push_back(rule("integer_difference", n - n, Arg(0.0).var(float64)).as_written()
                      .canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("mul_one", x * 1, x).canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("div_one", x / 1, x).canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("mul_minus_one", x * -1, -x).canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("div_minus_one", x / -1, -x).canonicalizes().sound(S::bit_exact));
  // clang-format on
}

void add_choices(Rules& rules) {
  using S = Soundness;
  const Var a = any("a"), b = any("b"), p = any_bool("p");
  // clang-format off
  rules.push_back(rule("where_true", where(true, a, b), a).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("where_false", where(false, a, b), b).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("where_same", where(p, a, a), a).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("where_not", where(not_(p), a, b), where(p, b, a)).as_written()
                      .canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("maximum_same", maximum(a, a), a).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("minimum_same", minimum(a, a), a).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("and_same", and_(p, p), p).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("or_same", or_(p, p), p).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("not_not", not_(not_(p)), p).as_written().canonicalizes().sound(S::bit_exact));
  // clang-format on
}

void add_signs(Rules& rules) {
  using S = Soundness;
  const Var x = any("x"), a = any("a"), b = any("b"), p = any("p", is_nonnegative());
  // clang-format off
  rules.push_back(rule("neg_neg", -(-x), x).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("neg_difference", -(a - b), b - a).as_written().canonicalizes().sound(S::zero_sign));
  // Signs of summands become the choice between + and -, those of factors move in front.
  rules.push_back(rule("add_neg", a + (-b), a - b).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("sub_neg", a - (-b), a + b).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("neg_minus", (-a) - b, -(a + b)).as_written().canonicalizes().sound(S::zero_sign));
  rules.push_back(rule("mul_neg", a * (-b), -(a * b)).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("neg_over", (-a) / b, -(a / b)).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("over_neg", a / (-b), -(a / b)).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("abs_nonnegative", abs(p), p).as_written().canonicalizes().sound(S::needs_fact));
  rules.push_back(rule("relu_nonnegative", relu(p), p).as_written().canonicalizes().sound(S::needs_fact));
  rules.push_back(rule("abs_neg", abs(-x), abs(x)).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("abs_abs", abs(abs(x)), abs(x)).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("sqr_neg", sqr(-x), sqr(x)).as_written().canonicalizes().sound(S::bit_exact));
  rules.push_back(rule("sqr_abs", sqr(abs(x)), sqr(x)).as_written().canonicalizes().sound(S::bit_exact));
  // clang-format on
}

}  // namespace

const Rules& algebra_rules() {
  static const Rules rules = [] {
    Rules list;
    add_functions(list);
    add_units(list);
    add_choices(list);
    add_signs(list);
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
