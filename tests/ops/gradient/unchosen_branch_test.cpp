#include <random>

#include <damo/damo.hpp>
#include "tests/support/slopes.hpp"
#include "tests/support/values.hpp"

// What a choice does not take contributes nothing to derivatives, whatever it computes.
using namespace damo;
using test::check_close;
using test::check_slopes;
using test::inf;
using test::not_a_number;
using test::vec;

TEST_CASE("unchosen branch: where takes nothing from a branch that is infinite or NaN there") {
  check_slopes([](const Var& x) { return where(x < 7.0, x, sqrt(x - 7.0)); }, vec({5, 11}),
               vec({1, 0.25}), vec({0, -1.0 / 32}));
  check_slopes([](const Var& x) { return where(x > 0.0, log(x), 0.0); }, vec({0, 2, -1}),
               vec({0, 0.5, 0}), vec({0, -0.25, 0}));
  check_slopes([](const Var& x) { return where(eq(x, 0), 1.0, sin(x) / x); }, vec({0, 1}),
               vec({0, std::cos(1) - std::sin(1)}));
  check_slopes([](const Var& x) { return where(isnan(x), 0.0, tanh(sqr(x) * exp(x))); },
               vec({not_a_number, 0}), vec({0, 0}), vec({0, 2}));
  check_slopes([](const Var& x) { return where(isinf(x), 0.0, x * x * x); }, vec({inf, 2, -inf}),
               vec({0, 12, 0}), vec({0, 12, 0}));
  check_slopes([](const Var& x) { return where(x > 1.0, pow(x - 1.0, 0.5), pow(1.0 - x, 1.5)); },
               vec({0, 2}), vec({-1.5, 0.5}), vec({0.75, -0.25}));
}

TEST_CASE("unchosen branch: the slope of what a condition compares does not matter") {
  check_slopes([](const Var& x) { return where(log(x) > -5.0, x, 2.0 * x); }, vec({0, 2}),
               vec({2, 1}), vec({0, 0}));
  check_slopes([](const Var& x) { return where(isnan(sqrt(x)), 3.0 * x, x * x); }, vec({-1, 0, 2}),
               vec({3, 0, 4}), vec({0, 2, 2}));
  check_slopes([](const Var& x) { return x * sign(sqrt(x)) + floor(1.0 / x) * 0.0; }, vec({4, 1}),
               vec({1, 1}));
}

TEST_CASE("unchosen branch: a constant that is chosen does not move, however steep what follows") {
  check_slopes([](const Var& x) { return sqrt(where(x > 1.0, x, 0.0)); }, vec({0, 4}),
               vec({0, 0.25}), vec({0, -1.0 / 32}));
  check_slopes([](const Var& x) { return sqrt(maximum(x, 0.0)); }, vec({-1, 4}), vec({0, 0.25}),
               vec({0, -1.0 / 32}));
  check_slopes([](const Var& x) { return sqrt(relu(x)); }, vec({-1, 4}), vec({0, 0.25}),
               vec({0, -1.0 / 32}));
  check_slopes(
      [](const Var& x) {
        const Var rows = reshape(where(x > 1.0, x, 0.0), Sizes{2, 2});
        return sqrt(sum(sqr(rows), 1));
      },
      vec({0, 0, 3, 4}), vec({0, 0, 0.6, 0.8}));
}

TEST_CASE("unchosen branch: nested choices, and choices of one value by several") {
  check_slopes(
      [](const Var& x) {
        return where(x > 0.0, where(x < 1.0, sqrt(x), log(x)), where(x < -1.0, x / (x + 1), -x));
      },
      vec({0, 0.25, 4, -2, -1}), vec({-1, 1, 0.25, 1, -1}));
  const auto both = [](const Var& x) {
    const Var root = sqrt(x);
    return where(x > 2.0, root, 0.0) + where(x > 3.0, 2.0 * root, 0.0);
  };
  check_slopes(both, vec({0, 2.25, 4}), vec({0, 1 / 3.0, 0.75}), vec({0, -2 / 27.0, -3 / 32.0}));
  const auto apart = [](const Var& x) {
    const Var y = log(x);
    return where(x > 1.0, y, 0.0) + where(x < 0.5, 0.0, where(x > 1.0, 0.0, y * y));
  };
  check_slopes(apart, vec({0, 2}), vec({0, 0.5}));
}

