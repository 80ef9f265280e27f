#include <cmath>
#include <functional>

#include <damo/graph/errors/error.hpp>
#include <damo/models/update_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include <damo/runtime/function/to_array.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

const std::vector<double> start{1.0, -2.0, 0.5};
const std::vector<double> scale{1.0, 0.3, 4.0};

/// The gradient of sum(scale p^2 / 2).
std::vector<double> gradient(const std::vector<double>& p) {
  std::vector<double> g;
  for (std::size_t i = 0; i < p.size(); ++i) g.push_back(scale[i] * p[i]);
  return g;
}

template <class Rule>
void check_rule(Rule&& rule, const std::vector<double>& expected) {
  const SharedVar p = shared(test::vector(start), "p");
  const Var cost = sum(constant(test::vector(scale)) * sqr(p)) / 2.0;
  Function step =
      function({}, {}, {.updates = rule(std::vector<SharedVar>{p}, grad(cost, Vars{p}))});
  for (int i = 0; i < 3; ++i) step();
  test::check_close(p.value(), test::vector(expected), 1e-13);
}

/// Three steps of `move(p, g, i, t)` for each element.
template <class Move>
std::vector<double> simulate(Move&& move) {
  std::vector<double> p = start;
  for (int t = 1; t <= 3; ++t) {
    const auto g = gradient(p);
    for (std::size_t i = 0; i < p.size(); ++i) move(p[i], g[i], i, t);
  }
  return p;
}

}  // namespace

TEST_CASE("update rules: sgd") {
  check_rule([](const auto& p, const Vars& g) { return models::sgd(p, g, {.lr = 0.1}); },
             simulate([](double& p, double g, std::size_t, int) { p -= 0.1 * g; }));
}

TEST_CASE("update rules: momentum and Nesterov") {
  for (const bool nesterov : {false, true}) {
    std::vector<double> v(3);
    check_rule(
        [&](const auto& p, const Vars& g) {
          return models::momentum(p, g, {.lr = 0.1, .momentum = 0.8, .nesterov = nesterov});
        },
        simulate([&](double& p, double g, std::size_t i, int) {
          v[i] = 0.8 * v[i] - 0.1 * g;
          p += nesterov ? 0.8 * v[i] - 0.1 * g : v[i];
        }));
  }
}

TEST_CASE("update rules: Adagrad and RMSProp") {
  std::vector<double> total(3);
  check_rule([](const auto& p, const Vars& g) { return models::adagrad(p, g, {.lr = 0.1}); },
             simulate([&](double& p, double g, std::size_t i, int) {
               total[i] += g * g;
               p -= 0.1 * g / (std::sqrt(total[i]) + 1e-8);
             }));
  std::vector<double> average(3);
  check_rule(
      [](const auto& p, const Vars& g) { return models::rmsprop(p, g, {.lr = 0.1, .decay = 0.9}); },
      simulate([&](double& p, double g, std::size_t i, int) {
        average[i] = 0.9 * average[i] + 0.1 * g * g;
        p -= 0.1 * g / (std::sqrt(average[i]) + 1e-8);
      }));
}

TEST_CASE("update rules: Adam") {
  std::vector<double> m(3);
  std::vector<double> v(3);
  check_rule(
      [](const auto& p, const Vars& g) {
        return models::adam(p, g, {.lr = 0.1, .epsilon = 1e-3});  // large enough to be seen
      },
      simulate([&](double& p, double g, std::size_t i, int t) {
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.999 * v[i] + 0.001 * g * g;
        const double mean = m[i] / (1 - std::pow(0.9, t));
        const double square = v[i] / (1 - std::pow(0.999, t));
        p -= 0.1 * mean / (std::sqrt(square) + 1e-3);
      }));
}

TEST_CASE("update rules: clipping by norm and weight decay") {
  const SharedVar p = shared(test::vector({3, 4}), "p");
  const Vars small = models::clip_by_norm({p}, 10.0);
  const Vars clipped = models::clip_by_norm({p, p}, 1.0);
  Function f = function({}, {small[0], clipped[0], models::add_weight_decay({p}, {p}, 0.5)[0]});
  const Outputs out = f();
  test::check_close(out[0], test::vector({3, 4}), 0);
  test::check_close(out[1], test::vector({3 / std::sqrt(50.0), 4 / std::sqrt(50.0)}), 1e-14);
  test::check_close(out[2], test::vector({4.5, 6}), 0);
}

TEST_CASE("update rules: averages follow the parameters") {
  const SharedVar p = shared(test::vector({8}), "p");
  Updates updates = models::sgd({p}, {p}, {.lr = 0.5});
  const auto averages = models::average_parameters({p}, updates, 0.25);
  Function step = function({}, {}, {.updates = updates});
  step();
  test::check_close(p.value(), test::vector({4}), 0);
  test::check_close(averages[0].value(), test::vector({7}), 0);
  CHECK(test::contains(test::error_of<GraphError>([&] {
                         Updates none;
                         models::average_parameters({p}, none, 0.1);
                       }),
                       "no update"));
}

