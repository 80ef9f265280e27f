#include <doctest/doctest.h>

#include <cmath>

#include <damo/core.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using namespace damo::test;

namespace {

RuleCases softmax_cases() {
  const Var x = matrix("x", float64);
  const Var y = matrix("y", float64);
  return {
      {"exp_of_log_softmax", exp(log_softmax(x)), exp(log_softmax(x) - y)},
      {"log_of_others", log1mexp(log_softmax(x)), log1mexp(y - log_softmax(x))},
      {"log_of_softmax", log(softmax(x)), log(softmax(x) + 1e-7)},
      {"minus_log_sum_exp", x - logsumexp(x, {1}, {.keepdims = true}),
       y - logsumexp(x, {1}, {.keepdims = true})},
  };
}

const RuleTheme softmaxs(softmax_cases);

}  // namespace

TEST_CASE("rules: of sums of exponentials apply where they should and nowhere else") {
  check_cases(softmax_cases());
}

namespace {

const std::vector<Mode>& compiled_modes() {
  static const std::vector<Mode> modes{Mode::none(), Mode::fast_compile(), Mode::fast(),
                                       Mode::strict()};
  return modes;
}

}  // namespace

TEST_CASE("softmax: a difference or quotient of several infinities stays undefined") {
  for (const DType dtype : {float32, float64}) {
    const Var x = vector("x", dtype), m = matrix("m", dtype);
    const Vars by_hand{x - logsumexp(x), x - log(sum(exp(x))), log(exp(x) / sum(exp(x))),
                       exp(x) / sum(exp(x)), exp(x - logsumexp(x))};
    const Var rows = exp(m) / sum(exp(m), 1, {.keepdims = true});
    const Var columns = m - logsumexp(m, 0, {.keepdims = true});
    Vars all = by_hand;
    all.insert(all.end(), {rows, columns, softmax(x), log_softmax(x)});
    for (const Mode& mode : compiled_modes()) {
      CAPTURE(mode.text());
      Function f = function({x, m}, all, {.mode = mode});
      for (const double infinity : {INFINITY, -INFINITY}) {
        const Array two = Array::from(std::vector<double>{infinity, infinity}).cast(dtype);
        const Array four =
            Array::from(std::vector<double>{infinity, infinity, infinity, infinity}, {2, 2})
                .cast(dtype);
        const Outputs out = f(two, four);
        for (std::size_t k = 0; k < by_hand.size() + 2; ++k) {
          CAPTURE(k);
          const Array value = out[k].cast(float64);
          for (std::int64_t i = 0; i < value.elements(); ++i)
            CHECK(std::isnan(value.data<double>()[i]));
        }
        // As functions of their own they are defined: the largest share.
        CHECK(out[all.size() - 2].cast(float64).data<double>()[0] == 0.5);
        CHECK(out[all.size() - 1].cast(float64).data<double>()[1] ==
              doctest::Approx(std::log(0.5)).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("softmax: what a quotient becomes is read back from its text") {
  const Var x = dmatrix("x");
  Function f = function({x}, {x - logsumexp(x, 1, {.keepdims = true}), exp(x) / sum(exp(x)),
                              softmax(x), log_softmax(x)});
  const std::string text = print(f.graph());
  CHECK(contains(text, "inf undefined"));
  const FunctionGraph again = parse(text);
  CHECK(print(again) == text);
  const Array at = Array::from(std::vector<double>{INFINITY, INFINITY, 0, 1}, {2, 2});
  const std::vector<std::pair<Var, Array>> one{{f.graph().inputs[0], at}},
      other{{again.inputs[0], at}};
  for (std::size_t k = 0; k < 4; ++k) {
    const Array a = evaluate(f.graph().outputs[k], one);
    const Array b = evaluate(again.outputs[k], other);
    check_close(b, a, 0);
    CHECK(std::isnan(a.data<double>()[0]) == (k < 2));
  }
}

TEST_CASE("softmax: quotients of sums over nothing are those of zeros") {
  const Var x = dmatrix("x"), c = col("c", float64);
  const Vars all{sum(exp(x)) / sum(exp(x)),
                 sum(exp(x) * x, 1) / sum(exp(x), 1),
                 sum(softmax(x, 1) * x, 1) / sum(softmax(x, 1), 1),
                 sum(x * exp(x)) / (1 + sum(exp(x))),
                 dot(exp(x), x.T()) / dot(exp(x), exp(x).T()),
                 dot(sigmoid(x), exp(x).T()) / dot(exp(x), exp(x).T()),
                 mean(exp(x), 1) / sum(exp(2 * x), 1),
                 sum(x / sigmoid(c), 1),
                 log(dot(exp(x), exp(x).T()))};
  Vars outputs = all;
  for (const Var& y : all)
    outputs.push_back(grad(sum(y), c, {.disconnected_inputs = Disconnected::ignore}));
  Function plain = function({x, c}, outputs, {.mode = Mode::none()});
  for (const Mode& mode : compiled_modes()) {
    Function f = function({x, c}, outputs, {.mode = mode});
    for (const std::int64_t n : {0, 1, 3}) {
      const Array at =
          Array::from(std::vector<double>(static_cast<std::size_t>(2 * n), 0.5), {2, n});
      for (const double divisor : std::vector<double>{0.25, -800, -INFINITY, NAN}) {
        if (n > 0 && divisor != 0.25) continue;  // a stable form is better than what is written
        const Array column = Array::from(std::vector<double>{divisor, 1}, {2, 1});
        const Outputs expected = plain(at, column), found = f(at, column);
        for (std::size_t k = 0; k < all.size(); ++k) {
          CAPTURE(k);
          CAPTURE(mode.text());
          check_close(found[k], expected[k], 1e-13);
        }
      }
    }
  }
}

TEST_CASE("softmax: the logarithm of one less than that of nothing is nothing") {
  for (const DType dtype : {float32, float64}) {
    const Var x = vector("x", dtype), m = matrix("m", dtype);
    Function f = function({x, m}, {log(1.0 - softmax(x)), log1mexp(log_softmax(m, 1)),
                                   log(1.0 - softmax(m, 0)), grad(sum(log(1.0 - softmax(x))), x)});
    for (const Shape& shape : {Shape{0, 0}, Shape{0, 3}, Shape{3, 0}}) {
      const Outputs out = f(Array(dtype, {0}), Array(dtype, shape));
      CHECK(out[0].shape() == Shape{0});
      CHECK(out[1].shape() == shape);
      CHECK(out[2].shape() == shape);
      CHECK(out[3].shape() == Shape{0});
    }
  }
}

TEST_CASE("softmax: slopes under conditions on the logarithm of the other shares are found") {
  const Var m = matrix("m", float64);
  const std::vector<double> at{0.3, -2, 5, 1, 0.1, -0.7};
  for (const Var& l : {log(1.0 - softmax(m, 0)), log1mexp(log_softmax(m, 0))}) {
    for (const Var& f : {relu(l), maximum(l, -1.0), where(l > -2.0, l, 0.5 * l), sqr(l)}) {
      const Vars slopes{grad(sum(f), m)};
      const std::vector<std::pair<Var, Array>> given = {{m, array({2, 3}, at)}};
      const Array plain = evaluate(rewritten(slopes, Mode::none()), given)[0];
      for (const Mode& mode : {Mode::fast(), Mode::fast_compile()})
        check_close(evaluate(rewritten(slopes, mode), given)[0], plain, 1e-12);
    }
  }
}
