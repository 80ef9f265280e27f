#include <limits>
#include <random>

#include <damo/damo.hpp>
#include <damo/graph/text/print.hpp>
#include "tests/support/slopes.hpp"
#include "tests/support/values.hpp"

// What a choice does not take contributes nothing to derivatives, whatever it computes.
using namespace damo;
using test::all_modes;
using test::check_close;
using test::check_slopes;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

Array vec(std::vector<double> values) { return test::vector(std::move(values)); }

}  // namespace

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

TEST_CASE("unchosen branch: sums, products, indexing, reshapes and joins keep apart what counts") {
  const double third = 1 / 3.0;
  // The scalar root is infinite at 0 and counts nowhere.
  check_slopes([](const Var& x) { return where(x > 1.0, x * sqrt(x[0]), x); }, vec({0, 1, 0.5}),
               vec({1, 1, 1}));
  check_slopes([](const Var& x) { return where(x[range(2)] > 1.0, sqrt(x)[range(2)], 0.0); },
               vec({0, 4, 9}), vec({0, 0.25, 0}));
  check_slopes(
      [](const Var& x) {
        const Var r = reshape(sqrt(x), Sizes{2, 2});
        const Var m = reshape(x, Sizes{2, 2}) > 1.0;
        return sum(where(m.T(), r.T(), 0.0), 0);
      },
      vec({0, 4, 9, 0}), vec({0, 0.25, 0.5 * third, 0}));
  check_slopes(
      [](const Var& x) {
        const Var both = concatenate({sqrt(x), log(x)}, 0);
        return where(concatenate({x, x}, 0) > 1.0, both, 0.0);
      },
      vec({0, 4}), vec({0, 0.5}));
  check_slopes([](const Var& x) { return where(sum(x) > 100.0, prod(log(x)), sum(x)); },
               vec({0, 4}), vec({1, 1}));
  check_slopes([](const Var& x) { return where(x > 1.0, cumsum(sqrt(x), 0), 0.0); }, vec({4, 0, 0}),
               vec({0.25, 0, 0}));
}

TEST_CASE("unchosen branch: rows that a product should not read are not read") {
  for (const Mode& mode : all_modes()) {
    const Var x = dmatrix("x");
    const Var w = dmatrix("w");
    const Var v = dvector("v");
    const Var keep = bvector("keep");
    const Var rows = dimshuffle(keep, {0, newaxis});
    const Var loss = sum(where(rows, sqr(dot(x, w)), 0.0));
    const Var single = sum(where(keep, tanh(dot(x, v)), 0.0));
    const Var all = dot(x, w);
    const Var finite = sum(where(isnan(all), 0.0, all));
    Function f =
        function({x, w, v, keep},
                 {grad(loss, w), grad(loss, x), grad(single, v), grad(finite, w), grad(finite, x)},
                 {.mode = mode});
    const Outputs out =
        f(test::array({2, 2}, {1, 2, not_a_number, inf}), test::array({2, 2}, {1, 0, 1, 1}),
          vec({0, 0}), Array::from<bool>({true, false}));
    // x w = (3, 2): the gradient is 2 x.T (3, 2).
    check_close(out[0], test::array({2, 2}, {6, 4, 12, 8}), 1e-14);
    check_close(out[1], test::array({2, 2}, {6, 10, 0, 0}), 1e-14);
    check_close(out[2], vec({1, 2}), 1e-14);
    check_close(out[3], test::array({2, 2}, {1, 1, 2, 2}), 1e-14);
    check_close(out[4], test::array({2, 2}, {1, 2, 0, 0}), 1e-14);
  }
}