TEST_CASE("unchosen branch: maximum, minimum, clip, relu and abs choose as where does") {
  check_slopes([](const Var& x) { return maximum(log(x), -5.0); }, vec({0, 2}), vec({0, 0.5}),
               vec({0, -0.25}));
  check_slopes([](const Var& x) { return minimum(-log(x), 5.0); }, vec({0, 2}), vec({0, -0.5}));
  check_slopes([](const Var& x) { return minimum(exp(x), 10.0); }, vec({800, 0}), vec({0, 1}));
  check_slopes([](const Var& x) { return clip(1.0 / x, -1.0, 1.0); }, vec({0, 2}), vec({0, -0.25}),
               vec({0, 0.25}));
  check_slopes([](const Var& x) { return clip(0.5, sqrt(x), 1.0); }, vec({0, 0.64}),
               vec({0, 0.625}));
  check_slopes([](const Var& x) { return relu(sqrt(x) - 1.0); }, vec({0, 4}), vec({0, 0.25}));
  check_slopes([](const Var& x) { return relu(-sqrt(x)); }, vec({0, 4}), vec({0, 0}));
  check_slopes([](const Var& x) { return abs(sqrt(x)); }, vec({0, 4}), vec({0, 0.25}));
  check_slopes([](const Var& x) { return xlogy0(where(x > 1.0, x, 0.0), sqrt(x)); }, vec({0, 4}),
               vec({0, std::log(2) + 0.5}));
}

TEST_CASE("unchosen branch: a row norm masked by where") {
  const auto norms = [](const Var& x) {
    const Var squares = sum(sqr(x), 1);
    return where(squares > 0.0, sqrt(squares), 0.0);
  };
  const Array at = test::array({3, 2}, {3, 4, 0, 0, 0, 2});
  check_slopes(norms, at, test::array({3, 2}, {0.6, 0.8, 0, 0, 0, 1}));
}

TEST_CASE("unchosen branch: ifelse, apart and among other choices") {
  check_slopes([](const Var& x) { return ifelse(x[0] > 0.0, sqrt(x), 3.0 * x); }, vec({0, 4}),
               vec({3, 3}));
  const auto two = [](const Var& x) {
    const Var root = sqrt(x);
    return ifelse(x[0] > 5.0, root, x) + ifelse(x[0] > 6.0, 2.0 * root, x);
  };
  check_slopes(two, vec({0, 4}), vec({2, 2}));
  const auto mixed = [](const Var& x) {
    const Var y = log(x);
    return ifelse(sum(x) > 3.0, where(x > 1.0, y, 0.0), y);
  };
  check_slopes(mixed, vec({0, 4}), vec({0, 0.25}));
}

TEST_CASE("unchosen branch: what is chosen stays infinite or NaN where it is") {
  const Var x = dvector("x");
  const Var g = grad(sum(where(x >= 0.0, sqrt(x), 0.0)), x);
  const Var n = grad(sum(where(x > -5.0, sqrt(x), 0.0)), x);
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    Function f = function({x}, {g, n}, {.mode = mode});
    const Outputs out = f(vec({0, -1}));
    check_close(out[0], vec({inf, 0}), 0);
    check_close(out[1], vec({inf, not_a_number}), 0);
  }
}

TEST_CASE("unchosen branch: a choice between finite slopes costs no more selects") {
  const auto selects = [](const Var& v) {
    int count = -1;  // the choice itself, which is asked for its shape
    for (const Apply* node : toposort(std::span(&v, 1)))
      count += node->op().name() == "where" ? 1 : 0;
    return count;
  };
  const Var x = dvector("x");
  CHECK(selects(grad(sum(where(x > 0.0, x, 2.0 * x)), x)) == 2);
  CHECK(selects(grad(sum(where(x > 0.0, tanh(x), exp(x))), x)) == 1);
  CHECK(selects(grad(sum(relu(3.0 * x)), x)) == 0);
  const Var w = dmatrix("w");
  const Var h = dot(w, x);
  CHECK(selects(grad(sum(maximum(h, 0.0)), w)) == 0);
}

