#include <algorithm>

#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>

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
  DAMO_INLINE bool operator()(bool a, bool b) const { return static_cast<bool>(a | b); }
};
struct MinBool {
  DAMO_INLINE bool operator()(bool a, bool b) const { return static_cast<bool>(a & b); }
};

template <class To>
struct Convert {
  template <class From>
  DAMO_INLINE To operator()(From x) const {
    return converted<To>(x);
  }
  /// As a choice, which vectorises.
  DAMO_INLINE To operator()(bool x) const { return x ? To{1} : To{0}; }
};

/// The nearest integer in some direction lies on the same side of 0 and 1.
Fact fact_of_rounded(const Fact& x) {
  return {.nonnegative = x.nonnegative,
          .at_most_one = x.at_most_one,
          .integer = true,
          .finite = x.finite};
}
Fact fact_of_sign(const Fact& x) {
  return {.nonnegative = x.nonnegative,
          .positive = x.positive,
          .at_most_one = true,
          .integer = true,
          .finite = x.finite};
}
/// Of a number in another dtype: what is too large for float32 becomes infinite, what is no number
/// or too large for int64 the smallest of all, and what is too large for less anything.
template <class To>
Fact fact_of_converted(const Apply& node, std::span<const Fact> in) {
  if constexpr (std::is_same_v<To, bool>) return zero_or_one;
  constexpr DType to = stored_as<To>();
  Fact x = in[0];
  const DType from = node.input(0).dtype();
  const bool small = x.finite && x.nonnegative && x.at_most_one;
  if (std::is_same_v<To, float> && from == DType::float64) x.finite = small;
  if (is_float(to) || holds_all(to, from)) return x;
  if (is_for_storage(to) && !small) return {.integer = true};
  if (!is_float(from)) return x;
  Fact whole = x.integer ? x : fact_of_rounded(x);
  whole.nonnegative = whole.nonnegative && small;
  whole.positive = whole.positive && small;
  return whole;
}

/// A bound that is NaN bounds nothing.
Fact fact_of_clip(const Apply&, std::span<const Fact> x) {
  const Fact raised = x[1].finite ? fact_of_maximum(x[0], x[1]) : common_fact(x[0], x[1]);
  return x[2].finite ? fact_of_minimum(raised, x[2]) : common_fact(raised, x[2]);
}

template <class To>
std::shared_ptr<const Op> converter() {
  return define(
      {.name = "cast",
       .arity = 1,
       .types = Types::convert,
       .loops = {{make_loops<Convert<To>, To, bool>(), make_loops<Convert<To>, To, std::int64_t>(),
                  make_loops<Convert<To>, To, float>(), make_loops<Convert<To>, To, double>(),
                  make_loops<Convert<To>, To, std::uint8_t>(),
                  make_loops<Convert<To>, To, std::int32_t>()},
                 wide<Convert<To>, 1>()},
       .gradient = [](const Vars&, const Var&, const Var& g) -> Vars {
         if constexpr (std::is_floating_point_v<To>) return {g};
         return {Arg(0.0).var()};
       },
       .slope = Slope::constant,
       .fact = fact_of_converted<To>,
       .to = stored_as<To>()});
}

std::shared_ptr<const Op> flat_unary(std::string name, const ScalarLoops& loops, Types types,
                                     Fact (*fact)(const Fact&) = fact_of_rounded) {
  return define(
      {.name = std::move(name),
       .arity = 1,
       .types = types,
       .loops = loops,
       .gradient = [](const Vars&, const Var&, const Var&) -> Vars { return {Arg(0.0).var()}; },
       .slope = Slope::constant,
       .fact = fact_of(fact)});
}

template <class F, class B>
ScalarLoops extremum_loops() {
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
  static const auto op = flat_unary("sign", numeric_loops<Sign, 1>(), Types::numeric, fact_of_sign);
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
                                 .picks = true,
                                 .fact = fact_of([](const Fact& x) -> Fact {
                                   return {.nonnegative = true,
                                           .positive = x.positive,
                                           .at_most_one = x.at_most_one,
                                           .integer = x.integer,
                                           .finite = x.finite};
                                 })});
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
              .fact = [](const Apply&, std::span<const Fact> x) -> Fact {
                return fact_of_maximum(x[0], x[1]);
              },
              .origin = {0, 2, Origin::Way::by_value},
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
              .fact = [](const Apply&, std::span<const Fact> x) -> Fact {
                return fact_of_minimum(x[0], x[1]);
              },
              .origin = {0, 2, Origin::Way::by_value},
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
              .picks = true,
              .fact = fact_of_clip,
              .origin = {0, 3, Origin::Way::by_value}});
  return elementwise(op, {x, low, high});
}

Var cast(const Arg& x, DType dtype) {
  static const std::array<std::shared_ptr<const Op>, 6> ops = {
      converter<bool>(),         converter<std::uint8_t>(), converter<std::int32_t>(),
      converter<std::int64_t>(), converter<float>(),        converter<double>()};
  if (x.is_literal()) return x.var(dtype);
  if (x.dtype() == dtype) return x.var();
  return elementwise(ops[static_cast<std::size_t>(dtype)], {x});
}

Var Var::astype(DType dtype, Site site) const {
  return cast(Arg(*this, site.file, site.line), dtype);
}
Var Var::clip(const Arg& low, const Arg& high, Site site) const {
  return damo::clip(Arg(*this, site.file, site.line), low, high);
}
Var Var::round(Site site) const { return damo::round(Arg(*this, site.file, site.line)); }

DAMO_OPS(rounding) {
  using namespace samples;
  ops.sample(step("floor", floor));
  ops.sample(step("ceil", ceil));
  ops.sample(step("trunc", trunc));
  ops.sample(step("round", round));
  ops.sample(step("sign", sign));
  ops.sample(unary("relu", relu, 0.1, 2));
  ops.sample(binary("maximum", maximum, {.low = -2, .high = -0.1}, {.low = 0.1, .high = 2}));
  ops.sample(binary("minimum", minimum, {.low = -2, .high = -0.1}, {.low = 0.1, .high = 2}));
  ops.sample(elementwise(
      "clip",
      {{.dims = "mn"}, {.dims = "", .low = -5, .high = -3}, {.dims = "", .low = 3, .high = 5}},
      [](const Vars& in) { return clip(in[0], in[1], in[2]); }));
  for (const DType to : all_dtypes) ops.sample(conversion(to));
}

}  // namespace damo
