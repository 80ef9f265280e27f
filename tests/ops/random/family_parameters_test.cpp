#include <functional>
#include <map>
#include <string>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

const double inf = std::numeric_limits<double>::infinity();
const double not_a_number = std::numeric_limits<double>::quiet_NaN();

using Draw = std::function<Var(RandomStream&, const Arg&)>;

/// Draws by one parameter, and what is out of its range.
struct Asked {
  Draw draw;
  std::vector<double> refused;
};

const Sizes three{3};

const std::map<std::string, Asked> draws{
    {"lognormal", {[](auto& r, auto& a) { return r.lognormal(three, 0.0, a); }, {-1}}},
    {"chisquare", {[](auto& r, auto& a) { return r.chisquare(three, a); }, {-1, not_a_number}}},
    {"t: df", {[](auto& r, auto& a) { return r.t(three, a); }, {-1, 0, not_a_number}}},
    {"t: scale", {[](auto& r, auto& a) { return r.t(three, 2.0, 0.0, a); }, {-1, not_a_number}}},
    {"weibull: shape",
     {[](auto& r, auto& a) { return r.weibull(three, a); }, {-1, 0, not_a_number}}},
    {"weibull: scale",
     {[](auto& r, auto& a) { return r.weibull(three, 2.0, a); }, {-1, not_a_number}}},
    {"pareto", {[](auto& r, auto& a) { return r.pareto(three, a); }, {-1, 0, not_a_number}}},
    {"rayleigh", {[](auto& r, auto& a) { return r.rayleigh(three, a); }, {-1, not_a_number}}},
    {"inverse_gamma: shape",
     {[](auto& r, auto& a) { return r.inverse_gamma(three, a); }, {-1, 0, not_a_number}}},
    {"inverse_gamma: scale",
     {[](auto& r, auto& a) { return r.inverse_gamma(three, 2.0, a); }, {-1, not_a_number}}},
    {"generalized_gamma: alpha and p",
     {[](auto& r, auto& a) { return r.generalized_gamma(three, a, a); }, {-1, 0, not_a_number}}},
    {"generalized_gamma: lambda",
     {[](auto& r, auto& a) { return r.generalized_gamma(three, 2.0, 2.0, a); },
      {-1, not_a_number}}},
    {"triangular: mode",
     {[](auto& r, auto& a) { return r.triangular(three, 0.5, a, 2.0); }, {0, 3, not_a_number}}},
    {"triangular: all",
     {[](auto& r, auto& a) { return r.triangular(three, a, a, a); }, {1, not_a_number}}},
    {"halfnormal", {[](auto& r, auto& a) { return r.halfnormal(three, a); }, {-1, not_a_number}}},
    {"halfcauchy", {[](auto& r, auto& a) { return r.halfcauchy(three, a); }, {-1, not_a_number}}},
    {"truncated_exponential: b",
     {[](auto& r, auto& a) { return r.truncated_exponential(three, a); }, {-1, 0, not_a_number}}},
    {"truncated_exponential: scale",
     {[](auto& r, auto& a) { return r.truncated_exponential(three, 2.0, 0.0, a); },
      {-1, not_a_number}}},
    {"vonmises", {[](auto& r, auto& a) { return r.vonmises(three, 0.0, a); }, {-1, not_a_number}}},
    {"wald: mean", {[](auto& r, auto& a) { return r.wald(three, a, 1.0); }, {-1, 0, not_a_number}}},
    {"wald: scale",
     {[](auto& r, auto& a) { return r.wald(three, 1.0, a); }, {-1, 0, not_a_number}}},
    {"geometric", {[](auto& r, auto& a) { return r.geometric(three, a); }, {0, 1.5, not_a_number}}},
    {"negative_binomial: n",
     {[](auto& r, auto& a) { return r.negative_binomial(three, a, 0.5); }, {0, not_a_number}}},
    {"negative_binomial: p",
     {[](auto& r, auto& a) { return r.negative_binomial(three, 2.0, a); }, {0, not_a_number}}},
};

std::map<std::string, RandomStream> streams() {
  return {{"Philox", RandomStream(1)}, {"NumPy", RandomStream::numpy_compatible(1)}};
}

}  // namespace

