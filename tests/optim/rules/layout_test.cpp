#include <cmath>

#include <doctest/doctest.h>

#include <damo/core.hpp>
#include <damo/ops/gradient/opaque.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases layout_cases() {
  const Var x = vector("x", float64);
  const Var m = matrix("m", float64);
  const Var n = matrix("n", float64);
  const Var r = row("r", float64);
  const Var six = reshape(x, {2, 15});
  return {
      {"move_outward", exp(m.T()), m.T() + n},
      {"drop_broadcast", broadcast_to(r, {m.shape(0), m.shape(1)}) + m,
       broadcast_to(r, {m.shape(0), m.shape(1)}) + 1},
      {"dimshuffle_of", m.T().T(), m.T()},
      {"shuffle_of_reshape", dimshuffle(six, {newaxis, 0, 1}), six.T()},
      {"reshape_of", reshape(six, {3, 10}), six},
      {"broadcast_of", broadcast_to(broadcast_to(r, {4, r.shape(1)}), {4, r.shape(1)}),
       broadcast_to(r, {4, r.shape(1)})},
      {"shape_of", exp(x).shape(0), x.shape(0)},
      {"specify_known", specify_shape(ifelse(true, six, m), {2, 15}),
       specify_shape(ifelse(true, n, m), {2, 15})},
      {"erase_disconnected_grad", disconnected_grad(x), zero_grad(x)},
      {"erase_zero_grad", zero_grad(x), disconnected_grad(x)},
      {"erase_grad_clip", grad_clip(x, -3, 7), zero_grad(x)},
      {"erase_grad_scale", grad_scale(x, 5), zero_grad(x)},
      {"erase_grad_undefined", grad_undefined(x, "no reason"), zero_grad(x)},
      {"erase_opaque", opaque(x), zero_grad(x)},
  };
}

const RuleTheme layouts(layout_cases);

}  // namespace

TEST_CASE("rules: of layouts apply where they should and nowhere else") {
  check_cases(layout_cases());
}

TEST_CASE("layouts: as many elements in another shape stay apart before a reshape") {
  const Var x = tensor3("x", float64), y = tensor3("y", float64);
  const auto numbers_of_shape = [](const Shape& shape) {
    std::vector<double> all(static_cast<std::size_t>(shape.elements()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = 0.25 * static_cast<double>(i) - 1;
    return Array::from(all, shape);
  };
  const auto made = [&](const Var& a, const Var& b) {
    return Vars{reshape(a, {-1}) * reshape(b, {-1}), exp(reshape(a, {2, -1})) + reshape(b, {2, -1}),
                cast(flatten(a) <= flatten(b), float64), flatten(a) - flatten(tanh(a))};
  };
  const std::vector<std::pair<Shape, Shape>> shapes{{{2, 3, 4}, {4, 3, 2}},
                                                    {{2, 3, 4}, {2, 3, 4}},
                                                    {{2, 0, 3}, {2, 7, 0}},
                                                    {{1, 6, 2}, {2, 6, 1}}};
  for (const auto& [of_x, of_y] : shapes) {
    Function plain = function({x, y}, made(x, y), {.mode = Mode::none()});
    Function fast = function({x, y}, made(x, y));
    const Outputs expected = plain(numbers_of_shape(of_x), numbers_of_shape(of_y));
    const Outputs found = fast(numbers_of_shape(of_x), numbers_of_shape(of_y));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CHECK(found[i].shape() == expected[i].shape());
      const auto a = expected[i].values<double>(), b = found[i].values<double>();
      for (std::size_t k = 0; k < a.size(); ++k) CHECK(std::abs(a[k] - b[k]) < 1e-15);
    }
  }
}

TEST_CASE("layouts: a stretch that is left out promises the sizes of 1 that it promised") {
  const Var m = matrix("m", float64), r = row("r", float64), c = col("c", float64);
  const Var n = lscalar("n");
  for (const Var& v : {m / broadcast_to(r, {n, 1}), broadcast_to(c, {1, n}) * m,
                       where(m > 0, m, broadcast_to(r, {n, 1})) + broadcast_to(c, {1, n})}) {
    const Array four = array({2, 2}, {1, -2, 3, 4}), one = array({1, 1}, {5});
    const std::vector<std::pair<Var, Array>> at{
        {m, four}, {r, one}, {c, one}, {n, Array::scalar<std::int64_t>(2)}};
    check_same_bits(evaluate(rewritten(Vars{v}, Mode::fast()), at)[0], evaluate(v, at));
  }
}
