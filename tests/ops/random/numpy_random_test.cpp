#include <numeric>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/random/numpy_random_state.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/numpy_values.hpp"
#include "tests/support/values.hpp"

// The numbers below are NumPy 1.24.2's, printed by the Python line above them, where
//   import numpy; R = numpy.random.RandomState
//   mix = lambda x: (x.sum(), (x * numpy.arange(len(x))).sum())
using namespace damo;
using test::check_same_bits;
using test::contains;
using test::error_of;
using test::Integers;
using test::integers;
using test::Mix;
using test::mix;
using test::start_at;

namespace {

/// The seeds that Theano's RandomStreams(seed) gives its draws.
std::vector<std::uint64_t> seeds_of(std::uint64_t seed, int n) {
  NumpyRandomState seeds(seed);
  std::vector<std::uint64_t> result;
  for (int i = 0; i < n; ++i)
    result.push_back(static_cast<std::uint64_t>(seeds.randint(std::int64_t{1} << 30)));
  return result;
}

}  // namespace

TEST_CASE("numpy streams: draws of a graph are those of RandomState") {
  // p = numpy.linspace(0, 1, 100001); mix(R(7).binomial(1, p))
  std::vector<double> grid(100001);
  for (std::size_t i = 0; i < grid.size(); ++i) grid[i] = static_cast<double>(i) / 100000;
  RandomStream a = RandomStream::numpy_compatible(1);
  const Var hits = a.bernoulli(constant(Array::from(grid)), int64);
  start_at(a, 7);
  CHECK(mix(evaluate(hits)) == Mix{50073, 3338669517});
  // mix(R(7).poisson(rate, 200000))
  const std::pair<double, Mix> rates[] = {{0.0, {0, 0}},
                                          {0.5, {100197, 10019106239}},
                                          {3.0, {601021, 60128285537}},
                                          {9.99, {1999303, 199885534707}},
                                          {10.0, {2001699, 200161574387}},
                                          {25.0, {5002933, 500294996817}},
                                          {1000.0, {200018492, 20002280702172}},
                                          {1e6, {200000638201, 19999977930921491}}};
  for (const auto& [given, expected] : rates) {
    const double rate = given;
    CAPTURE(rate);
    RandomStream b = RandomStream::numpy_compatible(1);
    const Var events = b.poisson({200000}, constant(test::number(rate)));
    start_at(b, 7);
    CHECK(mix(evaluate(events)) == expected);
  }
  // R(7).multinomial(500, [.1, .2, .05, .65], size=20000): x.sum(0); mix(x.ravel())
  RandomStream c = RandomStream::numpy_compatible(1);
  Array p(float64, {20000, 4});
  for (std::int64_t i = 0; i < p.elements(); ++i)
    p.data<double>()[i] =
        std::vector<double>{0.1, 0.2, 0.05, 0.65}[static_cast<std::size_t>(i % 4)];
  const Var counts = c.multinomial(500, constant(p));
  start_at(c, 7);
  CHECK(integers(evaluate(sum(counts, 0))) == Integers{1000572, 2000487, 499081, 6499860});
  CHECK(mix(evaluate(counts)).second == 400002498229);
  // q = numpy.arange(1, 1001.); q /= q.sum(); mix(R(7).choice(1000, 600, False, q))[1]
  std::vector<double> q(1000);
  for (std::size_t i = 0; i < q.size(); ++i) q[i] = static_cast<double>(i + 1) / 500500;
  RandomStream d = RandomStream::numpy_compatible(1);
  const Var chosen = d.choice(1000, 600, false, constant(Array::from(q)));
  start_at(d, 7);
  CHECK(mix(evaluate(chosen)).second == 106639369);
}

