#include <algorithm>

#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>

namespace damo {
namespace {

using Types = ScalarOp::Types;

DAMO_SCALAR(Floor, (T x), math::floor(x));
DAMO_SCALAR(Ceil, (T x), math::ceil(x));
DAMO_SCALAR(Trunc, (T x), math::trunc(x));
DAMO_SCALAR(Round, (T x), math::round(x));
DAMO_SCALAR(Relu, (T x), x < T(0) ? T(0) : x);
// A NaN fails every comparison, so it is asked for first; adding passes it on.
DAMO_SCALAR(Maximum, (T a, T b), ((a != a) | (b != b)) ? static_cast<T>(a + b) : (a > b ? a : b));
DAMO_SCALAR(Minimum, (T a, T b), ((a != a) | (b != b)) ? static_cast<T>(a + b) : (a < b ? a : b));

struct Sign {
  DAMO_INLINE std::int64_t operator()(std::int64_t x) const {
    return (x > 0 ? 1 : 0) - (x < 0 ? 1 : 0);
  }
  template <class T>
  DAMO_INLINE T operator()(T x) const {
    return math::sign(x);
  }
};
struct Clip {
  template <class T>
  DAMO_INLINE T operator()(T x, T low, T high) const {
    const T raised = x < low ? low : x;
    return raised > high ? high : raised;
  }
};
struct MaxBool {
  DAMO_INLINE bool operator()(bool a, bool b) const { return a || b; }
};
struct MinBool {
  DAMO_INLINE bool operator()(bool a, bool b) const { return a && b; }
};

template <class To>
struct Convert {
  template <class From>
  DAMO_INLINE To operator()(From x) const {
    if constexpr (std::is_same_v<To, bool>) return x != From(0);
    if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, std::int64_t>) {
      // Out of range and NaN are undefined in C++; here, as on x86, they become the smallest
      // integer.
      const bool fits = x >= From(-9223372036854775808.0) && x < From(9223372036854775808.0);
      return fits ? static_cast<To>(x) : std::numeric_limits<std::int64_t>::min();
    }
    return static_cast<To>(x);
  }
};

template <class To>
std::shared_ptr<const Op> converter() {
  return define(
      {.name = "cast",
       .arity = 1,
       .types = Types::convert,
       .loops = {make_loops<Convert<To>, To, bool>(), make_loops<Convert<To>, To, std::int64_t>(),
                 make_loops<Convert<To>, To, float>(), make_loops<Convert<To>, To, double>()},
       .gradient = [](const Vars&, const Var&, const Var& g) -> Vars {
         if constexpr (std::is_floating_point_v<To>) return {g};
         return {Arg(0.0).var()};
       },
       .slope = Slope::constant,
       .to = dtype_of<To>()});
}

std::shared_ptr<const Op> flat_unary(std::string name, std::array<LoopSet, 4> loops, Types types) {
  return define(
      {.name = std::move(name),
       .arity = 1,
       .types = types,
       .loops = loops,
       .gradient = [](const Vars&, const Var&, const Var&) -> Vars { return {Arg(0.0).var()}; },
       .slope = Slope::constant});
}

template <class F, class B>
std::array<LoopSet, 4> extremum_loops() {
  auto loops = numeric_loops<F, 2>();
  loops[0] = make_loops<B, bool, bool, bool>();
  return loops;
}

}  // namespace

Var floor(const Arg& x) {
  static const auto op = flat_unary("floor", real_loops<Floor, 1>(), Types::real);
  return elementwise(op, {x});
}
Var ceil(const Arg& x) {
  static const auto op = flat_unary("ceil", real_loops<Ceil, 1>(), Types::real);
  return elementwise(op, {x});
}
Var trunc(const Arg& x) {
  static const auto op = flat_unary("trunc", real_loops<Trunc, 1>(), Types::real);
  return elementwise(op, {x});
}
Var round(const Arg& x) {
  static const auto op = flat_unary("round", real_loops<Round, 1>(), Types::real);
  return elementwise(op, {x});
}
Var sign(const Arg& x) {
  static const auto op = flat_unary("sign", numeric_loops<Sign, 1>(), Types::numeric);
  return elementwise(op, {x});
}

Var relu(const Arg& x) {
  static const auto op = define({.name = "relu",
                                 .arity = 1,
                                 .types = Types::numeric,
                                 .loops = numeric_loops<Relu, 1>(),
                                 .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                                   return {where(in[0] > 0, g, 0.0)};
                                 },
                                 .slope = Slope::constant,
                                 .counts = [](const Vars& x) -> Vars { return {x[0] > 0}; },
                                 .picks = true});
  return elementwise(op, {x});
}

Var maximum(const Arg& a, const Arg& b) {
  // Where both are equal the gradient goes to the first, so that it is counted once.
  static const auto op =
      define({.name = "maximum",
              .arity = 2,
              .types = Types::any,
              .loops = extremum_loops<Maximum, MaxBool>(),
              .gradient = [](const Vars& x, const Var&, const Var& g) -> Vars {
                return {where(x[0] >= x[1], g, 0.0), where(x[0] >= x[1], 0.0, g)};
              },
              .slope = Slope::constant,
              .counts = [](const Vars& x) -> Vars {
                const Var first = x[0] >= x[1];
                return {first, not_(first)};
              },
              .picks = true,
              .commutative = true});
  return elementwise(op, {a, b});
}
Var minimum(const Arg& a, const Arg& b) {
  static const auto op =
      define({.name = "minimum",
              .arity = 2,
              .types = Types::any,
              .loops = extremum_loops<Minimum, MinBool>(),
              .gradient = [](const Vars& x, const Var&, const Var& g) -> Vars {
                return {where(x[0] <= x[1], g, 0.0), where(x[0] <= x[1], 0.0, g)};
              },
              .slope = Slope::constant,
              .counts = [](const Vars& x) -> Vars {
                const Var first = x[0] <= x[1];
                return {first, not_(first)};
              },
              .picks = true,
              .commutative = true});
  return elementwise(op, {a, b});
}

Var clip(const Arg& x, const Arg& low, const Arg& high) {
  static const auto op =
      define({.name = "clip",
              .arity = 3,
              .types = Types::numeric,
              .loops = numeric_loops<Clip, 3>(),
              .gradient = [](const Vars& in, const Var&, const Var& g) -> Vars {
                const Var below = in[0] < in[1];
                const Var above = in[0] > in[2];
                const Var crossed = and_(below, in[1] > in[2]);  // then the value is high
                return {where(or_(below, above), 0.0, g), where(and_(below, not_(crossed)), g, 0.0),
                        where(or_(above, crossed), g, 0.0)};
              },
              .slope = Slope::constant,
              .counts = [](const Vars& x) -> Vars {
                const Var below = x[0] < x[1];
                const Var above = x[0] > x[2];
                const Var crossed = and_(below, x[1] > x[2]);
                return {not_(or_(below, above)), and_(below, not_(crossed)), or_(above, crossed)};
              },
              .picks = true});
  return elementwise(op, {x, low, high});
}

Var cast(const Arg& x, DType dtype) {
  static const std::array<std::shared_ptr<const Op>, 4> ops = {
      converter<bool>(), converter<std::int64_t>(), converter<float>(), converter<double>()};
  if (x.is_literal()) return x.var(dtype);
  if (x.dtype() == dtype) return x.var();
  return elementwise(ops[static_cast<std::size_t>(dtype)], {x});
}

}  // namespace damo
