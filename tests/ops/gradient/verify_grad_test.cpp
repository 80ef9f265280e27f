#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

const Array point = test::array({2, 2}, {0.5, -1, 2, 3});

}  // namespace

TEST_CASE("verify_grad: accepts right gradients of one to four variables or a list") {
  verify_grad([](const Var& x) { return exp(x); }, {point});
  verify_grad([](const Var& x, const Var& y) { return x * y; }, {point, point});
  verify_grad([](const Var& x, const Var& y, const Var& z) { return dot(x, y) + z; },
              {point, point, point});
  verify_grad([](const Vars& x) { return x[0] / (2 + sqr(x[1])); }, {point, point},
              {.second_order = true, .forward_mode = true});
}

TEST_CASE("verify_grad: names the element whose derivative is wrong with both values") {
  const auto wrong = [](const Var& x) { return sqr(x) + 0.25 * zero_grad(x); };
  const std::string text =
      error_of<NumericError>([&] { verify_grad(wrong, {test::vector({1})}, {.projections = 1}); });
  CHECK(contains(text, "finite differences say"));
  const auto wrong_there = [](const Var& x) {
    const Array at = test::vector({0, 0, 1});
    return sqr(x) + constant(at) * zero_grad(x);
  };
  const std::string where = error_of<NumericError>([&] {
    verify_grad(wrong_there, {test::vector({1, 2, 3})});
  });
  CHECK((contains(where, "element (2,) of input 0") || contains(where, "random direction")));
}

TEST_CASE("verify_grad: finds an error of one part in ten thousand") {
  const auto wrong = [](const Var& x) { return grad_scale(exp(x), 1.0001); };
  CHECK_THROWS_AS(verify_grad(wrong, {point}), NumericError);
  verify_grad(wrong, {point}, {.rel_tol = 1e-3});
}

TEST_CASE("verify_grad: a wrong second derivative is found when asked for") {
  // Scaling the gradient of x^2 by 1 + (x - x) leaves it right and its own derivative wrong.
  const auto wrong = [](const Var& x) {
    const Var slope = 2 * zero_grad(x);
    return slope * x + zero_grad(sqr(x) - slope * x);
  };
  verify_grad(wrong, {point});
  CHECK_THROWS_AS(verify_grad(wrong, {point}, {.second_order = true}), NumericError);
}

TEST_CASE("verify_grad: values that are not finite are an error") {
  CHECK(contains(
      error_of<NumericError>([] { verify_grad([](const Var& x) { return log(x); }, {point}); }),
      "is nan at element (0, 1)"));
}

TEST_CASE("verify_grad: integers are held still") {
  verify_grad([](const Var& x, const Var& n) { return x * n; },
              {point, test::array({2, 2}, {1, 2, 3, 4}).cast(int64)});
}

TEST_CASE("verify_grad: the output must be float64 and points must match inputs") {
  const Var x = vector("x", float32);
  CHECK_THROWS_AS(verify_grad(x, Vars{x}, {Array(float32, {2})}), TypeError);
  const Var y = vector("y", float64);
  CHECK_THROWS_AS(verify_grad(y, Vars{y}, {}), GraphError);
}
