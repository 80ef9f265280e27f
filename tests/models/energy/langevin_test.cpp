#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

// The mean of x^2 over the second half of the path, and of the acceptance.
std::pair<double, double> second_moment(const EnergyModel& m, double step, bool adjusted) {
  RandomStream rng(3);
  const Langevin chains = langevin(m, {zeros({400, m.visible()[0].n()}, m.energy().dtype())},
                                   {.k = 400, .step = step, .rng = rng, .adjusted = adjusted});
  Function f = function({}, {mean(sqr(chains.path[0](range(200, 400)))), mean(chains.acceptance)});
  const Outputs out = f();
  return {numbers(out[0])[0], numbers(out[1])[0]};
}

}  // namespace

TEST_CASE("langevin: on normal numbers the unadjusted chain has its known variance, MALA none") {
  for (const DType dtype : {float64, float32}) {
    const Unit x = gaussian("x", 5, dtype);
    const EnergyModel m(sum(sqr(x), 1) / 2, {.visible = {x}});
    const auto [plain, all] = second_moment(m, 0.5, false);
    CHECK(plain == doctest::Approx(1 / (1 - 0.5 / 4)).epsilon(0.01));
    CHECK(all == 1);
    const auto [exact, accepted] = second_moment(m, 0.5, true);
    CHECK(exact == doctest::Approx(1).epsilon(0.01));
    CHECK(accepted > 0.85);
    CHECK(accepted < 1);
  }
}

TEST_CASE("langevin: an energy of any form is sampled, and longer steps are refused more often") {
  const Unit x = gaussian("x", 2, float64);
  const EnergyModel m(sum(sqr(sqr(x)), 1) / 4, {.visible = {x}});
  // 2 Gamma(3/4) / Gamma(1/4)
  const double truth = 2 * std::tgamma(0.75) / std::tgamma(0.25);
  const auto [moment, accepted] = second_moment(m, 0.3, true);
  CHECK(moment == doctest::Approx(truth).epsilon(0.015));
  CHECK(second_moment(m, 1.0, true).second < accepted);
}

TEST_CASE("langevin: hidden units are summed out") {
  const FloatXScope scope(float64);
  const Unit x = gaussian("x", 2), h = bernoulli("h", 2);
  const Var W = weights({2, 2}, 1, "W", 1);
  const EnergyModel m(sum(sqr(x), 1) / 2 - sum(dot(x, W) * h, 1), {.visible = {x}, .hidden = {h}});
  RandomStream rng(1);
  const Vars start{zeros({400, 2}), zeros({400, 2})};
  const auto blocks = m.gibbs(start, {.k = 200, .rng = rng});
  const Langevin chains = langevin(m, {start[0]}, {.k = 600, .step = 0.8, .rng = rng});
  const std::vector<Array> both = evaluate(
      Vars{mean(sqr(blocks.state[0]), 0), mean(sqr(chains.path[0](range(200, 600))), {0, 1})});
  check_numbers(numbers(both[1]), numbers(both[0]), 0.15);
}

TEST_CASE("langevin: units that are no real numbers are refused by name") {
  const SmallRbm m;
  const std::string said = error_of<GraphError>(
      [&] { static_cast<void>(langevin(m.model, {m.x}, {.rng = RandomStream(1)})); });
  CHECK(contains(said, "langevin: visible units must be real numbers"));
  CHECK(contains(said, "bernoulli"));
}
