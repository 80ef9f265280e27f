#include <cmath>
#include <functional>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

Var numbers(const std::vector<double>& values) { return constant(Array::from(values)); }
Var integers(const std::vector<std::int64_t>& values) { return constant(Array::from(values)); }

/// What a distribution is asked for: a sample of `size` with `a` for each of its parameters.
struct Asked {
  const char* name;
  std::function<Var(RandomStream&, const Sizes& size, const Arg& a)> draw;
  bool numpy = true;
};

/// Every continuous distribution, by each of its parameters.
std::vector<Asked> continuous() {
  return {
      {"uniform: low", [](auto& r, auto& s, auto& a) { return r.uniform(s, a, 9.0); }},
      {"uniform: high", [](auto& r, auto& s, auto& a) { return r.uniform(s, 0.0, a); }},
      {"normal: mean", [](auto& r, auto& s, auto& a) { return r.normal(s, a); }},
      {"normal: stddev", [](auto& r, auto& s, auto& a) { return r.normal(s, 0.0, a); }},
      {"gumbel: location", [](auto& r, auto& s, auto& a) { return r.gumbel(s, a); }},
      {"gumbel: scale", [](auto& r, auto& s, auto& a) { return r.gumbel(s, 0.0, a); }},
      {"laplace: location", [](auto& r, auto& s, auto& a) { return r.laplace(s, a); }},
      {"laplace: scale", [](auto& r, auto& s, auto& a) { return r.laplace(s, 0.0, a); }},
      {"logistic: location", [](auto& r, auto& s, auto& a) { return r.logistic(s, a); }},
      {"logistic: scale", [](auto& r, auto& s, auto& a) { return r.logistic(s, 0.0, a); }},
      {"exponential: scale", [](auto& r, auto& s, auto& a) { return r.exponential(s, a); }},
      {"gamma: shape", [](auto& r, auto& s, auto& a) { return r.gamma(s, a); }},
      {"gamma: scale", [](auto& r, auto& s, auto& a) { return r.gamma(s, 2.0, a); }},
      {"beta: a", [](auto& r, auto& s, auto& a) { return r.beta(s, a, 2.0); }},
      {"beta: b", [](auto& r, auto& s, auto& a) { return r.beta(s, 2.0, a); }},
      {"truncated_normal: low",
       [](auto& r, auto& s, auto& a) { return r.truncated_normal(s, a, 9.0); }, false},
      {"truncated_normal: high",
       [](auto& r, auto& s, auto& a) { return r.truncated_normal(s, -9.0, a); }, false},
      {"truncated_normal: mean",
       [](auto& r, auto& s, auto& a) { return r.truncated_normal(s, -9.0, 9.0, a); }, false},
      {"truncated_normal: stddev",
       [](auto& r, auto& s, auto& a) { return r.truncated_normal(s, -9.0, 9.0, 0.0, a); }, false},
  };
}

/// Every draw of counts, likewise; `a` is between 0 and 1.
std::vector<Asked> discrete() {
  return {
      {"bernoulli: p", [](auto& r, auto& s, auto& a) { return r.bernoulli(a, s); }},
      {"binomial: p",
       [](auto& r, auto& s, auto& a) { return r.binomial({.n = 3, .p = a, .size = s}); }},
      {"binomial: n",
       [](auto& r, auto& s, auto& a) {
         return r.binomial({.n = cast(a + 2, int64), .p = 0.5, .size = s});
       }},
      {"poisson: rate", [](auto& r, auto& s, auto& a) { return r.poisson(s, a); }},
      {"randint: low", [](auto& r, auto& s, auto& a) { return r.randint(s, cast(a, int64), 9); }},
      {"randint: high",
       [](auto& r, auto& s, auto& a) { return r.randint(s, 0, cast(a + 5, int64)); }},
  };
}

std::vector<std::pair<std::string, RandomStream>> streams() {
  return {{"Philox", RandomStream(1)}, {"NumPy", RandomStream::numpy_compatible(1)}};
}

}  // namespace

