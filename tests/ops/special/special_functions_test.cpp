#include <cmath>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/extended_math.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/special/special_functions.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/tabulated.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::error_of;

namespace {

const std::vector<test::Tabulated> table{
#include "tests/ops/special/special_functions_table.inc"
};

using One = Var (*)(const Arg&);
using Two = Var (*)(const Arg&, const Arg&);
std::function<Var(const Vars&)> one(One f) {
  return [f](const Vars& x) { return f(x[0]); };
}
std::function<Var(const Vars&)> two(Two f) {
  return [f](const Vars& x) { return f(x[0], x[1]); };
}

/// A function's slope in its parameter k.
std::function<Var(const Vars&)> in(std::size_t k, std::function<Var(const Vars&)> f) {
  return [k, f = std::move(f)](const Vars& x) { return grad(sum(f(x)), x[k]); };
}
const auto betainc_of = [](const Vars& x) { return betainc(x[0], x[1], x[2]); };

const test::Functions functions{{"arcsinh", one(arcsinh)},
                                {"arccosh", one(arccosh)},
                                {"arctanh", one(arctanh)},
                                {"exp2", one(exp2)},
                                {"hypot", two(hypot)},
                                {"xlog1py", two(xlog1py)},
                                {"erfinv", one(erfinv)},
                                {"erfcinv", one(erfcinv)},
                                {"gamma", one(damo::gamma)},
                                {"betaln", two(betaln)},
                                {"gammainc", two(gammainc)},
                                {"gammaincc", two(gammaincc)},
                                {"betainc", betainc_of},
                                {"j0", one(damo::j0)},
                                {"j1", one(damo::j1)},
                                {"i0", one(i0)},
                                {"i1", one(i1)},
                                {"ive", two(ive)}};

/// Integrated, in part: some digits fewer.
const test::Functions slopes{{"gammainc in a", in(0, two(gammainc))},
                             {"gammaincc in a", in(0, two(gammaincc))},
                             {"gammainc in a and x", in(1, in(0, two(gammainc)))},
                             {"betainc in a", in(0, betainc_of)},
                             {"betainc in b", in(1, betainc_of)}};

std::vector<test::Tabulated> rows_of(const test::Functions& functions) {
  std::vector<test::Tabulated> rows;
  for (const test::Tabulated& row : table) {
    if (functions.contains(row.function)) rows.push_back(row);
  }
  return rows;
}

double at(const Var& v) { return evaluate(v).item<double>(); }
Var number(double x) { return constant(Array::scalar(x)); }

}  // namespace

TEST_CASE("special functions: have the tabulated values") {
  test::check_tabulated(rows_of(functions), functions, 100);
  test::check_tabulated(rows_of(slopes), slopes, 20000);
  CHECK(rows_of(functions).size() + rows_of(slopes).size() == table.size());
}

TEST_CASE("special functions: the parts of large distributions have the values of their limits") {
  // A gamma distribution of shape a at a: 1/2 + 1 / (3 sqrt(2 pi a)) (Temme 1979).
  for (const double a : {1e7, 1e9, 1e13}) {
    CAPTURE(a);
    const double part = 0.5 + 1 / (3 * std::sqrt(2 * M_PI * a));
    CHECK(std::abs(at(gammainc(number(a), number(a))) - part) < 1e-13);
    CHECK(std::abs(at(gammaincc(number(a), number(a))) - (1 - part)) < 1e-13);
  }
  // Where two ways of computing meet, both agree.
  for (const double way : {-4.0, -1.0, 0.5, 3.0}) {
    const double below = at(gammainc(number(1e6), number(1e6 + way * 1e3)));
    const double next = std::nextafter(1e6, 2e6);
    const double above = at(gammainc(number(next), number(next + way * 1e3)));
    CHECK(std::abs(below - above) < 1e-12 * below);
  }
  CHECK(std::abs(at(betainc(number(1e6), number(1e6), number(0.5))) - 0.5) < 1e-12);
}

TEST_CASE("special functions: inverses give back what they were made of") {
  for (const double x : {-5.0, -2.5, -0.7, 1e-7, 0.3, 0.48, 1.1, 3.9}) {
    CAPTURE(x);
    CHECK(std::abs(at(erfinv(erf(number(x)))) - x) < 2e-16 * std::exp(x * x) + 1e-15);
  }
  for (const double x : {0.6, 2.0, 5.5, 12.0, 24.0, 26.0}) {
    CAPTURE(x);
    CHECK(std::abs(at(erfcinv(erfc(number(x)))) - x) < 1e-14 * x);
  }
}