namespace {

/// A random function of one variable, of operations whose slopes are infinite or NaN at many
/// points.
Var random_function(std::mt19937& rng, const Var& x, int depth) {
  if (depth == 0) return rng() % 3 == 0 ? x * x : Var(x * 1.5);
  const Var a = random_function(rng, x, depth - 1);
  switch (rng() % 9) {
    case 0:
      return sqrt(a);
    case 1:
      return log(a);
    case 2:
      return 1.0 / a;
    case 3:
      return pow(a, 0.5);
    case 4:
      return a * random_function(rng, x, depth - 1);
    case 5:
      return a / random_function(rng, x, depth - 1);
    case 6:
      return arcsin(a);
    case 7:
      return exp(a * 300.0);
    default:
      return maximum(a, sqrt(random_function(rng, x, depth - 1)));
  }
}

}  // namespace

TEST_CASE("unchosen branch: random choices have the derivatives of what they choose") {
  const std::vector<double> points{-2, -1, 0, 0.25, 0.5, 1, 3, inf, not_a_number};
  const Array at = test::vector(points);
  for (unsigned seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    const Var x = dvector("x");
    const Var picks = bvector("picks");
    std::mt19937 rng(seed);
    const Var a = random_function(rng, x, 3);
    const Var b = random_function(rng, x, 2);
    const Vars slopes = grad(sum(a), Vars{x});
    const std::vector<std::pair<Var, Array>> here{{x, at}};
    const Array slope_a = evaluate(slopes[0], here);
    const Array slope_b = evaluate(grad(sum(b), x), here);
    std::vector<bool> chosen;
    std::vector<double> truth;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double sa = slope_a.data<double>()[i];
      const double sb = slope_b.data<double>()[i];
      chosen.push_back(!std::isfinite(sb) || (std::isfinite(sa) && rng() % 2 == 0));
      truth.push_back(chosen.back() ? sa : sb);
    }
    Array mask(boolean, {static_cast<std::int64_t>(points.size())});
    for (std::size_t i = 0; i < points.size(); ++i) mask.data<bool>()[i] = chosen[i];
    const Var y = where(picks, a, b);
    const Var stepwise = scan(
                             [&](const Var& v, const Var& c) {
                               std::mt19937 again(seed);
                               const Var one = random_function(again, v, 3);
                               return where(c, one, random_function(again, v, 2));
                             },
                             {.sequences = {x, picks}})
                             .outputs[0];
    const Var summed = where(picks, a, 0.0) + where(picks, 0.0, b);
    const Vars all{grad(sum(y), x), grad(sum(stepwise), x), grad(sum(summed), x),
                   Rop(y, x, ones_like(x))};
    for (const Mode& mode : {Mode::none(), Mode::fast()}) {
      Function f = function({x, picks}, all, {.mode = mode});
      const Outputs out = f(at, mask);
      for (std::size_t k = 0; k < all.size(); ++k) {
        CAPTURE(k);
        for (std::size_t i = 0; i < truth.size(); ++i) {
          if (!std::isfinite(truth[i])) continue;
          CAPTURE(points[i]);
          CHECK(out[k].data<double>()[i] == doctest::Approx(truth[i]).epsilon(1e-9));
        }
      }
    }
  }
}