TEST_CASE("draws: parameters out of range are refused with node and value and line") {
  RandomStream rng(1);
  const auto refused = [](const Var& draw, const std::string& part) {
    const std::string direct = error_of<NumericError>([&] { evaluate(draw); });
    const std::string compiled = error_of<NumericError>([&] { function({}, {draw})(); });
    for (const std::string& text : {direct, compiled}) {
      CAPTURE(text);
      CHECK(contains(text, part));
      CHECK(contains(text, "draw_parameters_test.cpp"));
    }
  };
  refused(rng.binomial({.n = 3, .p = numbers({0.5, 1.5})}), "element 1 has the parameters 3, 1.5");
  refused(rng.poisson(numbers({2, -1})), "element 1 has the parameters -1");
  refused(rng.poisson(numbers({std::nan("")})), "nan");
  refused(rng.gamma({2}, numbers({1, 0}), 1.0, float64), "a positive shape is needed");
  refused(rng.beta({1}, 1.0, numbers({-2})), "1, -2");
  refused(rng.truncated_normal({1}, numbers({2}), 1.0), "low below high");
  refused(rng.randint({2}, integers({1, 5}), 5), "5, 5: low below high is needed");
  refused(rng.categorical(numbers({0.5, -0.5})), "probability 1 of row 0 is -0.5");
  refused(rng.multinomial(numbers({0, 0})), "none of the 2 probabilities");
  refused(rng.multinomial(-integers({1})[0], numbers({1, 2})), "-1");
  refused(rng.choice(3, 4, false), "4 rows are to be drawn without replacement from 3");
  refused(rng.choice(3, 3, false, numbers({0.5, 0, 0.5})), "from 2 with a positive probability");
  refused(rng.choice(2, 3, true, numbers({0.5, -1})), "-1");
}

TEST_CASE("draws: numbers out of range are refused when the draw is made") {
  RandomStream rng(1);
  CHECK(contains(error_of<NumericError>([&] { rng.normal({2}, 0.0, -1.0); }),
                 "normal: the scale -1 is negative, at draw_parameters_test.cpp"));
  CHECK(contains(error_of<NumericError>([&] { rng.uniform({2}, 3.0, 1.0); }), "high is 1"));
  CHECK_THROWS_AS(rng.gumbel({2}, 0.0, -1.0), NumericError);
  CHECK_THROWS_AS(rng.laplace({2}, 0.0, -1.0), NumericError);
  CHECK_THROWS_AS(rng.logistic({2}, 0.0, -1.0), NumericError);
  CHECK_THROWS_AS(rng.exponential({2}, -1.0), NumericError);
  CHECK_THROWS_AS(rng.gamma({2}, 1.0, -1.0), NumericError);
  CHECK_THROWS_AS(rng.uniform({2}, 0.0, 1.0, int64), TypeError);
  CHECK_THROWS_AS(rng.gamma({2}, 1.0, 1.0, int64), TypeError);
  CHECK_THROWS_AS(rng.categorical(constant(Array::from<std::int64_t>({1, 2}))), TypeError);
  CHECK_THROWS_AS(rng.choice(3, 1, true, constant(Array(float64, {2, 2}))), TypeError);
}

