#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include <damo/ops/elementwise/samples.hpp>

namespace damo {
namespace {

using Types = ScalarOp::Types;

DAMO_SCALAR(Add, (T a, T b), static_cast<T>(a + b));
DAMO_SCALAR(Sub, (T a, T b), static_cast<T>(a - b));
DAMO_SCALAR(Mul, (T a, T b), static_cast<T>(a* b));
DAMO_SCALAR(Div, (T a, T b), a / b);
DAMO_SCALAR(Neg, (T a), static_cast<T>(-a));
DAMO_SCALAR(Sqr, (T a), static_cast<T>(a* a));
DAMO_SCALAR(Reciprocal, (T a), T(1) / a);
DAMO_SCALAR(Abs, (T a), a < T(0) ? static_cast<T>(-a) : a + T(0));
DAMO_SCALAR(Pow, (T a, T b), math::pow(a, b));

// -0.0 must become 0.0 and NaN stay NaN: a sign-bit mask does both.
struct FloatAbs {
  DAMO_INLINE float operator()(float a) const { return __builtin_fabsf(a); }
  DAMO_INLINE double operator()(double a) const { return __builtin_fabs(a); }
  DAMO_INLINE long double operator()(long double a) const { return __builtin_fabsl(a); }
};

// The remainder takes the divisor's sign, as in Python; an integer divided by 0 gives 0, as in
// NumPy.
struct Mod {
  DAMO_INLINE std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    if (b == 0 || b == -1) return 0;
    const std::int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
  }
  template <class T>
  DAMO_INLINE T operator()(T a, T b) const {
    const T r = std::fmod(a, b);
    if (r == T(0)) return std::copysign(r, b);
    return (r < T(0)) != (b < T(0)) ? r + b : r;
  }
};
struct FloorDiv {
  DAMO_INLINE std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    if (b == 0) return 0;
    if (b == -1) return static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(a));
    const std::int64_t q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
  }
  template <class T>
  DAMO_INLINE T operator()(T a, T b) const {
    if (b == T(0)) return a / b;
    // The rounded a / b may be the next integer; a - r is a multiple of b.
    const T r = std::fmod(a, b);
    const T whole = (a - r) / b;
    const T q = r != T(0) && (r < T(0)) != (b < T(0)) ? whole - 1 : whole;
    return q == T(0) ? std::copysign(q, a / b) : math::round(q);
  }
};
struct IntPow {
  DAMO_INLINE std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
    std::uint64_t result = 1;
    std::uint64_t base = static_cast<std::uint64_t>(a);
    for (; b > 0; b /= 2, base *= base) {
      if (b % 2 != 0) result *= base;
    }
    return static_cast<std::int64_t>(result);
  }
};
// Integers wrap around: signed overflow would be undefined.
template <class F>
struct Wrapping {
  DAMO_INLINE std::int64_t operator()(auto... v) const {
    return static_cast<std::int64_t>(F{}(static_cast<std::uint64_t>(v)...));
  }
};

template <class F, std::size_t Arity>
constexpr ScalarLoops wrapping_loops() {
  auto loops = real_loops<F, Arity>();
  loops[1] = same_loop<Wrapping<F>, std::int64_t, Arity>();
  return loops;
}

ScalarLoops abs_loops() {
  ScalarLoops loops = real_loops<FloatAbs, 1>();
  loops[1] = same_loop<Abs, std::int64_t, 1>();
  return loops;
}
ScalarLoops pow_loops() {
  auto loops = real_loops<Pow, 2>();
  loops[1] = same_loop<IntPow, std::int64_t, 2>();
  return loops;
}

/// 1 - x is as far from 1 as x is from 0.
Fact fact_of_difference(const Apply& node, std::span<const Fact> x) {
  if (uniform_value(node.input(0)) == 1.0) {
    return {
        .nonnegative = x[1].at_most_one, .at_most_one = x[1].nonnegative, .integer = x[1].integer};
  }
  return {.integer = x[0].integer && x[1].integer};
}

}  // namespace

