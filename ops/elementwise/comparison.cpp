#include <damo/ops/elementwise/define.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/samples.hpp>

namespace damo {
namespace {

using Types = ScalarOp::Types;

DAMO_SCALAR(Less, (T a, T b), a < b);
DAMO_SCALAR(LessEqual, (T a, T b), a <= b);
DAMO_SCALAR(Greater, (T a, T b), a > b);
DAMO_SCALAR(GreaterEqual, (T a, T b), a >= b);
DAMO_SCALAR(Equal, (T a, T b), a == b);
DAMO_SCALAR(NotEqual, (T a, T b), a != b);
DAMO_SCALAR(IsNan, (T a), a != a);
DAMO_SCALAR(IsInf, (T a), a - a != a - a && a == a);
DAMO_SCALAR(And, (T a, T b), static_cast<T>(a& b));
DAMO_SCALAR(Or, (T a, T b), static_cast<T>(a | b));
DAMO_SCALAR(Xor, (T a, T b), static_cast<T>(a ^ b));
DAMO_SCALAR(Not, (T a), !a);

struct Never {
  DAMO_INLINE bool operator()(auto) const { return false; }
};
struct Select {
  template <class T>
  DAMO_INLINE T operator()(bool c, T a, T b) const {
    return c ? a : b;
  }
  /// By its bits, which vectorises.
  DAMO_INLINE bool operator()(bool c, bool a, bool b) const {
    return static_cast<bool>((c & a) | (!c & b));
  }
};

Vars zeros(std::size_t n) {
  // NOLINTNEXTLINE(modernize-return-braced-init-list): braces would make a list of two
  return Vars(n, Arg(0.0).var());
}
Vars flat_two(const Vars&, const Var&, const Var&) { return zeros(2); }
Vars flat_one(const Vars&, const Var&, const Var&) { return zeros(1); }

template <class F>
ScalarLoops bool_loops_2() {
  return {{make_loops<F, bool, bool, bool>()}};
}
template <class F>
ScalarLoops float_test_loops() {
  return {{make_loops<Never, bool, bool>(), make_loops<Never, bool, std::int64_t>(),
           make_loops<F, bool, float>(), make_loops<F, bool, double>()},
          wide<F, 1>()};
}
ScalarLoops select_loops() {
  return {{make_loops<Select, bool, bool, bool, bool>(),
           make_loops<Select, std::int64_t, bool, std::int64_t, std::int64_t>(),
           make_loops<Select, float, bool, float, float>(),
           make_loops<Select, double, bool, double, double>()},
          &wide_function<Select, bool, long double, long double>};
}

template <class F>
std::shared_ptr<const Op> comparison(const char* name, std::string_view symbol, bool commutative) {
  const int precedence = symbol.empty() ? 100 : 40;
  return define({.name = name,
                 .arity = 2,
                 .types = Types::predicate,
                 .loops = predicate_loops<F>(),
                 .gradient = flat_two,
                 .slope = Slope::constant,
                 .symbol = std::string(symbol),
                 .precedence = precedence,
                 .commutative = commutative});
}
template <class F>
std::shared_ptr<const Op> logical(const char* name) {
  return define({.name = name,
                 .arity = 2,
                 .types = Types::logical,
                 .loops = bool_loops_2<F>(),
                 .gradient = flat_two,
                 .slope = Slope::constant,
                 .commutative = true});
}

}  // namespace

Comparison operator<(const Arg& a, const Arg& b) {
  static const auto op = comparison<Less>("less", "<", false);
  return Comparison(elementwise(op, {a, b}));
}
Comparison operator<=(const Arg& a, const Arg& b) {
  static const auto op = comparison<LessEqual>("less_equal", "<=", false);
  return Comparison(elementwise(op, {a, b}));
}
Comparison operator>(const Arg& a, const Arg& b) {
  static const auto op = comparison<Greater>("greater", ">", false);
  return Comparison(elementwise(op, {a, b}));
}
Comparison operator>=(const Arg& a, const Arg& b) {
  static const auto op = comparison<GreaterEqual>("greater_equal", ">=", false);
  return Comparison(elementwise(op, {a, b}));
}
Var eq(const Arg& a, const Arg& b) {
  static const auto op = comparison<Equal>("eq", "", true);
  return elementwise(op, {a, b});
}
Var neq(const Arg& a, const Arg& b) {
  static const auto op = comparison<NotEqual>("neq", "", true);
  return elementwise(op, {a, b});
}
Var and_(const Arg& a, const Arg& b) {
  static const auto op = logical<And>("and_");
  return elementwise(op, {a, b});
}
Var or_(const Arg& a, const Arg& b) {
  static const auto op = logical<Or>("or_");
  return elementwise(op, {a, b});
}
Var xor_(const Arg& a, const Arg& b) {
  static const auto op = logical<Xor>("xor_");
  return elementwise(op, {a, b});
}
Var not_(const Arg& a) {
  static const auto op = define({.name = "not_",
                                 .arity = 1,
                                 .types = Types::logical,
                                 .loops = {{make_loops<Not, bool, bool>()}},
                                 .gradient = flat_one,
                                 .slope = Slope::constant});
  return elementwise(op, {a});
}
Var isnan(const Arg& x) {
  static const auto op = define({.name = "isnan",
                                 .arity = 1,
                                 .types = Types::predicate,
                                 .loops = float_test_loops<IsNan>(),
                                 .gradient = flat_one,
                                 .slope = Slope::constant});
  return elementwise(op, {x});
}
Var isinf(const Arg& x) {
  static const auto op = define({.name = "isinf",
                                 .arity = 1,
                                 .types = Types::predicate,
                                 .loops = float_test_loops<IsInf>(),
                                 .gradient = flat_one,
                                 .slope = Slope::constant});
  return elementwise(op, {x});
}

Var where(const Arg& cond, const Arg& a, const Arg& b) {
  static const auto op =
      define({.name = "where",
              .arity = 3,
              .types = Types::select,
              .loops = select_loops(),
              .gradient = [](const Vars& x, const Var&, const Var& g) -> Vars {
                return {Arg(0.0).var(), where(x[0], g, 0.0), where(x[0], 0.0, g)};
              },
              .slope = Slope::constant,
              .counts = [](const Vars& x) -> Vars {
                return {Var{}, x[0], negation(x[0])};
              },
              .picks = true,
              .fact = [](const Apply& node, std::span<const Fact> x) -> Fact {
                Fact f = common_fact(x[1], x[2]);
                if (!is_elementwise(node.input(0), "isnan") ||
                    !same(node.input(0).inputs()[0], node.input(1)))
                  return f;
                // A NaN that is handed on says nothing against signs.
                f.nonnegative = x[2].nonnegative;
                f.positive = x[2].positive;
                f.at_most_one = x[2].at_most_one;
                return f;
              },
              .origin = {1, 3, Origin::Way::same_place}});
  return elementwise(op, {cond, a, b});
}

DAMO_OPS(comparison) {
  using namespace samples;
  ops.sample(samples::comparison("lt", [](const Arg& a, const Arg& b) -> Var { return a < b; }));
  ops.sample(samples::comparison("le", [](const Arg& a, const Arg& b) -> Var { return a <= b; }));
  ops.sample(samples::comparison("gt", [](const Arg& a, const Arg& b) -> Var { return a > b; }));
  ops.sample(samples::comparison("ge", [](const Arg& a, const Arg& b) -> Var { return a >= b; }));
  ops.sample(samples::comparison("eq", eq));
  ops.sample(samples::comparison("neq", neq));
  ops.sample(samples::comparison("and_", and_, DType::boolean));
  ops.sample(samples::comparison("or_", or_, DType::boolean));
  ops.sample(samples::comparison("xor_", xor_, DType::boolean));
  ops.sample(step("not_", not_, {.dtype = DType::boolean}));
  ops.sample(step("isnan", isnan));
  ops.sample(step("isinf", isinf));
  ops.sample(elementwise("where",
                         {{.dims = "mn", .dtype = DType::boolean}, {.dims = "1n"}, {.dims = "m1"}},
                         [](const Vars& in) { return where(in[0], in[1], in[2]); }));
}

}  // namespace damo