TEST_CASE("special functions: derivatives reach where values are next to a limit") {
  const Var x = dscalar("x");
  const auto slope = [&](const Var& f, double at) {
    const std::vector<std::pair<Var, Array>> binding{{x, Array::scalar(at)}};
    return evaluate(grad(f, x), binding).item<double>();
  };
  CHECK(slope(damo::j1(x), 0) == 0.5);
  CHECK(slope(i1(x), 0) == 0.5);
  CHECK(slope(ive(0, x), 30) == doctest::Approx(-0.00122961588).epsilon(1e-6));
  CHECK(slope(arcsinh(x), 1e200) == doctest::Approx(1e-200));
  CHECK(slope(hypot(x, 0.0), 0) == 0);
  CHECK(slope(gammainc(1e6, x), 1e6) ==
        doctest::Approx(1 / std::sqrt(2 * M_PI * 1e6)).epsilon(1e-6));
}

TEST_CASE("special functions: the parameters of incomplete functions have derivatives") {
  const VerifyGradOptions with_tangents{.forward_mode = true};
  const Array a = Array::from<double>({0.5, 2, 7});
  const Array b = Array::from<double>({1.5, 0.7, 3});
  const Array x = Array::from<double>({0.3, 0.6, 0.8});
  CHECK_NOTHROW(verify_grad([](const Var& s, const Var& t) { return gammainc(s, t); }, {a, b},
                            with_tangents));
  CHECK_NOTHROW(verify_grad([](const Var& s, const Var& t) { return gammaincc(s, t); }, {a, b},
                            with_tangents));
  CHECK_NOTHROW(
      verify_grad([](const Var& s, const Var& t, const Var& u) { return betainc(s, t, u); },
                  {a, b, x}, with_tangents));
}

TEST_CASE("special functions: a second derivative in a parameter is an error that says so") {
  const Var a = dscalar("a"), b = dscalar("b"), x = dscalar("x");
  for (const Var& f : {gammainc(a, x), gammaincc(a, x), betainc(a, b, x)}) {
    const std::string text = error_of<GradError>([&] { grad(grad(f, a), a); });
    CHECK(test::contains(text, "no second derivative"));
    CHECK(test::contains(text, "special_functions_test.cpp:"));
    error_of<GradError>([&] { Rop(grad(f, a), a, constant(test::number(1))); });
    CHECK_NOTHROW(grad(grad(f, a), x));
    CHECK_NOTHROW(grad(grad(f, x), a));
    CHECK_NOTHROW(grad(grad(grad(f, x), x), x));
  }
  error_of<GradError>([&] { grad(grad(betainc(a, b, x), a), b); });
}

TEST_CASE("special functions: where there is no density, parts have no slopes in parameters") {
  const Var a = dscalar("a"), b = dscalar("b"), x = dscalar("x");
  const auto at = [&](const Var& v, double point) {
    const std::vector<std::pair<Var, Array>> values{
        {a, test::number(2.5)}, {b, test::number(3)}, {x, test::number(point)}};
    return evaluate(v, values).item<double>();
  };
  for (const double end : {0.0, HUGE_VAL}) {
    CHECK(at(grad(gammainc(a, x), a), end) == 0);
    CHECK(at(grad(grad(gammainc(a, x), a), x), end) == 0);
    CHECK(at(grad(grad(gammainc(a, x), x), a), end) == 0);
  }
  for (const double end : {0.0, 1.0}) {
    CHECK(at(grad(betainc(a, b, x), a), end) == 0);
    CHECK(at(grad(betainc(a, b, x), b), end) == 0);
    CHECK(at(grad(grad(betainc(a, b, x), a), x), end) == 0);
    CHECK(at(grad(grad(betainc(a, b, x), x), b), end) == 0);
  }
}

TEST_CASE("special functions: fused and rewritten they are the same") {
  for (const auto& [name, f] : functions) {
    CAPTURE(name);
    const Var a = dvector("a");
    const Var b = dvector("b");
    const Var c = dvector("c");
    const Var v = f({a, b, c});
    const std::vector<std::pair<Var, Array>> values{{a, test::vector({0.3, 1.5, 0.9})},
                                                    {b, test::vector({0.4, 2.5, 0.2})},
                                                    {c, test::vector({0.1, 0.7, 0.95})}};
    check_close(evaluate(test::rewritten(v), values), evaluate(v, values), 1e-14);
  }
}

TEST_CASE("ive and polygamma: a derivative in the order is an error, both ways") {
  using Function = Var (*)(const Arg&, const Arg&);
  for (const Function f : {Function{ive}, Function{polygamma}}) {
    const Var n = dscalar("n"), x = dscalar("x");
    const Var y = f(n, x);
    error_of<GradError>([&] { grad(y, n); });
    error_of<GradError>([&] { Rop(y, n, constant(test::number(1))); });
    error_of<GradError>([&] { grad(grad(y, x), n); });
    CHECK_NOTHROW(grad(grad(y, x), x));
    const Var k = lscalar("k");
    CHECK_NOTHROW(grad(f(k, x), x));
    const std::vector<std::pair<Var, Array>> at{{k, Array::scalar<std::int64_t>(1)},
                                                {x, test::number(2)}};
    CHECK(evaluate(Rop(f(k, x), x, constant(test::number(0))), at).item<double>() == 0);
  }
}
