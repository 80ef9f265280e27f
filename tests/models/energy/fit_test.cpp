#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

TEST_CASE("energy fit: likelihoods and the gap are those of enumeration, within the bracket") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const SmallRbm m;
    const Array train = evaluate(m.x);
    const Array valid = evaluate(RandomStream(5).bernoulli(0.3 * ones({20, 4})));
    const Fit fit = measure_fit(m.model, {train}, {valid},
                                {.chains = 200, .steps = 300, .rng = RandomStream(1)});
    const double z = exact_log_z(m.model);
    const double on_train = numbers(evaluate(mean(m.model.free_energy({constant(train)}))))[0];
    const double on_valid = numbers(evaluate(mean(m.model.free_energy({constant(valid)}))))[0];
    CHECK(fit.gap() == doctest::Approx(on_valid - on_train).epsilon(1e-5));
    CHECK(std::abs(fit.train() - (-on_train - z)) < 0.05);
    CHECK(-fit.free_energy_valid - fit.log_z.upper <= -on_valid - z + 1e-3);
    CHECK(-fit.free_energy_valid - fit.log_z.lower >= -on_valid - z - 1e-3);
    for (const char* part : {"log-likelihood: train", "valid", "free-energy gap", "log Z"})
      CHECK(contains(fit.text(), part));
    CHECK(!contains(fit.text(), "not converged"));
  }
}

TEST_CASE("energy fit: what units count for themselves is part of the likelihood") {
  const FloatXScope scope(float64);
  const Var W = weights({3, 2}, 1, "W");
  const Unit k = binomial("k", 3, 2), h = spin("h", 2);
  const EnergyModel m(-sum(dot(k, W) * h, 1), {.visible = {k}, .hidden = {h}});
  // Over all states the exponentials of log-likelihoods sum to 1.
  const Joint states(m.visible());
  double total = 0;
  for (std::size_t r = 0; r < states.rows; ++r) {
    const Array row = evaluate(constant(states.values[0])[range(r, r + 1)]);
    Fit fit = measure_fit(m, {row}, {row}, {.chains = 2, .steps = 1});
    fit.log_z.value = exact_log_z(m);
    total += std::exp(fit.valid());
  }
  CHECK(total == doctest::Approx(1).epsilon(1e-10));
}

TEST_CASE("energy fit: a log Z that is not converged is said to be, with why") {
  const FloatXScope scope(float64);
  const SharedVar W = weights({20, 20}, 1, "W", 3);
  const Unit v = spin("v", 20), h = spin("h", 20);
  const EnergyModel m(-sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}});
  const Array x = evaluate(m.random_state(4, RandomStream(2))[0]);
  const Fit fit = measure_fit(m, {x}, {x}, {.chains = 20, .steps = 3, .rng = RandomStream(1)});
  CHECK(contains(fit.text(), "not converged: the b"));
  LogZ crossed;
  crossed.lower = 2;
  crossed.upper = 1;
  CHECK(contains(crossed.text(), "the bounds contradict each other"));
}