Var operator+(const Arg& a, const Arg& b) {
  static const auto op =
      define({.name = "add",
              .arity = 2,
              .types = Types::numeric,
              .loops = wrapping_loops<Add, 2>(),
              .gradient = [](const Vars&, const Var&, const Var& g) -> Vars {
                return {g, g};
              },
              .slope = Slope::constant,
              .fact = while_exact([](const Apply&, std::span<const Fact> x) -> Fact {
                return fact_of_sum(x[0], x[1]);
              }),
              .symbol = "+",
              .precedence = 50,
              .commutative = true});
  return elementwise(op, {a, b});
}

Var operator-(const Arg& a, const Arg& b) {
  static const auto op = define({.name = "sub",
                                 .arity = 2,
                                 .types = Types::numeric,
                                 .loops = wrapping_loops<Sub, 2>(),
                                 .gradient = [](const Vars&, const Var&, const Var& g) -> Vars {
                                   return {g, -g};
                                 },
                                 .slope = Slope::constant,
                                 .fact = while_exact(fact_of_difference),
                                 .symbol = "-",
                                 .precedence = 50});
  return elementwise(op, {a, b});
}

Var operator*(const Arg& a, const Arg& b) {
  static const auto op =
      define({.name = "mul",
              .arity = 2,
              .types = Types::numeric,
              .loops = wrapping_loops<Mul, 2>(),
              .gradient = [](const Vars& x, const Var&, const Var& g) -> Vars {
                return {g * x[1], g * x[0]};
              },
              .slope = Slope::tame,
              .fact = while_exact([](const Apply& node, std::span<const Fact> x) -> Fact {
                Fact f = fact_of_product(x[0], x[1]);
                f.nonnegative = f.nonnegative || same(node.input(0), node.input(1));
                return f;
              }),
              .symbol = "*",
              .precedence = 60,
              .commutative = true});
  return elementwise(op, {a, b});
}

Var operator/(const Arg& a, const Arg& b) {
  static const auto op = define({.name = "div",
                                 .arity = 2,
                                 .types = Types::real,
                                 .loops = real_loops<Div, 2>(),
                                 .gradient = [](const Vars& x, const Var& y, const Var& g) -> Vars {
                                   return {g / x[1], -(g * y / x[1])};
                                 },
                                 .fact = [](const Apply&, std::span<const Fact> x) -> Fact {
                                   return {.nonnegative = x[0].nonnegative && x[1].nonnegative,
                                           .positive = x[0].positive && x[1].positive};
                                 },
                                 .symbol = "/",
                                 .precedence = 60});
  return elementwise(op, {a, b});
}

Var operator%(const Arg& a, const Arg& b) {
  static const auto op =
      define({.name = "mod",
              .arity = 2,
              .types = Types::numeric,
              .loops = numeric_loops<Mod, 2>(),
              .gradient = [](const Vars& x, const Var&, const Var& g) -> Vars {
                return {g, -(g * floor_div(x[0], x[1]))};
              },
              .fact = [](const Apply&, std::span<const Fact> x) -> Fact {
                return {.nonnegative = x[1].nonnegative, .integer = x[0].integer && x[1].integer};
              },
              .symbol = "%",
              .precedence = 60});
  return elementwise(op, {a, b});
}

Var floor_div(const Arg& a, const Arg& b) {
  static const auto op =
      define({.name = "floor_div",
              .arity = 2,
              .types = Types::numeric,
              .loops = numeric_loops<FloorDiv, 2>(),
              .gradient = [](const Vars&, const Var&, const Var&) -> Vars {
                return {Arg(0.0).var(), Arg(0.0).var()};
              },
              .slope = Slope::tame,
              .fact = [](const Apply&, std::span<const Fact> x) -> Fact {
                return {.nonnegative = x[0].nonnegative && x[1].nonnegative, .integer = true};
              }});
  return elementwise(op, {a, b});
}