TEST_CASE("draws: what a sampler cannot use is refused when the draw is made, with the line") {
  for (auto& [title, stream] : streams()) {
    CAPTURE(title);
    RandomStream& rng = stream;
    const auto refused = [](const std::function<void()>& make, const std::string& part) {
      const std::string text = error_of<NumericError>(make);
      CAPTURE(text);
      CHECK(contains(text, part));
      CHECK(contains(text, "draw_parameters_test.cpp"));
    };
    refused([&] { rng.poisson(-1.0); }, "poisson: the rate cannot be -1");
    refused([&] { rng.poisson({2}, constant(Array::scalar(-1.0))); }, "-1");
    refused([&] { rng.randint({2}, 5, 5); }, "low is 5 and high is 5");
    refused([&] { rng.gamma({2}, -0.5); }, "gamma: the shape cannot be -0.5");
    refused([&] { rng.beta({2}, 1.0, 0.0); }, "beta: b cannot be 0");
    refused([&] { rng.bernoulli(1.5); }, "cannot be 1.5");
    refused([&] { rng.binomial({.n = -1, .p = 0.5}); }, "n cannot be -1");
    refused([&] { rng.binomial({.n = 3, .p = -0.5}); }, "cannot be -0.5");
    refused([&] { rng.multinomial(-1, numbers({0.5, 0.5})); }, "n cannot be -1");
    refused([&] { rng.permutation(-1); }, "n cannot be -1");
    refused([&] { rng.choice(3, -1); }, "the count cannot be -1");
    refused([&] { rng.normal({2}, 0.0, std::nan("")); }, "no number");
    refused([&] { rng.uniform({2}, 1.0, 0.0); }, "low no larger than high");
  }
  RandomStream rng(1);
  CHECK(contains(error_of<ShapeError>([&] { rng.normal({-1}); }), "at draw_parameters_test.cpp"));
  CHECK_THROWS_AS(rng.randint({2, -3}, 0, 5), ShapeError);
  CHECK_THROWS_AS(rng.gamma({2}, 0.0), NumericError);
  CHECK_THROWS_AS(rng.truncated_normal({2}, 1.0, 1.0), NumericError);
  // As RandomState.gamma(0.0, size=2).
  const Var none = RandomStream::numpy_compatible(1).gamma({2}, 0.0);
  test::check_close(evaluate(none), test::vector({0, 0}), 0);
}

TEST_CASE("draws: a count that is a float is a TypeError that names the cast and the line") {
  for (auto& [title, stream] : streams()) {
    CAPTURE(title);
    RandomStream& rng = stream;
    const Var n = scalar("n"), half = constant(test::number(0.5));
    const std::function<void()> calls[] = {[&] {
                                             rng.multinomial(n, numbers({0.5, 0.5}));
                                           },
                                           [&] { rng.randint({2}, 0, n); },
                                           [&] { rng.randint({2}, n, 9); },
                                           [&] { rng.permutation(n); },
                                           [&] { rng.binomial({.n = n, .p = half}); },
                                           [&] { rng.choice(n, 2); },
                                           [&] { rng.choice(4, n); }};
    for (const auto& call : calls) {
      const std::string text = error_of<TypeError>(call);
      CAPTURE(text);
      CHECK(contains(text, "cast(n, int64)"));
      CHECK(contains(text, "draw_parameters_test.cpp"));
    }
  }
}

