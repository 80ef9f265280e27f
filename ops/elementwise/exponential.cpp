#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>

namespace damo {
namespace {

using Types = ScalarOp::Types;

DAMO_SCALAR(Exp, (T x), math::exp(x));
DAMO_SCALAR(Expm1, (T x), math::expm1(x));
DAMO_SCALAR(Log, (T x), math::log(x));
DAMO_SCALAR(Log1p, (T x), math::log1p(x));
DAMO_SCALAR(Log2, (T x), math::log2(x));
DAMO_SCALAR(Log10, (T x), math::log10(x));
DAMO_SCALAR(Log1mexp, (T x), math::log1mexp(x));
DAMO_SCALAR(Sqrt, (T x), math::sqrt(x));
DAMO_SCALAR(Tanh, (T x), math::tanh(x));
DAMO_SCALAR(Sigmoid, (T x), math::sigmoid(x));
DAMO_SCALAR(Softplus, (T x), math::softplus(x));
DAMO_SCALAR(Xlogx, (T x), math::xlogx(x));
DAMO_SCALAR(Xlogy0, (T x, T y), math::xlogy0(x, y));

// max + log(1 + e^-|a - b|); equal infinities have no difference, and are their own sum.
struct Logaddexp {
  template <class T>
  DAMO_INLINE T operator()(T a, T b) const {
    const T high = a > b ? a : b;
    const T gap = a == b ? T{0} : -math::abs(a - b);
    return high + math::softplus(gap);
  }
};

}  // namespace

Var exp(const Arg& x) {
  static const auto op = real_unary(
      "exp", real_loops<Exp, 1>(),
      [](const Vars&, const Var& y, const Var& g) -> Vars { return {g * y}; },
      always({.nonnegative = true, .positive = true}));
  return elementwise(op, {x});
}
Var expm1(const Arg& x) {
  static const auto op = real_unary(
      "expm1", real_loops<Expm1, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * exp(in[0])}; },
      fact_of(of_same_sign));
  return elementwise(op, {x});
}
Var log(const Arg& x) {
  static const auto op =
      real_unary("log", real_loops<Log, 1>(),
                 [](const Vars& in, const Var&, const Var& g) -> Vars { return {g / in[0]}; });
  return elementwise(op, {x});
}
Var log1p(const Arg& x) {
  static const auto op = real_unary(
      "log1p", real_loops<Log1p, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g / (1 + in[0])}; },
      fact_of(of_same_sign));
  return elementwise(op, {x});
}
Var log2(const Arg& x) {
  static const auto op = real_unary("log2", real_loops<Log2, 1>(),
                                    [](const Vars& in, const Var&, const Var& g) -> Vars {
                                      return {g * 1.44269504088896340736 / in[0]};
                                    });
  return elementwise(op, {x});
}
Var log10(const Arg& x) {
  static const auto op = real_unary("log10", real_loops<Log10, 1>(),
                                    [](const Vars& in, const Var&, const Var& g) -> Vars {
                                      return {g * 0.43429448190325182765 / in[0]};
                                    });
  return elementwise(op, {x});
}
Var log1mexp(const Arg& x) {
  static const auto op = real_unary("log1mexp", real_loops<Log1mexp, 1>(),
                                    // At +0 as at -0: the function falls to -inf there.
                                    [](const Vars& in, const Var&, const Var& g) -> Vars {
                                      return {-(g * exp(in[0]) / abs(expm1(in[0])))};
                                    });
  return elementwise(op, {x});
}
Var logaddexp(const Arg& a, const Arg& b) {
  static const auto op = define({.name = "logaddexp",
                                 .arity = 2,
                                 .types = Types::real,
                                 .loops = real_loops<Logaddexp, 2>(),
                                 .gradient = [](const Vars& x, const Var&, const Var& g) -> Vars {
                                   return {g * sigmoid(x[0] - x[1]), g * sigmoid(x[1] - x[0])};
                                 },
                                 .slope = Slope::tame,
                                 .commutative = true});
  return elementwise(op, {a, b});
}
Var sqrt(const Arg& x) {
  static const auto op = real_unary(
      "sqrt", real_loops<Sqrt, 1>(),
      [](const Vars&, const Var& y, const Var& g) -> Vars { return {g * 0.5 / y}; },
      fact_of(of_same_sign));
  return elementwise(op, {x});
}
Var tanh(const Arg& x) {
  static const auto op = real_unary(
      "tanh", real_loops<Tanh, 1>(),
      [](const Vars&, const Var& y, const Var& g) -> Vars { return {g * (1 - sqr(y))}; },
      Slope::tame, fact_of([](const Fact& x) -> Fact {
        return {.nonnegative = x.nonnegative,
                .positive = x.positive,
                .at_most_one = true,
                .finite = x.finite};
      }));
  return elementwise(op, {x});
}
Var sigmoid(const Arg& x) {
  // sigmoid(x) sigmoid(-x), not y (1 - y): the latter is 0 from x = 17 on in float32.
  static const auto op = real_unary(
      "sigmoid", real_loops<Sigmoid, 1>(),
      [](const Vars& in, const Var& y, const Var& g) -> Vars { return {g * y * sigmoid(-in[0])}; },
      Slope::tame, fact_of([](const Fact& x) -> Fact {
        return {.nonnegative = true, .positive = true, .at_most_one = true, .finite = x.finite};
      }));
  return elementwise(op, {x});
}
Var softplus(const Arg& x) {
  static const auto op = real_unary(
      "softplus", real_loops<Softplus, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * sigmoid(in[0])}; },
      Slope::tame, always({.nonnegative = true, .positive = true}));
  return elementwise(op, {x});
}
Var xlogx(const Arg& x) {
  static const auto op = real_unary(
      "xlogx", real_loops<Xlogx, 1>(),
      [](const Vars& in, const Var&, const Var& g) -> Vars { return {g * (1 + log(in[0]))}; });
  return elementwise(op, {x});
}
Var xlogy0(const Arg& x, const Arg& y) {
  static const auto op =
      define({.name = "xlogy0",
              .arity = 2,
              .types = Types::real,
              .loops = real_loops<Xlogy0, 2>(),
              .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                return {g * log(in[1]),
                        where(times_logarithm_counts(in[0], in[1]), g * in[0] / in[1], 0.0)};
              },
              .counts = [](const Vars& x) -> Vars {
                return {Var{}, times_logarithm_counts(x[0], x[1])};
              }});
  return elementwise(op, {x, y});
}

DAMO_OPS(exponential) {
  using namespace samples;
  ops.sample(unary("exp", exp));
  ops.sample(unary("expm1", expm1));
  ops.sample(unary("log", log, 0.3, 2));
  ops.sample(unary("log1p", log1p, -0.5, 2));
  ops.sample(unary("log2", log2, 0.3, 2));
  ops.sample(unary("log10", log10, 0.3, 2));
  ops.sample(unary("log1mexp", log1mexp, -2, -0.3));
  ops.sample(binary("logaddexp", logaddexp));
  ops.sample(unary("sqrt", sqrt, 0.3, 2));
  ops.sample(unary("tanh", tanh));
  ops.sample(unary("sigmoid", sigmoid));
  ops.sample(unary("softplus", softplus));
  ops.sample(unary("xlogx", xlogx, 0.3, 2));
  ops.sample(binary("xlogy0", xlogy0, {}, {.low = 0.3, .high = 2}));
}

}  // namespace damo