TEST_CASE("unchosen branch: an infinity is left out where only what is not chosen reads it") {
  const auto kept = [](const Var& all, const std::vector<bool>& which) {
    const Var keep = constant(Array::from(which, Shape{2, 2}));
    return sum(where(all.ndim() == 3 ? expand_dims(keep, 0) : keep, all, 0.0));
  };
  for (const Mode& mode : all_modes()) {
    const Var x = dmatrix("x"), w = dmatrix("w");
    const Var batch = batched_dot(expand_dims(x, 0), expand_dims(w, 0))[0];
    for (const Var& all : {dot(x, w), batch}) {
      const Var some = kept(all, {true, false, false, true});
      const Var both = kept(all, {true, true, false, true});
      Function f = function({x, w}, {grad(some, x), grad(some, w), grad(both, x)}, {.mode = mode});
      const Array good = test::array({2, 2}, {1, 2, 3, 4});
      // Row 0 reads column 0 of w, row 1 column 1.
      Outputs out = f(good, test::array({2, 2}, {5, inf, 7, 8}));
      check_close(out[0], test::array({2, 2}, {5, 7, inf, 8}), 0);
      check_close(out[1], test::array({2, 2}, {1, 3, 2, 4}), 0);
      check_close(out[2], test::array({2, 2}, {inf, 15, inf, 8}), 0);
      // Column 0 of w is read by row 0 of x, column 1 by row 1.
      out = f(test::array({2, 2}, {1, not_a_number, 3, 4}), good);
      check_close(out[0], test::array({2, 2}, {1, 3, 2, 4}), 0);
      check_close(out[1], test::array({2, 2}, {1, 3, not_a_number, 4}), 0);
      out = f(good, good);
      check_close(out[0], test::array({2, 2}, {1, 3, 2, 4}), 0);
      check_close(out[1], test::array({2, 2}, {1, 3, 2, 4}), 0);
    }
  }
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

TEST_CASE("unchosen branch: a product of what is infinite counts nowhere where it is not taken") {
  const auto scalar_cost = [](const Var& x) {
    const Var d = dot(log(x), x);
    return where(d > -1000.0, d, sum(x));
  };
  check_slopes(scalar_cost, vec({0, 2}), vec({1, 1}), vec({0, 0}));
  check_slopes([](const Var& x) { return maximum(dot(log(x), x + 1.0), 0.0); }, vec({0, 2}),
               vec({0, 0}));
  check_slopes([](const Var& x) { return where(sum(x) > 100.0, outer(log(x), x), 0.0); },
               vec({0, 2}), vec({0, 0}), vec({0, 0}));
  check_slopes(
      [](const Var& x) {
        const Var image = reshape(x, {1, 1, 2, 2});
        return where(sum(x) > 100.0, conv2d(log(image), image), 0.0);
      },
      vec({0, 2, 1, 3}), vec({0, 0, 0, 0}));
  check_slopes([](const Var& x) { return where(sum(x) > 100.0, prod(log(x) * x), sum(x)); },
               vec({0, 2}), vec({1, 1}), vec({0, 0}));
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

namespace {

/// A convolution of x (2, 2, 4, 3) with two filters, of any kind.
struct SomeConvolution {
  explicit SomeConvolution(std::mt19937& rng)
      : transposed(rng() % 3 == 0),
        options{.stride = {1 + static_cast<int>(rng() % 2), 1},
                .groups = 1 + static_cast<int>(rng() % 2)} {
    if (!transposed && rng() % 2) options.border = Border::full;
  }
  Var operator()(const Var& x, const Var& w) const {
    return transposed ? conv2d_transpose(x, w, options) : conv2d(x, w, options);
  }
  bool transposed;
  Conv2dOptions options;
};

}  // namespace

// The slopes are those where what only unchosen elements read is 0.
TEST_CASE("unchosen branch: random convolutions with random choices, and either operand") {
  std::mt19937 rng(43);
  const std::vector<double> wild{inf, -inf, not_a_number};
  const Var x = tensor4("x", float64), w = tensor4("w", float64), c = tensor4("c", float64);
  int planted = 0;
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    const SomeConvolution convolution(rng);
    const auto random = [&](const Shape& shape, int values) {
      Array a(float64, shape);
      for (std::int64_t i = 0; i < a.elements(); ++i)
        a.data<double>()[i] = static_cast<double>(rng() % static_cast<unsigned>(values)) - 3;
      return a;
    };
    std::vector<Array> at{random({2, 2, 4, 3}, 7),
                          random({2, 2 / convolution.options.groups, 2, 2}, 7)};
    const Var y = convolution(x, w);
    const Shape sizes = function({x, w}, {y})(at[0], at[1])[0].shape();
    at.push_back(random(sizes, 6));
    const Var one = specify_shape(c(all(), range(1), range(1), range(1)), {-1, 1, 1, 1});
    const Var chosen = (round % 2 ? c : one) > 0.5;  // for each element, or for a whole result
    const Vars slopes = grad(sum(where(chosen, y * (1.0 + y), 0.0)), Vars{x, w});
    const Var met = sum(where(chosen, convolution(abs(x) + 1.0, abs(w) + 1.0), 0.0));
    const Vars read = grad(met, Vars{x, w});
    Function reads = function({x, w, c}, {read[0], read[1]}, {.mode = Mode::none()});
    const std::size_t operand = rng() % 2;
    Array& changed = at[operand];
    std::fill_n(changed.data<double>(), changed.elements(), 1.0);
    const Array weight = reads(at[0], at[1], at[2])[operand];
    Array clean = changed;
    for (std::int64_t i = 0; i < changed.elements(); ++i) {
      changed.data<double>()[i] = clean.data<double>()[i] = static_cast<double>(rng() % 7) - 3;
      if (weight.data<double>()[i] != 0) continue;
      clean.data<double>()[i] = 0;
      changed.data<double>()[i] = wild[rng() % 3];
      ++planted;
    }
    Function f =
        function({x, w, c}, {slopes[0], slopes[1]},
                 {.mode = all_modes()[static_cast<std::size_t>(round) % all_modes().size()]});
    const Outputs found = f(at[0], at[1], at[2]);
    std::swap(changed, clean);
    const Outputs expected = f(at[0], at[1], at[2]);
    check_close(found[0], expected[0], 1e-12);
    check_close(found[1], expected[1], 1e-12);
  }
  CHECK(planted > 100);
}

TEST_CASE("unchosen branch: what is convolved or pooled may be steep where it is not taken") {
  const auto second_of_two = [](const Var& y) {
    return where(cast(constant(vec({0, 1})), y.dtype()) > 0.5, y, 0.0);
  };
  check_slopes(
      [&](const Var& x) {
        const Var image = reshape(x, {1, 1, 2, 3});
        return second_of_two(conv2d(sqrt(image), ones({1, 1, 2, 2}, x.dtype())));
      },
      vec({0, 1, 4, 0, 1, 4}), vec({0, 0.5, 0.25, 0, 0.5, 0.25}),
      vec({0, -0.25, -1.0 / 32, 0, -0.25, -1.0 / 32}));
  check_slopes(
      [&](const Var& x) {
        const Var filters = reshape(x, {2, 1, 1, 2});
        const Var y = conv2d(ones({1, 1, 1, 2}, x.dtype()), log(filters));
        return second_of_two(flatten(y));
      },
      vec({0, 0, 1, 4}), vec({0, 0, 1, 0.25}), vec({0, 0, -1, -1.0 / 16}));
  check_slopes(
      [&](const Var& x) {
        return second_of_two(max_pool2d(sqrt(reshape(x, {1, 1, 2, 4})), {2, 2}));
      },
      vec({0, 0, 4, 0, 0, 0, 1, 0}), vec({0, 0, 0.25, 0, 0, 0, 0, 0}));
  check_slopes(
      [&](const Var& x) {
        return second_of_two(mean_pool2d(log(reshape(x, {1, 1, 2, 4})), {2, 2}));
      },
      vec({0, 0, 4, 1, 0, 0, 1, 2}), vec({0, 0, 1.0 / 16, 0.25, 0, 0, 0.25, 0.125}));
}

// Elements that only unchosen elements of a product read may be anything: the slopes are those
// where they are 0.
TEST_CASE(
    "unchosen branch: random products with random choices, of every rank and either operand") {
  std::mt19937 rng(41);
  const std::vector<double> wild{inf, -inf, not_a_number};
  for (int round = 0; round < 120; ++round) {
    CAPTURE(round);
    const int ranks = round % 4;  // vector or matrix on either side
    const bool batched = round % 3 == 0;
    const std::int64_t m = 1 + rng() % 3, k = 1 + rng() % 3, n = 1 + rng() % 3;
    const Shape left = batched ? Shape{2, m, k} : ranks & 1 ? Shape{k} : Shape{m, k};
    const Shape right = batched ? Shape{2, k, n} : ranks & 2 ? Shape{k} : Shape{k, n};
    const auto random = [&](const Shape& shape) {
      Array a(float64, shape);
      for (std::int64_t i = 0; i < a.elements(); ++i)
        a.data<double>()[i] = static_cast<double>(rng() % 7) - 3;
      return a;
    };
    Array a = random(left), b = random(right);
    const Var x = input({float64, Shape(std::vector<std::int64_t>(left.rank(), unknown))}, "x");
    const Var w = input({float64, Shape(std::vector<std::int64_t>(right.rank(), unknown))}, "w");
    const Var product = batched ? batched_dot(x, w) : dot(x, w);
    // A mark for all, for each row, each column, or each element.
    std::vector<std::int64_t> sizes =
        batched ? std::vector<std::int64_t>{2, m, n} : std::vector<std::int64_t>{};
    if (!batched && left.rank() == 2) sizes.push_back(m);
    if (!batched && right.rank() == 2) sizes.push_back(n);
    for (std::int64_t& size : sizes) {
      if (rng() % 2 == 0) size = 1;
    }
    Array mask(boolean, Shape(sizes));
    for (std::int64_t i = 0; i < mask.elements(); ++i) mask.data<bool>()[i] = rng() % 2 == 0;
    const Var marks = constant(mask);
    const auto cost = [&](const Var& y) { return sum(where(marks, sqr(y) + y, 0.5)); };
    // Which elements the chosen ones read: those whose change shows.
    const Array one_a =
        Array::from(std::vector<double>(static_cast<std::size_t>(a.elements()), 1.0), left);
    const Array one_b =
        Array::from(std::vector<double>(static_cast<std::size_t>(b.elements()), 1.0), right);
    const Var chosen = sum(where(marks, product, 0.0));
    Function reads = function({x, w}, grad(chosen, {x, w}));
    const Outputs read = reads(one_a, one_b);
    Array clean_a = a, clean_b = b;
    for (auto* pair : {&a, &b}) {
      Array& clean = pair == &a ? clean_a : clean_b;
      const Array& how = read[pair == &a ? 0 : 1];
      for (std::int64_t i = 0; i < pair->elements(); ++i) {
        if (how.data<double>()[i] != 0) continue;
        clean.data<double>()[i] = 0;
        if (rng() % 2 == 0) pair->data<double>()[i] = wild[rng() % wild.size()];
      }
    }
    const Vars slopes = grad(cost(product), {x, w});
    for (const Mode& mode : {Mode::none(), Mode::fast()}) {
      Function f = function({x, w}, slopes, {.mode = mode});
      const Outputs found = f(a, b);
      const Outputs truth = f(clean_a, clean_b);
      for (std::size_t i = 0; i < 2; ++i) check_close(found[i], truth[i], 1e-13);
    }
  }
}