TEST_CASE("draws: a parameter larger than the sample is refused by every distribution") {
  std::vector<Asked> all = continuous();
  for (Asked& asked : discrete()) all.push_back(std::move(asked));
  const Var known = constant(Array::from<double>({0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, {3, 2}));
  const Var three = constant(Array::from<double>({0.1, 0.2, 0.3}));
  const Var open = matrix("m", float64), n = lscalar("n");
  for (auto& [title, stream] : streams()) {
    for (const Asked& asked : all) {
      if (!asked.numpy && title == "NumPy") continue;
      const std::string name = title + " " + asked.name;
      CAPTURE(name);
      const auto made = [&](const Sizes& size, const Var& a) {
        return error_of<ShapeError>([&] { asked.draw(stream, size, a); });
      };
      // As numpy.random.RandomState().normal(mean_3x2, size=2): "shape mismatch".
      CHECK(contains(made({2}, known), "draw_parameters_test.cpp"));
      const auto runs = [&](const Var& draw, std::int64_t rows, const Array& a) {
        Function f = function({open, n}, {draw}, {.on_unused_input = Unused::ignore});
        return f(a, rows)[0];
      };
      const Array six = Array::from<double>({0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, {3, 2});
      const Var fits = asked.draw(stream, Sizes{n, 2}, open);
      CHECK(runs(fits, 3, six).shape() == Shape{3, 2});
      CHECK_THROWS_AS(runs(fits, 4, six), ShapeError);
      const Var one_row = asked.draw(stream, Sizes{1, 2}, open);
      CHECK_THROWS_AS(runs(one_row, 1, six), ShapeError);
      const Var stretched = asked.draw(stream, Sizes{n, 3}, three);
      CHECK(runs(stretched, 2, six).shape() == Shape{2, 3});
    }
  }
}

TEST_CASE("draws: the dtype of the float parameters decides, floatX where there is none") {
  const Var wide = constant(Array::scalar(0.5)), narrow = constant(Array::scalar(0.5F));
  for (auto& [title, stream] : streams()) {
    for (const Asked& asked : continuous()) {
      if (!asked.numpy && title == "NumPy") continue;
      const std::string name = title + " " + asked.name;
      CAPTURE(name);
      CHECK(asked.draw(stream, {2}, wide).dtype() == float64);
      CHECK(asked.draw(stream, {2}, narrow).dtype() == float32);
      CHECK(asked.draw(stream, {2}, 0.5).dtype() == floatX());
    }
    CHECK(stream.normal({2}, wide, narrow).dtype() == float64);
    CHECK(stream.normal({2}, wide, 1.0, float32).dtype() == float32);
    CHECK(stream.normal({2}, constant(Array::scalar(std::int64_t{1}))).dtype() == floatX());
    CHECK(stream.bernoulli(wide).dtype() == float64);
    CHECK(stream.bernoulli(narrow).dtype() == float32);
    CHECK(stream.binomial({.n = 3, .p = wide}).dtype() == float64);
    CHECK(stream.bernoulli(wide, int64).dtype() == int64);
    CHECK(stream.poisson(wide).dtype() == int64);
  }
}

TEST_CASE("draws: integers are uniform over ranges wider than 53 bits") {
  const std::int64_t wide = std::int64_t{1} << 53;
  CHECK(evaluate(RandomStream(3).randint({}, wide, wide + 1)).item<std::int64_t>() == wide);
  CHECK_THROWS_AS(RandomStream(3).randint({}, wide + 1, wide + 1), NumericError);
  constexpr std::int64_t low = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t high = std::numeric_limits<std::int64_t>::max();
  const Array all = evaluate(RandomStream(3).randint({4000}, low, high));
  double below = 0, odd = 0;
  for (const std::int64_t k : all.values<std::int64_t>()) {
    below += k < 0 ? 1 : 0;
    odd += k % 2 != 0 ? 1 : 0;
  }
  // Four standard deviations of 4000 fair coins are 126.
  CHECK(std::abs(below - 2000) < 126);
  CHECK(std::abs(odd - 2000) < 126);
}

TEST_CASE("draws: bernoulli takes p beyond its range for the nearest bound") {
  RandomStream rng(1);
  const Array k = evaluate(rng.bernoulli(numbers({-1, 0, 1, 2, std::nan("")})));
  test::check_close(k, test::vector({0, 0, 1, 1, 0}), 0);
}

TEST_CASE("draws: rounding does not lead a truncated normal out of its bounds") {
  RandomStream rng(5);
  const Array x = evaluate(rng.truncated_normal({20000}, 0.1, 0.1001, 7.0, 300.0));
  for (const float v : x.values<float>()) {
    CHECK(v >= 0.1F);
    CHECK(v <= 0.1001F);
  }
}

TEST_CASE("draws: a scalar and an empty tensor are sizes like others") {
  RandomStream rng(2);
  const Var n = lscalar("n");
  const auto check = [&](const Var& scalar_draw, const Var& draw, const std::string& shape) {
    CHECK(to_string(evaluate(scalar_draw).shape()) == "()");
    Function f = function({n}, {draw});
    CHECK(to_string(f(0)[0].shape()) == shape);
    CHECK(f(3)[0].shape()[0] == 3);
  };
  const Var half = constant(test::number(0.5));
  check(rng.uniform({}), rng.uniform({n, 2}), "(0, 2)");
  check(rng.normal({}), rng.normal({n, 2}), "(0, 2)");
  check(rng.truncated_normal({}, -1.0, 1.0), rng.truncated_normal({n, 2}, -1.0, 1.0), "(0, 2)");
  check(rng.bernoulli(half), rng.bernoulli(half, {n, 2}), "(0, 2)");
  check(rng.binomial({.n = 4, .p = half}), rng.binomial({.n = 4, .p = half, .size = Sizes{n}}),
        "(0,)");
  check(rng.poisson(half), rng.poisson({n, 2}, half), "(0, 2)");
  check(rng.gamma({}, 2.0), rng.gamma({n, 2}, 2.0), "(0, 2)");
  check(rng.beta({}, 2.0, 1.0), rng.beta({n, 2}, 2.0, 1.0), "(0, 2)");
  check(rng.exponential({}), rng.exponential({n}), "(0,)");
  check(rng.gumbel({}), rng.gumbel({n}), "(0,)");
  check(rng.laplace({}), rng.laplace({n}), "(0,)");
  check(rng.logistic({}), rng.logistic({n}), "(0,)");
  check(rng.randint({}, 0, 9), rng.randint({n, 2}, 0, 9), "(0, 2)");
  const Var rows = full({n, 2}, half);
  check(rng.categorical(numbers({1, 2})), rng.categorical(rows), "(0,)");
  check(rng.choice(5, 1)[0], rng.multinomial(rows), "(0, 2)");
  check(sum(rng.multinomial(3, numbers({1, 2}))), rng.multinomial(3, rows), "(0, 2)");
  check(rng.permutation(1)[0], rng.permutation(n), "(0,)");
  check(rng.choice(5, 1, false)[0], rng.choice(5, n, false), "(0,)");
  check(rng.choice(3, 1, false, numbers({1, 2, 3}))[0], rng.choice(3, n, true, numbers({1, 2, 3})),
        "(0,)");
  check(rng.shuffle(numbers({1}))[0], rng.shuffle(rows), "(0, 2)");
}

TEST_CASE("draws: derivatives in location and scale are those of finite differences") {
  RandomStream rng(3);
  const Var a = vector("a", float64), b = vector("b", float64);
  const Array at = test::vector({0.3, -0.4, 0.8}), scale = test::vector({0.7, 1.1, 2.0});
  const Sizes size{4, 3};
  const double infinity = std::numeric_limits<double>::infinity();
  const std::pair<const char*, Var> draws[] = {
      {"uniform", rng.uniform(size, a, a + b, float64)},
      {"normal", rng.normal(size, a, b, float64)},
      {"gumbel", rng.gumbel(size, a, b, float64)},
      {"laplace", rng.laplace(size, a, b, float64)},
      {"logistic", rng.logistic(size, a, b, float64)},
      {"exponential", a + rng.exponential(size, b, float64)},
      {"gamma", a + rng.gamma(size, 2.5, b, float64)},
      {"truncated_normal", rng.truncated_normal(size, -0.5, 1.5, a, b, float64)},
      {"truncated_normal by its bounds", rng.truncated_normal(size, a, a + b, 0.0, 1.0, float64)},
      {"truncated_normal in a tail",
       rng.truncated_normal(size, a + 5, a + b + 6, 0.0, 1.0, float64)},
      {"truncated_normal far out",
       rng.truncated_normal(size, a + 50, a + b * 0.01 + 50, 0.0, 1.0, float64)},
      {"truncated_normal far below",
       rng.truncated_normal(size, a - b - 70, a - 70, 0.0, 1.0, float64)},
      {"truncated_normal far out on one side",
       rng.truncated_normal(size, 45 * b, infinity, a, b, float64)},
      {"truncated_normal on one side", rng.truncated_normal(size, -infinity, 1.5, a, b, float64)}};
  for (const auto& [title, draw] : draws) {
    const std::string name = title;
    CAPTURE(name);
    verify_grad(draw, {a, b}, {at, scale}, {.second_order = true, .forward_mode = true});
  }
  CHECK(contains(error_of<GradError>([&] { grad(sum(rng.binomial({.n = 5, .p = b})), b); }),
                 "random draw"));
}

TEST_CASE("draws: a uniform number of zero leaves gumbel and laplace and logistic finite") {
  const std::int64_t zero = 50919;  // where seed 283 has it
  const Sizes size{60000};
  CHECK(evaluate(RandomStream(283).uniform(size)).data<float>()[zero] == 0);
  RandomStream g(283), l(283), s(283);
  for (const Var& draw : {g.gumbel(size), l.laplace(size), s.logistic(size)})
    CHECK(std::isfinite(evaluate(draw).data<float>()[zero]));
}