Var operator-(const Arg& a) {
  static const auto op =
      define({.name = "neg",
              .arity = 1,
              .types = Types::numeric,
              .loops = wrapping_loops<Neg, 1>(),
              .gradient = [](const Vars&, const Var&, const Var& g) -> Vars { return {-g}; },
              .slope = Slope::constant,
              .fact = while_exact(fact_of([](const Fact& x) -> Fact {
                return {.at_most_one = x.nonnegative, .integer = x.integer, .finite = x.finite};
              })),
              .symbol = "-",
              .precedence = 70});
  return elementwise(op, {a});
}

Var pow(const Arg& base, const Arg& exponent) {
  // d/db a^b = a^b log a, which is 0 (not NaN) at a = 0 for b > 0: hence the guarded logarithm.
  // d/da a^b = b a^(b - 1) at b = 0 is 0 where a^-1 is infinite too; elsewhere it is left as it is,
  // for its own derivative by b is a^-1 there.
  static const auto op =
      define({.name = "pow",
              .arity = 2,
              .types = Types::numeric,
              .loops = pow_loops(),
              .gradient = [](const Vars& x, const Var& y, const Var& g) -> Vars {
                const Var lower = pow(x[0], x[1] - 1);
                const Var none = and_(eq(x[1], 0), not_(isfinite(lower)));
                return {where(none, 0.0, g * x[1] * lower),
                        g * y * log(where(eq(x[0], 0), where(eq(y, 0), 1.0, x[0]), x[0]))};
              },
              .fact = while_exact([](const Apply&, std::span<const Fact> x) -> Fact {
                return of_same_sign(x[0]);
              })});
  return elementwise(op, {base, exponent});
}

Var sqr(const Arg& x) {
  static const auto op = define({.name = "sqr",
                                 .arity = 1,
                                 .types = Types::numeric,
                                 .loops = wrapping_loops<Sqr, 1>(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   return {g * (2 * in[0])};
                                 },
                                 .slope = Slope::tame,
                                 .fact = while_exact(fact_of([](const Fact& x) -> Fact {
                                   Fact f = fact_of_product(x, x);
                                   f.nonnegative = true;
                                   return f;
                                 }))});
  return elementwise(op, {x});
}

Var reciprocal(const Arg& x) {
  static const auto op = define(
      {.name = "reciprocal",
       .arity = 1,
       .types = Types::real,
       .loops = real_loops<Reciprocal, 1>(),
       .gradient = [](const Vars&, const Var& y, const Var& g) -> Vars { return {-(g * sqr(y))}; },
       .fact = fact_of(of_same_sign)});
  return elementwise(op, {x});
}

Var abs(const Arg& x) {
  static const auto op = define({.name = "abs",
                                 .arity = 1,
                                 .types = Types::numeric,
                                 .loops = abs_loops(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   return {g * sign(in[0])};
                                 },
                                 .slope = Slope::tame,
                                 // Of the two branches neither counts at 0.
                                 .counts = [](const Vars& x) -> Vars { return {neq(x[0], 0)}; },
                                 .fact = while_exact(fact_of([](const Fact& x) -> Fact {
                                   return {.nonnegative = true,
                                           .positive = x.positive,
                                           .at_most_one = x.at_most_one && x.nonnegative,
                                           .integer = x.integer,
                                           .finite = x.finite};
                                 }))});
  return elementwise(op, {x});
}

DAMO_OPS(arithmetic) {
  using namespace samples;
  ops.sample(binary("add", operator+));
  ops.sample(binary("sub", operator-));
  ops.sample(binary("mul", operator*));
  ops.sample(binary("div", operator/, {}, {.low = 0.5, .high = 3}));
  ops.sample(binary("mod", operator%, {.low = 0.1, .high = 0.4}, {.low = 0.5, .high = 1}));
  ops.sample(binary("floor_div", floor_div, {.low = 0.1, .high = 0.4}, {.low = 0.5, .high = 1}));
  ops.sample(unary("neg", operator-));
  ops.sample(binary("pow", pow, {.low = 0.3, .high = 2}));
  ops.sample(unary("sqr", sqr));
  ops.sample(unary("reciprocal", reciprocal, 0.3, 2));
  ops.sample(unary("abs", abs, 0.1, 2));
}

}  // namespace damo