TEST_CASE("numpy streams: every kind of choice is that of RandomState") {
  const Var p = constant(test::vector({0.1, 0, 0.2, 0.3, 0.4}));
  const Var rows = constant(test::vector({0.2, 0.3, 0.5}));
  const auto drawn = [](auto&& draw) {
    RandomStream rng = RandomStream::numpy_compatible(1);
    const Var v = draw(rng);
    start_at(rng, 42);
    return integers(evaluate(v));
  };
  using R = RandomStream&;
  // R(42).choice(5, 8, True, p); .choice(5, 4, False, p); .choice(10, 4, False); .choice(10, 6)
  CHECK(drawn([&](R r) { return r.choice(5, 8, true, p); }) == Integers{3, 4, 4, 3, 2, 2, 0, 4});
  CHECK(drawn([&](R r) { return r.choice(5, 4, false, p); }) == Integers{3, 4, 0, 2});
  CHECK(drawn([&](R r) { return r.choice(10, 4, false); }) == Integers{8, 1, 5, 0});
  CHECK(drawn([&](R r) { return r.choice(10, 6); }) == Integers{6, 3, 7, 4, 6, 9});
  // R(42).permutation(10); R(42).randint(-5, 5, size=8)
  CHECK(drawn([&](R r) { return r.permutation(10); }) == Integers{8, 1, 5, 0, 7, 2, 9, 4, 3, 6});
  CHECK(drawn([&](R r) { return r.randint({8}, -5, 5); }) == Integers{1, -2, 2, -1, 1, 4, -3, 1});
  // R(42).multinomial(1, [.2, .3, .5], size=4): 0 1 0, 0 0 1, 0 0 1, 0 1 0
  CHECK(drawn([&](R r) {
          return r.categorical(broadcast_to(rows, {4, 3}));
        }) == Integers{1, 2, 2, 1});
  CHECK(drawn([&](R r) {
          return r.multinomial(broadcast_to(rows, {4, 3}));
        }) == Integers{0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0});
}

TEST_CASE("numpy streams: each draw is seeded in order of creation as by Theano") {
  RandomStream rng = RandomStream::numpy_compatible(234);
  const Var u = rng.uniform({2, 2}, 0.0, 1.0, float64);
  const Var z = rng.normal({3}, 0.5, 2.0, float64);
  const Var k =
      rng.binomial({.n = 1, .p = constant(test::vector({0.1, 0.5, 0.9})), .dtype = int64});
  Function f = function({}, {u, z, k});
  // seeds = R(234); s = [seeds.randint(2**30) for i in range(3)]
  // R(s[0]).uniform(size=(2, 2)), again; R(s[1]).normal(.5, 2, 3), again;
  // R(s[2]).binomial(1, [.1, .5, .9]), again
  const Outputs first = f();
  check_same_bits(first[0], test::array({2, 2}, {0.12672381400898758, 0.9709159656786431,
                                                 0.13989097862581312, 0.887548254199325}));
  check_same_bits(first[1],
                  test::vector({1.246568945534983, -0.8149334374586965, -0.22604745751585764}));
  CHECK(integers(first[2]) == Integers{0, 0, 1});
  const Outputs second = f();
  check_same_bits(second[0], test::array({2, 2}, {0.3197141503373775, 0.47584376667160355,
                                                  0.24129163169315337, 0.4204608139408894}));
  check_same_bits(second[1],
                  test::vector({-1.4496924910027211, -3.1704178294471634, -0.7202135222642583}));
  CHECK(integers(second[2]) == Integers{0, 1, 1});
}

TEST_CASE("numpy streams: float32 draws are float64 ones rounded in every mode") {
  for (const Mode& mode : {Mode::fast(), Mode::none()}) {
    RandomStream rng = RandomStream::numpy_compatible(3);
    const auto seeds = seeds_of(3, 2);
    const Var u = rng.uniform({1000}, -0.1, 0.7), z = rng.normal({1000}, 0.3, 1.7);
    Function f = function({}, {u, z}, {.mode = mode});
    const Outputs out = f();
    // Theano hands numbers over in floatX.
    const double low = -0.1F;
    const double high = 0.7F;
    check_same_bits(out[0], NumpyRandomState(seeds[0]).uniform(low, high, {1000}).cast(float32));
    check_same_bits(out[1], NumpyRandomState(seeds[1]).normal(0.3F, 1.7F, {1000}).cast(float32));
  }
}

TEST_CASE("numpy streams: loops carry the state from step to step and to the next call") {
  const std::uint64_t seed = seeds_of(9, 1)[0];
  const Array truth = NumpyRandomState(seed).uniform(0, 1, {30});
  for (const bool pass_updates : {false, true}) {
    for (const Mode& mode : {Mode::fast(), Mode::none()}) {
      RandomStream rng = RandomStream::numpy_compatible(9);
      auto [outs, updates] =
          scan([&] { return rng.uniform({3}, 0.0, 1.0, float64); }, {.n_steps = 5});
      Function f =
          function({}, {outs[0]}, {.updates = pass_updates ? updates : Updates{}, .mode = mode});
      for (std::int64_t call = 0; call < 2; ++call) {
        const Outputs out = f();
        CHECK(std::equal(out[0].values<double>().begin(), out[0].values<double>().end(),
                         truth.data<double>() + call * 15));
      }
      CHECK(rng.draws() == Integers{10});
    }
  }
}

