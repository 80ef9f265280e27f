#include <cstring>
#include <functional>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/text/graph_text.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/numpy_values.hpp"
#include "tests/support/values.hpp"

// The numbers below are NumPy 1.24.2's, printed by the Python line above them, where
//   import numpy; R = numpy.random.RandomState; n = 100000
//   bits = lambda x: (x.view("u8") * numpy.arange(1, len(x) + 1, dtype="u8")).sum()
using namespace damo;
using test::check_same_bits;
using test::contains;
using test::error_of;
using test::start_at;

namespace {

constexpr std::int64_t n = 100000;

/// A fingerprint of the bits of float64 numbers and their places.
std::uint64_t bits(const Array& x) {
  std::uint64_t sum = 0;
  for (std::int64_t i = 0; i < x.elements(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, x.data<double>() + i, sizeof word);
    sum += word * static_cast<std::uint64_t>(i + 1);
  }
  return sum;
}

/// What a draw of `make` gives where R(7) starts, compiled or node by node.
template <class Make>
Array drawn(Make&& make, bool compiled = true) {
  RandomStream rng = RandomStream::numpy_compatible(1);
  const Var draw = make(rng);
  start_at(rng, 7);
  return compiled ? function({}, {draw})()[0] : evaluate(draw);
}

Var number(double x) { return constant(test::number(x)); }

}  // namespace

TEST_CASE("numpy streams: gumbel and exponential and laplace and logistic are RandomState's") {
  using R = RandomStream&;
  const auto x = number(0.3), s = number(1.7);
  for (const bool compiled : {true, false}) {
    // bits(R(7).gumbel(.3, 1.7, n)); .exponential(1.7, n); .laplace(.3, 1.7, n);
    // .logistic(.3, 1.7, n)
    CHECK(bits(drawn([&](R r) { return r.gumbel({n}, x, s, float64); }, compiled)) ==
          17161631839484982411U);
    CHECK(bits(drawn([&](R r) { return r.exponential({n}, s, float64); }, compiled)) ==
          12603192155596506992U);
    CHECK(bits(drawn([&](R r) { return r.laplace({n}, x, s, float64); }, compiled)) ==
          11147756875530654778U);
    CHECK(bits(drawn([&](R r) { return r.logistic({n}, x, s, float64); }, compiled)) ==
          8959974530686698704U);
  }
  // R(7).gumbel(.3, 1.7, 3); .laplace(.3, 1.7, 3)
  check_same_bits(drawn([&](R r) { return r.gumbel({3}, x, s, float64); }),
                  test::vector({4.60703120066246, -0.40481276884305256, 1.2349055552066628}));
  check_same_bits(drawn([&](R r) { return r.laplace({3}, x, s, float64); }),
                  test::vector({-2.8957050910930233, 1.6950395397980311, 0.07652597998486213}));
}

TEST_CASE("numpy streams: gamma is RandomState's for every size of shape") {
  // bits(R(7).gamma(shape, 1.7, n))
  const std::pair<double, std::uint64_t> shapes[] = {{0.05, 1015394840333790915U},
                                                     {0.5, 1671280006397063597U},
                                                     {1, 12603192155596506992U},
                                                     {2.5, 14761311560642165876U},
                                                     {1000, 1267577632920204012U}};
  for (const auto& [given, expected] : shapes) {
    const double shape = given;
    CAPTURE(shape);
    CHECK(bits(drawn([&](RandomStream& r) {
            return r.gamma({n}, number(shape), number(1.7), float64);
          })) == expected);
  }
  // bits(R(7).gamma(numpy.linspace(0, 3, n), 1, n)): shape 0 gives 0
  std::vector<double> grid(n);
  for (std::size_t i = 0; i < grid.size(); ++i) grid[i] = static_cast<double>(i) * (3.0 / (n - 1));
  grid.back() = 3;
  CHECK(bits(drawn([&](RandomStream& r) {
          return r.gamma({n}, constant(Array::from(grid)), 1.0, float64);
        })) == 13969198108919474188U);
}

