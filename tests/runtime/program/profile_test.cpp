#include <doctest/doctest.h>

#include <damo/damo.hpp>
#include <tests/support/values.hpp>

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
