#include <cmath>
#include <limits>
#include <random>

#include <damo/damo.hpp>
#include <damo/graph/text/print.hpp>
#include "tests/support/slopes.hpp"
#include "tests/support/values.hpp"

// What an index or an extremum leaves out contributes nothing to derivatives, though the slope
// there is infinite.
using namespace damo;
using test::array;
using test::check_slopes;
using test::vec;

namespace {

Var positions(const std::vector<std::int64_t>& values) { return constant(Array::from(values)); }

}  // namespace

TEST_CASE("picked elements: an index takes nothing from the slopes of what it leaves out") {
  const auto two = [](const std::function<Var(const Var&)>& f, double times = 1) {
    check_slopes(f, vec({0, 4}), vec({0, 0.25 * times}), vec({0, -times / 32}));
  };
  two([](const Var& x) { return sqrt(x)[1]; });
  two([](const Var& x) { return sqrt(x)[-1]; });
  two([](const Var& x) { return sqrt(x)(from(1)); });
  two([](const Var& x) { return sqrt(x)(range(1, 2)) * 2.0; }, 2);
  two([](const Var& x) { return sqrt(x)[positions({1, 1, -1})]; }, 3);
  two([](const Var& x) { return sqrt(x)[x > 1.0]; });
  two([](const Var& x) { return take(sqrt(x), 1); });
  two([](const Var& x) { return split(sqrt(x), {1, 1})[1]; });
  two([](const Var& x) { return sqrt(x)[argmax(x)]; });
  two([](const Var& x) { return reshape(sqrt(x), {2, 1})[1]; });
  two([](const Var& x) { return diag(stack({x, sqrt(x)}))[1]; });
  two([](const Var& x) { return sqrt(x)(from(0))[1] + 0.0 * x[1]; });
  two([](const Var& x) { return concatenate({sqrt(x), x})(range(1, 2)); });
  two([](const Var& x) { return ifelse(sum(x) > 0.0, sqrt(x)[1], sum(x)); });
}

TEST_CASE("picked elements: what an index replaces is not read") {
  const auto two = [](const std::function<Var(const Var&)>& f, const Array& first) {
    check_slopes(f, vec({0, 4}), first, vec({0, -1.0 / 32}));
  };
  two([](const Var& x) { return set_subtensor(sqrt(x)[0], 3.0); }, vec({0, 0.25}));
  two([](const Var& x) { return set_subtensor(sqrt(x)[0], x[0]); }, vec({1, 0.25}));
  two([](const Var& x) { return set_subtensor(sqrt(x)(range(0, 1)), x(range(0, 1))); },
      vec({1, 0.25}));
  two([](const Var& x) { return set_subtensor(sqrt(x)[positions({0})], 3.0); }, vec({0, 0.25}));
  two([](const Var& x) { return set_subtensor(sqrt(x)[eq(x, 0.0)], 0.0); }, vec({0, 0.25}));
  two([](const Var& x) { return inc_subtensor(zeros_like(x)[1], sqrt(x)[1]); }, vec({0, 0.25}));
}

TEST_CASE("picked elements: an extremum takes nothing from the slopes of what it leaves out") {
  check_slopes([](const Var& x) { return max(sqrt(x)); }, vec({0, 4}), vec({0, 0.25}),
               vec({0, -1.0 / 32}));
  check_slopes([](const Var& x) { return min(-sqrt(x)); }, vec({0, 4}), vec({0, -0.25}),
               vec({0, 1.0 / 32}));
  const Array rows = array({2, 2}, {0, 4, 1, 0});
  check_slopes([](const Var& x) { return max(sqrt(x), 1); }, rows, array({2, 2}, {0, 0.25, 0.5, 0}),
               array({2, 2}, {0, -1.0 / 32, -0.25, 0}));
  check_slopes([](const Var& x) { return max(sqrt(x), 1, {.keepdims = true})(all(), 0)[0]; }, rows,
               array({2, 2}, {0, 0.25, 0, 0}), array({2, 2}, {0, -1.0 / 32, 0, 0}));
  check_slopes([](const Var& x) { return where(x(all(), 0) > 0.5, max(sqrt(x), 1), 0.0); }, rows,
               array({2, 2}, {0, 0, 0.5, 0}), array({2, 2}, {0, 0, -0.25, 0}));
}

TEST_CASE("picked elements: an order takes nothing from the slopes of what is not asked for") {
  for (const Array& at : {vec({0, 4}), vec({4, 0})}) {
    const bool first = at.data<double>()[0] == 0;
    const Array slope = first ? vec({0, 0.25}) : vec({0.25, 0});
    const Array bend = first ? vec({0, -1.0 / 32}) : vec({-1.0 / 32, 0});
    check_slopes([](const Var& x) { return sort(sqrt(x))[1]; }, at, slope, bend);
    check_slopes([](const Var& x) { return sort(sqrt(x))(from(1)) * 1.0; }, at, slope, bend);
    check_slopes([](const Var& x) { return topk(sqrt(x), 1); }, at, slope, bend);
    check_slopes([](const Var& x) { return max(sort(sqrt(x))); }, at, slope, bend);
    check_slopes([](const Var& x) { return where(arange(2) > 0, sort(sqrt(x)), 0.0); }, at, slope,
                 bend);
  }
}

