#include <doctest/doctest.h>

#include <tests/support/values.hpp>

#include <damo/damo.hpp>
#include <damo/ops/linalg/sum_of_products.hpp>

using namespace damo;
using damo::test::contains;

TEST_CASE("a profile says how often each instruction ran, those of loops included") {
  const Var x = matrix("x");
  const Var w = matrix("w");
  auto [outs, updates] = scan([&](const Var& h) { return tanh(dot(h, w)); },
                              {.outputs_info = {x}, .n_steps = 5, .name = "walk"});
  Function f = function({x, w}, {outs[0][-1]}, {.name = "f", .profile = true});
  const xt::xarray<float> at = xt::ones<float>({3, 3});
  f(at, at);
  f(at, at);
  const std::string text = f.profile();
  CHECK(contains(text, "function 'f': 2 calls"));
  CHECK(contains(text, "scan 'walk'"));
  CHECK(contains(text, "gemm"));
  CHECK(contains(text, "overhead"));
  f.set_profiling(false);
  CHECK(contains(f.profile(), "no calls were profiled"));
}

TEST_CASE("a profile counts every product of matrices as one, whatever op it became") {
  const Var x = dmatrix("x"), y = dmatrix("y"), a = tensor3("a", float64),
            b = tensor3("b", float64);
  const auto kinds = [](const Vars& in, const Var& out, std::vector<Array> at) {
    Function f = function(VarList(in), {out}, {.profile = true});
    const Argument list[] = {at[0], at[1]};
    f.call(list);
    return f.profile();
  };
  const Array matrix = Array::from(std::vector<double>(9, 1.0), {3, 3});
  const Array stack = Array::from(std::vector<double>(18, 1.0), {2, 3, 3});
  for (const std::string& text : {kinds({x, y}, dot(x, y), {matrix, matrix}),
                                  kinds({x, y}, dot(cast(x > 0.5, float64), y), {matrix, matrix}),
                                  kinds({x, y}, 2.0 * dot(x, y) + x, {matrix, matrix}),
                                  kinds({a, b}, batched_dot(a, b), {stack, stack}),
                                  kinds({a, b}, sum_of_products(a, b), {stack, stack})}) {
    CAPTURE(text);
    CHECK(contains(text, "(gemm)"));
    CHECK_FALSE(contains(text, "(other ops)"));
  }
}
