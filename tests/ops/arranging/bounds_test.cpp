// What has no place, no size or no dtype to be put in.
#include <cmath>
#include <functional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/arranging/choosing.hpp>
#include <damo/ops/arranging/grids.hpp>
#include <damo/ops/arranging/pad.hpp>
#include <damo/ops/arranging/turns.hpp>
#include <damo/ops/elementwise/math.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

Var integers(const std::vector<std::int64_t>& values) { return constant(Array::from(values)); }

/// The error of a build or a run names the line.
template <class E>
std::string refused(const std::function<Var()>& make, const Bindings& at = {}) {
  std::string text = error_of<E>([&] { evaluate(make(), at); });
  CHECK(contains(text, "bounds_test.cpp:"));
  return text;
}

}  // namespace

TEST_CASE("flip: an axis that is not there is an error with the line") {
  const Var x = dmatrix("x");
  for (const int axis : {2, -3})
    CHECK(contains(refused<ShapeError>([&] { return flip(x, axis); }), "flip"));
  refused<ShapeError>([&] { return fliplr(dvector("v")); });
  refused<ShapeError>([&] { return flip(x, {0, 0}); });
}

TEST_CASE("linspace and its kin: a negative number of points is an error") {
  const Var n = lscalar("n");
  const Bindings at{{n, Array::scalar<std::int64_t>(-1)}};
  for (const auto& space : std::vector<std::function<Var(const Arg&)>>{
           [](const Arg& k) { return linspace(0, 1, k); },
           [](const Arg& k) { return logspace(0, 1, k); },
           [](const Arg& k) { return geomspace(1, 2, k); }}) {
    refused<ShapeError>([&] { return space(-1); });
    refused<ShapeError>([&] { return space(n); }, at);
    refused<TypeError>([&] { return space(constant(test::number(2.5))); });
    CHECK(evaluate(space(n), Bindings{{n, Array::scalar<std::int64_t>(3)}}).shape() == Shape{3});
  }
  refused<TypeError>([&] { return tri(3, constant(test::number(2.5))); });
}

TEST_CASE("geomspace: reaches from the smallest to the largest number of the dtype") {
  for (const DType dtype : {float32, float64}) {
    const double end = dtype == float32 ? 1e36 : 1e300;
    for (const double sign : {1.0, -1.0}) {
      const Var first = cast(constant(test::number(sign / end)), dtype);
      const Var last = cast(constant(test::number(sign * end)), dtype);
      const Array up = evaluate(geomspace(first, last, 7)).cast(float64);
      const Array down = evaluate(geomspace(last, first, 7)).cast(float64);
      for (int i = 0; i < 7; ++i) {
        const double truth = sign * std::pow(end, i / 3.0 - 1);
        CHECK(up.data<double>()[i] == doctest::Approx(truth).epsilon(1e-5));
        CHECK(down.data<double>()[6 - i] == doctest::Approx(truth).epsilon(1e-5));
      }
    }
  }
  const Array none = evaluate(geomspace(0, constant(test::number(8)), 4));
  CHECK(std::isnan(none.data<double>()[1]));
}

TEST_CASE("pad: a float does not go around integers") {
  const Var x = lvector("x"), half = constant(test::number(0.5));
  refused<TypeError>([&] { return pad(x, 1, {.value = half}); });
  check_close(evaluate(pad(x, 1, {.value = constant(Array::scalar(true))}),
                       Bindings{{x, Array::from<std::int64_t>({5})}}),
              test::vector({1, 5, 1}), 0);
}

TEST_CASE("ravel_multi_index: an axis without elements has no position, clipped or wrapped") {
  for (const Outside outside : {Outside::raise, Outside::clip, Outside::wrap}) {
    refused<ShapeError>([&] {
      return ravel_multi_index({integers({0}), integers({1})}, {0, 3}, outside);
    });
    const Var n = lscalar("n");
    const auto flat = [&] { return ravel_multi_index({integers({1, 0})}, {n}, outside); };
    refused<ShapeError>(flat, {{n, Array::scalar<std::int64_t>(0)}});
    check_close(evaluate(flat(), Bindings{{n, Array::scalar<std::int64_t>(2)}}),
                test::vector({1, 0}), 0);
  }
}