TEST_CASE("unchosen branch: a graph as an op hands on what counts") {
  const Var u = dvector("u"), v = dvector("v");
  const OpFromGraph pick({u, v}, {where(v > 1.0, u, v)});
  const auto picked = [&](const Var& a, const Var& b) { return pick(a, b)[0]; };
  check_slopes([&](const Var& x) { return picked(sqrt(x), x); }, vec({0, 4}), vec({1, 0.25}),
               vec({0, -1.0 / 32}), {float64});
  check_slopes([&](const Var& x) { return where(x > 1.0, picked(log(x), x), 0.0); }, vec({0, 4}),
               vec({0, 0.25}), vec({0, -1.0 / 16}), {float64});
  const OpFromGraph nested({u, v}, {picked(u, v) + 1.0});
  check_slopes([&](const Var& x) { return nested(log(x), x)[0]; }, vec({0, 4}), vec({1, 0.25}),
               vec({0, -1.0 / 16}), {float64});
  const auto in_loop = [&](const Var& x) {
    return map([&](const Var& row) { return picked(sqrt(row), row); }, stack({x, x})).outputs[0];
  };
  check_slopes(in_loop, vec({0, 4}), vec({2, 0.5}), vec({0, -1.0 / 16}), {float64});
}

TEST_CASE("unchosen branch: an infinite constant beside what was compared leaves its slope 0") {
  const auto times = [](const Var& x, double first) {
    return x * cast(constant(vec({first, 2})), x.dtype());
  };
  check_slopes([&](const Var& x) { return relu(times(x, inf)); }, vec({-1, 3}), vec({0, 2}));
  check_slopes([&](const Var& x) { return maximum(0.0, times(x, inf)); }, vec({-1, 3}),
               vec({0, 2}));
  check_slopes([&](const Var& x) { return clip(times(x, -inf), -9.0, 9.0); }, vec({1, 3}),
               vec({0, 2}));
}

TEST_CASE("unchosen branch: in loops, over what they read, carry and hand out") {
  check_slopes(
      [](const Var& x) {
        return map([](const Var& v) { return where(v < 7.0, v, sqrt(v - 7.0)); }, x).outputs[0];
      },
      vec({5, 11}), vec({1, 0.25}), vec({0, -1.0 / 32}));
  // What a later step does not take of a state reaches no earlier step.
  check_slopes(
      [](const Var& x) {
        const Var h = scan([](const Var& v, const Var& h) { return where(v > 0.0, sqrt(h), v); },
                           {.sequences = x, .outputs_info = x[0] * 0.0})
                          .outputs[0];
        return where(x < 0.0, h, 0.0);
      },
      vec({1, -4}), vec({0, 1}));
  // A loss that counts at some steps only.
  check_slopes(
      [](const Var& x) {
        const Var losses = map([](const Var& v) { return log(v); }, x).outputs[0];
        return where(x > 0.0, losses, 0.0);
      },
      vec({0, 2, -1}), vec({0, 0.5, 0}), vec({0, -0.25, 0}));
  // The items of a sequence, a non-sequence and an initial value that were computed outside.
  check_slopes(
      [](const Var& x) {
        const Var root = sqrt(x);
        return scan([](const Var& r, const Var& v) { return where(v > 1.0, r, v); },
                    {.sequences = {root, x}})
            .outputs[0];
      },
      vec({0, 4}), vec({1, 0.25}));
  check_slopes(
      [](const Var& x) {
        const Var first = log(x[0]);
        return map([&](const Var& v) { return where(v > 100.0, first * v, v); }, x).outputs[0];
      },
      vec({0, 4}), vec({1, 1}));
  check_slopes(
      [](const Var& x) {
        return scan([](const Var& v, const Var& h) { return where(v < 100.0, v * v, h); },
                    {.sequences = x, .outputs_info = sqrt(x[0])})
            .outputs[0];
      },
      vec({0, 4}), vec({0, 8}));
  // A loop in a loop.
  check_slopes(
      [](const Var& x) {
        const auto row = [&](const Var& v) {
          const Var h = scan([&](const Var& h) { return where(v > 1.0, sqrt(h) * v, h + v); },
                             {.outputs_info = v * v, .n_steps = 2})
                            .outputs[0];
          return h[-1];
        };
        return map(row, x).outputs[0];
      },
      vec({0, 4}), vec({2, 8}));
}
