#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/nnet/losses.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

Shape open(std::size_t rank) {
  Shape dims;
  dims.resize(rank, unknown);
  return dims;
}

/// Checks as written and rewritten.
void check_both(const Var& v, const Bindings& at, const std::vector<double>& expected,
                double tolerance = 1e-14) {
  for (const Var& form : {v, test::rewritten(v)}) {
    const Array a = evaluate(form, at).cast(float64);
    REQUIRE(a.elements() == static_cast<std::int64_t>(expected.size()));
    for (std::int64_t i = 0; i < a.elements(); ++i) {
      const double truth = expected[static_cast<std::size_t>(i)];
      CAPTURE(i);
      CHECK(std::abs(a.data<double>()[i] - truth) <= tolerance * std::abs(truth));
    }
  }
}

}  // namespace

TEST_CASE("binary_crossentropy: has the values of its definition, also for soft targets") {
  const Var o = dvector("o");
  const Var t = dvector("t");
  const Bindings at{{o, test::vector({0.25, 0.25, 0.8, 0.5})}, {t, test::vector({1, 0, 0.3, 0.5})}};
  check_both(
      binary_crossentropy(o, t), at,
      {std::log(4), -std::log(0.75), -0.3 * std::log(0.8) - 0.7 * std::log(0.2), std::log(2)});
}

TEST_CASE("binary_crossentropy: a certain and right output costs nothing, a wrong one all") {
  const Var o = dvector("o");
  const Var t = dvector("t");
  const Bindings at{{o, test::vector({0, 1})}, {t, test::vector({0, 1})}};
  check_both(binary_crossentropy(o, t), at, {0, 0});
  const Bindings wrong{{o, test::vector({0, 1})}, {t, test::vector({1, 0})}};
  CHECK(evaluate(min(binary_crossentropy(o, t)), wrong).item<double>() == INFINITY);
}

TEST_CASE("binary_crossentropy: of a sigmoid keeps value and gradient in the tails") {
  const Var x = dvector("x");
  const Var t = dvector("t");
  const Bindings at{{x, test::vector({800, -800, 40, -40, 800})},
                    {t, test::vector({0, 1, 1, 0, 1})}};
  const std::vector<double> truth{800, 800, std::exp(-40), std::exp(-40), 0};
  const std::vector<double> slope{1, -1, -std::exp(-40), std::exp(-40), 0};
  const Var written = binary_crossentropy(sigmoid(x), t);
  check_both(test::rewritten(written), at, truth, 1e-12);
  check_both(grad(sum(written), x), at, slope, 1e-12);
  const Var direct = sigmoid_binary_crossentropy(x, t);
  check_both(direct, at, truth, 1e-12);
  check_both(grad(sum(direct), x), at, slope, 1e-12);
}

TEST_CASE("categorical_crossentropy: of distributions and of class numbers agree") {
  std::mt19937 rng(3);
  std::uniform_real_distribution<double> value(0.1, 1);
  for (const Shape& shape : {Shape{4, 3}, Shape{3}, Shape{2, 3, 5}, Shape{0, 3}}) {
    CAPTURE(to_string(shape));
    Array o(float64, shape);
    for (std::int64_t i = 0; i < o.elements(); ++i) o.data<double>()[i] = value(rng);
    Shape rows = shape;
    const std::int64_t classes = rows.back();
    rows.resize(rows.rank() - 1);
    Array t(int64, rows);
    Array hot(float64, shape);
    std::fill_n(hot.data<double>(), hot.elements(), 0.0);
    std::vector<double> truth;
    for (std::int64_t i = 0; i < t.elements(); ++i) {
      t.data<std::int64_t>()[i] = static_cast<std::int64_t>(rng() % classes);
      const std::int64_t at = i * classes + t.data<std::int64_t>()[i];
      hot.data<double>()[at] = 1;
      truth.push_back(-std::log(o.data<double>()[at]));
    }
    const Var output = input({float64, open(shape.rank())}, "o");
    const Var numbers = input({int64, open(rows.rank())}, "numbers");
    const Var rows_of = input({float64, open(shape.rank())}, "rows");
    const Bindings at{{output, o}, {numbers, t}, {rows_of, hot}};
    check_both(categorical_crossentropy(output, numbers), at, truth);
    check_both(categorical_crossentropy(output, rows_of), at, truth);
    const Var g = grad(sum(categorical_crossentropy(output, numbers)), output);
    const Var of_rows = grad(sum(categorical_crossentropy(output, rows_of)), output);
    test::check_close(evaluate(g, at), evaluate(of_rows, at), 1e-14);
  }
}