TEST_CASE("picked elements: in loops") {
  const Array rows = array({2, 2}, {0, 4, 1, 0});
  const auto mapped = [&](const std::function<Var(const Var&)>& f) {
    check_slopes([&](const Var& x) { return map(f, x).outputs[0]; }, rows,
                 array({2, 2}, {0, 0.25, 0.5, 0}), array({2, 2}, {0, -1.0 / 32, -0.25, 0}));
  };
  mapped([](const Var& row) { return max(sqrt(row)); });
  mapped([](const Var& row) { return sqrt(row)[argmax(row)]; });
  check_slopes([](const Var& x) { return map([](Var v) { return sqrt(v); }, x).outputs[0][1]; },
               vec({0, 4}), vec({0, 0.25}), vec({0, -1.0 / 32}));
}

TEST_CASE("picked elements: what is picked keeps its infinity") {
  const double inf = std::numeric_limits<double>::infinity();
  const Var x = dvector("x");
  for (const Mode& mode : test::all_modes()) {
    Function f = function({x}, {grad(sqrt(x)[0], x), grad(max(sqrt(x)), x)}, {.mode = mode});
    const Outputs out = f(vec({0, 0}));
    test::check_close(out[0], vec({inf, 0}), 0);
    test::check_close(out[1], vec({inf, inf}), 0);
  }
}

TEST_CASE("picked elements: an index before finite slopes costs no selection") {
  const Var x = matrix("x"), w = matrix("w");
  const Var h = tanh(dot(x, w));
  for (const Var& cost : {sum(h(all(), 0)), sum(h[positions({0, 2})]), sum(max(h, 1))}) {
    const std::string text = debugprint(grad(cost, w));
    CAPTURE(text);
    const bool extremum = cost.inputs()[0].op().name() == "max";
    std::size_t selections = 0;
    for (std::size_t at = 0; (at = text.find("where", at)) != std::string::npos; ++at) ++selections;
    CHECK(selections == (extremum ? 1 : 0));
  }
}

TEST_CASE("picked elements: parts that follow each other cost no selection") {
  const Var x = matrix("x");
  const auto selections = [&](const Var& first, const Var& second) {
    const std::string text = debugprint(grad(sum(first * second), x));
    CAPTURE(text);
    std::size_t n = 0;
    for (std::size_t at = 0; (at = text.find("where", at)) != std::string::npos; ++at) ++n;
    return n;
  };
  const Var y = sqrt(x);
  CHECK(selections(y(all(), range(0, 2)), y(all(), range(2, 4))) == 0);
  CHECK(selections(y(all(), range(2)), y(all(), from(2))) == 0);
  CHECK(selections(y(range(2)), y(from(2))) == 0);
  CHECK(selections(y(all(), range(1, 2)), y(all(), range(2, 3))) > 0);
  CHECK(selections(y(range(2)), y(from(3))) > 0);
  CHECK(selections(y(range(2)), y(all(), from(2))) > 0);
}

TEST_CASE("picked elements: random indices have the gradients of what they pick") {
  std::mt19937_64 random(20);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int trial = 0; trial < 40; ++trial) {
    const int n = 2 + below(4);
    std::vector<double> values(static_cast<std::size_t>(n));
    for (double& v : values) v = below(2) == 0 ? 0 : 0.5 + below(4);
    std::vector<std::int64_t> picks;
    std::vector<double> first(values.size()), second(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] == 0) continue;
      for (int times = below(3); times > 0; --times) {
        picks.push_back(static_cast<std::int64_t>(i));
        first[i] += 0.5 / std::sqrt(values[i]) - 1 / (values[i] * values[i]);
        second[i] += -0.25 * std::pow(values[i], -1.5) + 2 / std::pow(values[i], 3);
      }
    }
    if (picks.empty()) continue;
    CAPTURE(trial);
    check_slopes([&](const Var& x) { return (sqrt(x) + 1.0 / x)[positions(picks)]; }, vec(values),
                 vec(first), vec(second), {float64});
  }
}

TEST_CASE(
    "picked elements: what is picked of a choice has gradients when its condition is made float") {
  const Array at = test::array({2, 3}, {0.3, -0.7, 1.1, 0.2, 0.9, -1.3});
  const auto chosen = [](const Var& x) {
    const Var b = log(exp(clip(logaddexp(x, 2 * x), -5.0, 5.0)) + exp(clip(x, -5.0, 5.0)));
    const Var w = one_hot(argmax(b, 1), size_at(b, 1), float64) + b;
    return where(w > b, w, b);
  };
  verify_grad([&](const Var& x) { return flip(chosen(x), 1); }, {at});
  verify_grad([&](const Var& x) { return take(chosen(x), positions({1, 0, 1}), 0); }, {at});
  verify_grad([&](const Var& x) { return set_subtensor(chosen(x)[0], x[1]); }, {at});
  verify_grad([&](const Var& x) { return roll(chosen(x), 1, 1); }, {at});
}