TEST_CASE("families: a number out of range is refused when the draw is made, with the line") {
  for (auto& [stream, rng] : streams()) {
    for (const auto& [name, asked] : draws) {
      for (const double value : asked.refused) {
        CAPTURE(stream);
        CAPTURE(name);
        CAPTURE(value);
        const std::string text = error_of<NumericError>([&] { asked.draw(rng, value); });
        CHECK(contains(text, "family_parameters_test.cpp:"));
      }
    }
  }
}

TEST_CASE("families: an expression out of range is refused by the run, with the line") {
  for (auto& [stream, rng] : streams()) {
    for (const auto& [name, asked] : draws) {
      const Var one = dscalar("one"), each = dvector("each");
      Function of_one = function({one}, {asked.draw(rng, one)});
      Function of_each = function({each}, {asked.draw(rng, each)});
      for (const double value : asked.refused) {
        CAPTURE(stream);
        CAPTURE(name);
        CAPTURE(value);
        const std::string text = error_of<NumericError>([&] { of_one(value); });
        CHECK(contains(text, "family_parameters_test.cpp:"));
        error_of<NumericError>([&] { of_each(test::vector({1.0, value, 1.0})); });
      }
    }
  }
}

TEST_CASE("families: weights that are negative, infinite or no numbers are refused") {
  for (auto& [stream, rng] : streams()) {
    for (const double wrong : {-1.0, inf, not_a_number}) {
      CAPTURE(stream);
      CAPTURE(wrong);
      const Var p = constant(test::vector({wrong, 0.5, 0.5}));
      const std::string text =
          error_of<NumericError>([&] { evaluate(rng.multinomial_wo_replacement(p, 2)); });
      CHECK(contains(text, "multinomial_wo_replacement: a finite weight of at least 0 is needed"));
      CHECK(contains(text, "family_parameters_test.cpp:"));
      const Var alpha = constant(test::vector({wrong == inf ? -1 : wrong, 0.5, 0.5}));
      error_of<NumericError>([&] { evaluate(rng.dirichlet({2}, alpha)); });
    }
    error_of<NumericError>([&] {
      rng.multinomial_wo_replacement(constant(test::vector({1, 1})), -1);
    });
  }
}

TEST_CASE("families: counts that no sampler can make, or no int64 hold, are refused") {
  for (auto& [stream, rng] : streams()) {
    CAPTURE(stream);
    error_of<NumericError>([&] { evaluate(rng.hypergeometric(three, 3, 4, 8)); });
    error_of<NumericError>([&] { evaluate(rng.negative_binomial(three, 1e6, 1e-15)); });
    // A number keeps its digits: these are no float32.
    CHECK(evaluate(rng.geometric(three, 1e-15)).data<std::int64_t>()[0] > 1000000);
    CHECK(evaluate(rng.negative_binomial(three, 5.0, 1e-15)).data<std::int64_t>()[0] > 1000000);
  }
}

TEST_CASE("families: parameters larger than the sample are refused with the line") {
  const Var wide = constant(test::vector({1, 1, 1, 1}));
  RandomStream rng(2);
  for (const auto& make : std::vector<std::function<Var()>>{
           [&] {
             return rng.dirichlet({}, broadcast_to(wide, {2, 4}));
           },
           [&] {
             return rng.dirichlet({3}, broadcast_to(wide, {2, 4}));
           },
           [&] { return rng.lognormal(three, wide); }, [&] { return rng.pareto(three, wide); }}) {
    const std::string text = error_of<ShapeError>(make);
    CHECK(contains(text, "family_parameters_test.cpp:"));
  }
}

TEST_CASE("dirichlet: of shapes so small that gamma draws vanish parts still add up to 1") {
  for (const DType dtype : {float32, float64}) {
    for (const double a : {1e-1, 1e-3, 1e-6}) {
      CAPTURE(a);
      RandomStream rng(31);
      const Var alpha = cast(constant(test::vector({a, 2 * a})), dtype);
      const Var parts = rng.dirichlet({20000}, alpha);
      CHECK(parts.dtype() == dtype);
      const double off = evaluate(max(abs(sum(parts, 1) - 1))).cast(float64).data<double>()[0];
      CHECK(off < 1e-5);
      // The mean of the first part is a / (a + 2 a).
      const Array means = evaluate(mean(parts, 0)).cast(float64);
      CHECK(means.data<double>()[0] == doctest::Approx(1.0 / 3).epsilon(0.05));
    }
  }
}