TEST_CASE("numpy streams: beta is RandomState's down to shapes whose powers vanish") {
  // bits(R(7).beta(a, b, n))
  struct Case {
    double a, b;
    std::uint64_t expected;
  };
  const Case cases[] = {{0.3, 0.7, 6007904354047461413U}, {0.001, 0.002, 3910025203876927802U},
                        {1, 1, 5388807437414265728U},     {2, 3, 13905336656968720545U},
                        {0.5, 4, 16452029378860123558U},  {1e-4, 1e-4, 7785918440615658701U}};
  for (const Case& c : cases) {
    CAPTURE(c.a);
    CHECK(bits(drawn([&](RandomStream& r) {
            return r.beta({n}, number(c.a), number(c.b), float64);
          })) == c.expected);
  }
}

TEST_CASE("numpy streams: float32 draws of every kind are float64 ones rounded") {
  using R = RandomStream&;
  const auto check = [](auto&& make) {
    check_same_bits(drawn([&](R r) { return make(r, float32); }),
                    drawn([&](R r) { return make(r, float64); }).cast(float32));
  };
  const Var x = number(0.3), s = number(1.7);
  check([&](R r, DType d) { return r.gumbel({500}, x, s, d); });
  check([&](R r, DType d) { return r.exponential({500}, s, d); });
  check([&](R r, DType d) { return r.laplace({500}, x, s, d); });
  check([&](R r, DType d) { return r.logistic({500}, x, s, d); });
  check([&](R r, DType d) { return r.gamma({500}, s, x, d); });
  check([&](R r, DType d) { return r.beta({500}, s, x, d); });
}

TEST_CASE("numpy streams: a float literal is what floatX makes of it, in every draw") {
  using R = RandomStream&;
  constexpr std::int64_t n = 20000;
  const std::vector<std::function<Var(R, const Arg&)>> draws{
      [](R r, const Arg& p) { return r.uniform({n}, 0.0, p); },
      [](R r, const Arg& p) { return r.normal({n}, p, p); },
      [](R r, const Arg& p) { return r.gumbel({n}, p, p); },
      [](R r, const Arg& p) { return r.exponential({n}, p); },
      [](R r, const Arg& p) { return r.laplace({n}, p, p); },
      [](R r, const Arg& p) { return r.logistic({n}, p, p); },
      [](R r, const Arg& p) { return r.gamma({n}, p, p); },
      [](R r, const Arg& p) { return r.beta({n}, p, p); },
      [](R r, const Arg& p) { return r.lognormal({n}, p, p); },
      [](R r, const Arg& p) { return r.chisquare({n}, p); },
      [](R r, const Arg& p) { return r.t({n}, p); },
      [](R r, const Arg& p) { return r.weibull({n}, p); },
      [](R r, const Arg& p) { return r.pareto({n}, p); },
      [](R r, const Arg& p) { return r.rayleigh({n}, p); },
      [](R r, const Arg& p) { return r.triangular({n}, 0.0, p, 1.0); },
      [](R r, const Arg& p) { return r.vonmises({n}, p, p); },
      [](R r, const Arg& p) { return r.wald({n}, p, p); },
      [](R r, const Arg& p) { return r.geometric({n}, p); },
      [](R r, const Arg& p) { return r.negative_binomial({n}, p, p); },
      [](R r, const Arg& p) { return r.poisson({n}, p); },
      [](R r, const Arg& p) { return r.bernoulli(p, {n}); },
      [](R r, const Arg& p) { return r.binomial({.n = 9, .p = p, .size = Sizes{n}}); }};
  const Var rounded = constant(Array::scalar(0.1).cast(floatX()));
  for (std::size_t i = 0; i < draws.size(); ++i) {
    CAPTURE(i);
    RandomStream a = RandomStream::numpy_compatible(5), b = RandomStream::numpy_compatible(5);
    test::check_same_bits(evaluate(draws[i](a, 0.1)), evaluate(draws[i](b, rounded)));
  }
  RandomStream c = RandomStream::numpy_compatible(5);
  const Var wide = constant(test::number(static_cast<double>(0.1F)));
  RandomStream d = RandomStream::numpy_compatible(5);
  test::check_same_bits(evaluate(c.geometric({n}, 0.1)), evaluate(d.geometric({n}, wide)));
}

