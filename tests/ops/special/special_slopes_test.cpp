#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/extended_math.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/scaled_math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/special/special_functions.hpp>
#include "tests/support/tabulated.hpp"
#include "tests/support/values.hpp"

using namespace damo;

namespace {

const std::vector<test::Tabulated> table{
#include "tests/ops/special/special_slopes_table.inc"
};

using One = Var (*)(const Arg&);

/// A function and its first derivatives, by the names that the table gives them.
void add(test::Functions& all, const std::string& name, One f, int orders) {
  for (int order = 0; order <= orders; ++order) {
    all[order == 0 ? name : name + " " + std::to_string(order)] = [f, order](const Vars& x) {
      Var y = f(x[0]);
      for (int i = 0; i < order; ++i) y = grad(y, x[0]);
      return y;
    };
  }
}

/// Slopes in the variables that `of` names, one after the other.
void add_slopes(test::Functions& all, const std::string& name, Var (*f)(const Arg&, const Arg&),
                const std::vector<std::string>& of) {
  for (const std::string& slopes : of) {
    all[name + " " + slopes] = [f, slopes](const Vars& x) {
      Var y = f(x[0], x[1]);
      for (const char c : slopes) y = grad(y, x[c == 'a' ? 0 : 1]);
      return y;
    };
  }
}

test::Functions tabulated() {
  test::Functions all;
  add(all, "erfcx", erfcx, 3);
  add(all, "log_ndtr", log_ndtr, 2);
  add(all, "log_erfc", log_erfc, 2);
  add(all, "log1mexp", log1mexp, 2);
  add(all, "arcsin", arcsin, 2);
  add(all, "arccos", arccos, 2);
  add(all, "arctanh", arctanh, 2);
  add(all, "j1", damo::j1, 3);
  add(all, "i1", i1, 3);
  add(all, "trigamma", trigamma, 2);
  all["i0"] = [](const Vars& x) { return i0(x[0]); };
  all["polygamma"] = [](const Vars& x) { return polygamma(x[0], x[1]); };
  all["betaln"] = [](const Vars& x) { return betaln(x[0], x[1]); };
  add_slopes(all, "betaln", betaln, {"a", "b", "aa", "ab", "aaa"});
  all["betainc"] = [](const Vars& x) { return betainc(x[0], x[1], x[2]); };
  return all;
}

}  // namespace

TEST_CASE("special functions: derivatives keep their digits in tails and next to poles") {
  test::check_tabulated(table, tabulated(), 200);
}

TEST_CASE("atan2: its slopes are right where squares leave the range") {
  for (const DType dtype : {float32, float64}) {
    const double big = dtype == float32 ? 1e30 : 1e300;
    const Var y = scalar("y", dtype), x = scalar("x", dtype);
    for (const double scale : {big, 1.0, 1 / big}) {
      CAPTURE(scale);
      const std::vector<std::pair<Var, Array>> at{{y, Array::scalar(3 * scale).cast(dtype)},
                                                  {x, Array::scalar(-4 * scale).cast(dtype)}};
      const auto slope = [&](const Var& v) {
        return evaluate(grad(atan2(y, x), v), at).cast(float64).item<double>() * scale;
      };
      CHECK(slope(y) == doctest::Approx(-4.0 / 25).epsilon(1e-6));
      CHECK(slope(x) == doctest::Approx(-3.0 / 25).epsilon(1e-6));
    }
  }
}