TEST_CASE("numpy streams: loops in loops draw on") {
  const std::uint64_t seed = seeds_of(9, 1)[0];
  const Array truth = NumpyRandomState(seed).normal(0, 1, {24});
  for (const bool pass_updates : {false, true}) {
    RandomStream rng = RandomStream::numpy_compatible(9);
    const auto row = [&](Var) -> StepResult {
      auto [inner, inner_updates] =
          scan([&] { return rng.normal({}, 0.0, 1.0, float64); }, {.n_steps = 3});
      if (pass_updates) return {{inner[0]}, inner_updates};
      return {{inner[0]}};
    };
    const Var x = constant(test::vector({0, 0, 0, 0}));
    auto [outs, updates] = scan(row, {.sequences = {x}});
    Function f = function({}, {outs[0]}, {.updates = pass_updates ? updates : Updates{}});
    for (std::int64_t call = 0; call < 2; ++call) {
      const Outputs out = f();
      CHECK(std::equal(out[0].values<double>().begin(), out[0].values<double>().end(),
                       truth.data<double>() + call * 12));
    }
  }
}

TEST_CASE("numpy streams: gradients flow through location and scale and through loops") {
  const std::uint64_t seed = seeds_of(4, 1)[0];
  const Array z = NumpyRandomState(seed).normal(0, 1, {6});
  RandomStream rng = RandomStream::numpy_compatible(4);
  const Var s = scalar("s", float64);
  auto [outs, updates] = scan([&](Var h) { return 0.5 * h + rng.normal({2}, 0.0, s, float64); },
                              {.outputs_info = {constant(test::vector({0, 0}))}, .n_steps = 3});
  const Var cost = sum(outs[0][-1]);
  Function f = function({s}, {cost, grad(cost, s)});
  double expected = 0;
  for (int i = 0; i < 6; ++i) expected += z.data<double>()[i] * std::pow(0.5, 2 - i / 2);
  const Outputs out = f(2.0);
  CHECK(out.scalar<double>(0) == doctest::Approx(2 * expected).epsilon(1e-14));
  CHECK(out.scalar<double>(1) == doctest::Approx(expected).epsilon(1e-14));
}

TEST_CASE("numpy streams: sizes may be symbolic and zero") {
  RandomStream rng = RandomStream::numpy_compatible(3);
  const Var n = lscalar("n");
  const Var u = rng.uniform({n, 2}, 0.0, 1.0, float64);
  Function f = function({n}, {u});
  const Array truth = NumpyRandomState(seeds_of(3, 1)[0]).uniform(0, 1, {3, 2});
  CHECK(to_string(f(0)[0].shape()) == "(0, 2)");
  check_same_bits(f(3)[0], truth);
}

TEST_CASE("numpy streams: states and seeds bring the numbers back") {
  RandomStream rng = RandomStream::numpy_compatible(5);
  const Var z = rng.normal({3});
  Function f = function({}, {z});
  const Outputs first = f();
  const Array state = rng.state();  // a normal number waits
  CHECK(to_string(state.shape()) == "(1, 316)");
  const Outputs second = f();
  rng.set_state(state);
  check_same_bits(f()[0], second[0]);
  rng.seed(5);
  check_same_bits(f()[0], first[0]);
  rng.seed(6);
  check_same_bits(f()[0], NumpyRandomState(seeds_of(6, 1)[0]).normal(0, 1, {3}).cast(float32));
  NumpyRandomState a(8);
  a.normal();
  NumpyRandomState b(9);
  b.set_state(a.state());
  CHECK(b.normal() == a.normal());
}

TEST_CASE("numpy streams: what they cannot do is said") {
  RandomStream rng = RandomStream::numpy_compatible(5);
  CHECK(contains(error_of<GraphError>([&] { rng.truncated_normal({2}, 0.0, 1.0); }),
                 "does not draw truncated_normal"));
  CHECK_THROWS_AS(rng.replay(3), GraphError);
  CHECK(contains(error_of<NumericError>([] { RandomStream::numpy_compatible(1UL << 32U); }),
                 "4294967296"));
  const Var p = constant(test::vector({0.5, 1.5}));
  const std::string text = error_of<NumericError>([&] { evaluate(rng.bernoulli(p)); });
  CHECK(contains(text, "element 1 has the parameters 1.5"));
  CHECK(contains(text, "numpy_random_test.cpp"));
  CHECK(contains(error_of<NumericError>([&] { evaluate(rng.categorical(p)); }), "add up to 2"));
  CHECK_THROWS_AS(evaluate(rng.randint({1}, 3, 3)), NumericError);
}