TEST_CASE("update rules: schedules count calls") {
  Updates updates;
  const Var lr = models::linear_schedule(1.0, 0.0, 4, updates);
  Function f = function({}, {lr}, {.updates = updates});
  for (const float expected : {1.0F, 0.75F, 0.5F, 0.25F, 0.0F, 0.0F})
    CHECK(f().scalar<float>(0) == expected);
}

TEST_CASE("update rules: a line over no steps is refused") {
  for (const std::int64_t steps : {0, -3}) {
    Updates updates;
    CHECK_THROWS_AS(models::linear_schedule(1.0, 0.0, steps, updates), NumericError);
  }
}

TEST_CASE("update rules: schedules are those of their formulas") {
  Updates updates;
  const Var inverse = models::inverse_time_schedule(0.5, 10, updates);
  const Var exponential = models::exponential_schedule(0.5, 0.9, updates);
  Function f = function({}, {inverse, exponential}, {.updates = updates});
  for (int t = 0; t < 30; ++t) {
    const Outputs out = f();
    CHECK(out.scalar<double>(0) == doctest::Approx(0.5 / (1 + t / 10.0)).epsilon(1e-6));
    CHECK(out.scalar<double>(1) == doctest::Approx(0.5 * std::pow(0.9, t)).epsilon(1e-6));
  }
}

TEST_CASE("update rules: a rule asked for by name is the rule with its usual settings") {
  using models::UpdateRule;
  const auto result = [](auto&& rule) {
    const SharedVar p = shared(test::vector(start), "p");
    Function step = function({}, {}, {.updates = rule(std::vector<SharedVar>{p}, Vars{p * p})});
    for (int i = 0; i < 3; ++i) step();
    return Array(p.value());
  };
  const auto named = [&](const char* name) {
    return result([&](const auto& p, const Vars& g) {
      return models::update(models::parse_update_rule(name), p, g, 0.1);
    });
  };
  test::check_same_bits(named("sgd"), result([](const auto& p, const Vars& g) {
                          return models::sgd(p, g, {.lr = 0.1});
                        }));
  test::check_same_bits(named("momentum"), result([](const auto& p, const Vars& g) {
                          return models::momentum(p, g, {.lr = 0.1});
                        }));
  test::check_same_bits(named("nesterov"), result([](const auto& p, const Vars& g) {
                          return models::momentum(p, g, {.lr = 0.1, .nesterov = true});
                        }));
  test::check_same_bits(named("adagrad"), result([](const auto& p, const Vars& g) {
                          return models::adagrad(p, g, {.lr = 0.1});
                        }));
  test::check_same_bits(named("rmsprop"), result([](const auto& p, const Vars& g) {
                          return models::rmsprop(p, g, {.lr = 0.1});
                        }));
  test::check_same_bits(named("adam"), result([](const auto& p, const Vars& g) {
                          return models::adam(p, g, {.lr = 0.1});
                        }));
  CHECK(models::update_rule_names().size() == 6);
  CHECK(test::contains(test::error_of<GraphError>([] { models::parse_update_rule("adamw"); }),
                       "rmsprop, adam"));
}

TEST_CASE("update rules: errors name the line of the options") {
  const SharedVar w = shared(std::vector<float>{1, 2}, "w");
  const Var g = vector("g");
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { models::sgd({w}, {}); },
           [&] {
             models::momentum({w}, {g, g});
           },
           [&] { models::adam({w}, {Var{}}); },
           [&] { models::update(models::UpdateRule::rmsprop, {w}, {}, 0.1); },
           [&] { models::add_weight_decay({w}, {Var{}}, 0.1); }}) {
    const std::string text = error_of<GraphError>(call);
    CAPTURE(text);
    CHECK(contains(text, "at update_rules_test.cpp"));
  }
  Function f = function({g}, {}, {.updates = models::adagrad({w}, {g})});
  const std::string text = error_of<ShapeError>([&] { f(std::vector<float>{1, 2, 3}); });
  CAPTURE(text);
  CHECK(contains(text, "made at update_rules_test.cpp"));
  CHECK(!contains(text, "update_rules.cpp"));
}

TEST_CASE("clip_by_norm refuses a negative norm, as a number and when it runs") {
  const Var g = vector("g"), limit = scalar("limit");
  const std::string text = test::error_of<NumericError>([&] { models::clip_by_norm({g}, -1.0); });
  CAPTURE(text);
  CHECK(test::contains(text, "-1"));
  CHECK(test::contains(text, "update_rules_test.cpp"));
  Function f = function({g, limit}, {models::clip_by_norm({g}, limit)[0]});
  const std::vector<float> gradient{3, 4};
  test::check_close(f(gradient, 1.0)[0], Array::from<float>({0.6F, 0.8F}), 1e-6);
  test::check_close(f(gradient, 0.0)[0], Array::from<float>({0, 0}), 0);
  CHECK_THROWS_AS(f(gradient, -1.0), NumericError);
}