TEST_CASE("categorical_crossentropy: of a softmax is exact in the tails") {
  const Var x = dmatrix("x");
  const Var t = lvector("t");
  const Bindings at{{x, test::array({2, 3}, {0, -900, 900, 1, 2, 3})},
                    {t, Array::from<std::int64_t>({1, 0})}};
  const double rest = std::log(std::exp(-2) + std::exp(-1) + 1) + 2;
  const Var cost = categorical_crossentropy(softmax(x), t);
  check_both(test::rewritten(cost), at, {1800, rest}, 1e-12);
  const double total = 1 + std::exp(1) + std::exp(2);
  check_both(grad(sum(cost), x), at,
             {0, -1, 1, 1 / total - 1, std::exp(1) / total, std::exp(2) / total}, 1e-12);
}

TEST_CASE("losses: have the derivatives of finite differences, twice") {
  const Array o = Array::from<double>({0.2, 0.7, 0.4});
  const Array t = Array::from<double>({0.3, 0.6, 0.9});
  const VerifyGradOptions all{.second_order = true, .forward_mode = true};
  using Loss = Var (*)(const Arg&, const Arg&);
  for (const Loss loss : {Loss(binary_crossentropy), Loss(sigmoid_binary_crossentropy),
                          Loss(categorical_crossentropy)}) {
    CHECK_NOTHROW(verify_grad([&](const Var& a, const Var& b) { return loss(a, b); }, {o, t}, all));
  }
  const Var numbers = constant(Array::from<std::int64_t>({2, 0}));
  CHECK_NOTHROW(verify_grad([&](const Var& a) { return categorical_crossentropy(a, numbers); },
                            {test::array({2, 3}, {0.2, 0.3, 0.5, 0.1, 0.6, 0.3})}, all));
}

TEST_CASE("categorical_crossentropy: a class that is not there is an error with the line") {
  const Var o = dmatrix("o");
  const Var t = lvector("t");
  const Var cost = categorical_crossentropy(o, t);
  for (const std::int64_t wrong : {-1, 3}) {
    const Bindings at{{o, test::array({1, 3}, {0.2, 0.3, 0.5})},
                      {t, Array::from<std::int64_t>({wrong})}};
    for (const Var& form : {cost, test::rewritten(cost)}) {
      CAPTURE(wrong);
      const std::string text = error_of<ShapeError>([&] { evaluate(form, at); });
      CHECK(contains(text, wrong < 0 ? "-1, where at least 0 is needed" : "3 is out of bounds"));
      CHECK(contains(text, "losses_test.cpp:"));
    }
  }
}

TEST_CASE("categorical_crossentropy: operands that do not fit are named") {
  const Var o = dmatrix("o");
  const std::string text =
      error_of<ShapeError>([&] { categorical_crossentropy(o, tensor3("t", float64)); });
  CHECK(contains(text, "categorical_crossentropy: the target has the rank of the output"));
  CHECK(contains(text, "'o'"));
  CHECK(contains(text, "'t'"));
  CHECK(contains(text, "losses_test.cpp:"));
  CHECK(contains(error_of<TypeError>([&] { categorical_crossentropy(o, dvector("t")); }),
                 "class numbers are int64"));
}