TEST_CASE("numpy streams: draws by rejection go on where they stopped in loops and calls") {
  // x = R(7); [x.gamma(1.5, size=2) for i in range(6)] is R(7).gamma(1.5, size=12)
  RandomStream rng = RandomStream::numpy_compatible(1);
  const auto [outs, updates] =
      scan([&] { return rng.gamma({2}, 1.5, 1.0, float64); }, {.n_steps = 3});
  Function f = function({}, {outs[0]});
  start_at(rng, 7);
  const Array all = drawn([](RandomStream& r) { return r.gamma({12}, 1.5, 1.0, float64); });
  for (std::int64_t call = 0; call < 2; ++call) {
    const Outputs steps = f();
    check_same_bits(
        steps[0],
        Array::from(all.values<double>().subspan(static_cast<std::size_t>(6 * call), 6), {3, 2}));
  }
}

TEST_CASE("numpy streams: location and scale of the further draws have gradients") {
  RandomStream rng = RandomStream::numpy_compatible(3);
  const Var location = scalar("location", float64), scale = scalar("scale", float64);
  const std::vector<std::pair<Var, Array>> at{{location, test::number(0.5)},
                                              {scale, test::number(2)}};
  for (const Var& draw :
       {rng.gumbel({5}, location, scale, float64), rng.laplace({5}, location, scale, float64),
        rng.logistic({5}, location, scale, float64),
        location + rng.exponential({5}, scale, float64),
        location + rng.gamma({5}, 1.5, scale, float64)}) {
    const double total = evaluate(sum(draw), at).item<double>();
    CHECK(evaluate(grad(sum(draw), location), at).item<double>() == 5);
    CHECK(evaluate(grad(sum(draw), scale), at).item<double>() ==
          doctest::Approx((total - 2.5) / 2).epsilon(1e-12));
  }
}

TEST_CASE("numpy streams: the further draws come back from text and refuse wrong parameters") {
  RandomStream rng = RandomStream::numpy_compatible(3);
  const Var a = dvector("a");
  const Vars draws{rng.gumbel({5}),   rng.exponential({5}), rng.laplace({5}),
                   rng.logistic({5}), rng.gamma({2}, a),    rng.beta({2}, a, 2.0)};
  const FunctionGraph graph{{a}, draws, {}, ""};
  CHECK(parse(print(graph)) == graph);
  CHECK(contains(print(graph), "= numpy_gumbel{float64 (5,)}("));
  Function gamma = function({a}, {draws[4]});
  CHECK(contains(error_of<NumericError>([&] {
                   gamma(std::vector<double>{1, -2});
                 }),
                 "element 1 has the parameters -2: a positive shape is needed"));
  Function beta = function({a}, {draws[5]});
  CHECK(contains(error_of<NumericError>([&] {
                   beta(std::vector<double>{1, 0});
                 }),
                 "element 1 has the parameters 0, 2: a and b positive is needed"));
  CHECK_THROWS_AS(rng.gumbel({2}, 0.0, -1.0), NumericError);
  CHECK_THROWS_AS(rng.gumbel({2}, 0.0, 1.0, int64), TypeError);
  const std::string philox =
      "damo graph 1 {\n  %0 = input : int64 (3,)\n"
      "  %1 = constant{5} : int64 ()\n"
      "  %2 = gumbel{float64 (5,)}(%0, %1) : float64 (5,)\n  outputs %2\n}";
  CHECK(contains(error_of<GraphError>([&] { parse(philox); }), "the name of an op"));
}
