#include "examples/energy/zoo.hpp"
#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

TEST_CASE("energy annealing: the bracket holds the exact log Z, of every kind of unit") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const Var W = weights({4, 3}, 1, "W"), b = weights({4}, 2, "b"), U = weights({3, 2}, 3, "U"),
              Y = weights({2, 3, 3}, 4, "Y"), L = weights({4, 4}, 5, "L");
    const Unit v = bernoulli("v", 4), h = spin("h", 3), g = bernoulli("g", 2), s = spin("s", 4),
               y = categorical("y", 2, 3), k = binomial("k", 4, 2), n = counts("n", 4, 3),
               x = gaussian("x", 4), e = truncated_exponential("e", 4);
    const std::vector<EnergyModel> models{
        {-dot(v, b) - sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}}},
        {-dot(v, b) - sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1),
         {.visible = {v}, .hidden = {h, g}}},
        {-sum(tensordot(y, Y, 2) * h, 1), {.visible = {y}, .hidden = {h}}},
        {-dot(k, b) - sum(dot(k, W) * h, 1), {.visible = {k}, .hidden = {h}}},
        {-dot(n, b) - sum(dot(n, W) * h, 1), {.visible = {n}, .hidden = {h}}},
        {-sum(dot(s, L) * s, 1) / 2, {.visible = {s}, .blocks = colored()}},
        {sum(sqr(x - b), 1) - sum(dot(x, W) * h, 1), {.visible = {x}, .hidden = {h}}},
        {-dot(e, b) - sum(dot(e, W) * h, 1), {.visible = {e}, .hidden = {h}}},
    };
    for (std::size_t i = 0; i < models.size(); ++i) {
      CAPTURE(i);
      const double truth = value(models[i].log_z());
      const LogZ z =
          estimate_log_z(models[i], {.chains = 300, .steps = 200, .rng = RandomStream(i + 1)});
      CHECK(z.lower <= truth + 1e-3);
      CHECK(z.upper >= truth - 1e-3);
      CHECK(z.converged);
      CHECK(std::abs(z.value - truth) < 0.1);
      CHECK(z.effective_chains > 100);
    }
  }
}

TEST_CASE("energy annealing: a base near the model leaves little to estimate") {
  const FloatXScope scope(float64);
  const SharedVar W = weights({8, 3}, 1, "W", 0.2), b = weights({8}, 2, "b", 2);
  const Unit v = bernoulli("v", 8), h = bernoulli("h", 3);
  const EnergyModel m(-dot(v, b) - sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}});
  const double truth = value(m.log_z());
  const LogZ far = estimate_log_z(m, {.chains = 50, .steps = 10, .rng = RandomStream(1)});
  const LogZ near =
      estimate_log_z(m, {.chains = 50, .steps = 10, .rng = RandomStream(1), .base = -dot(v, b)});
  CHECK(near.standard_error < far.standard_error);
  CHECK(near.lower <= truth);
  CHECK(near.upper >= truth);
}

TEST_CASE("energy annealing: too short a run says that it has not converged") {
  const FloatXScope scope(float64);
  const SharedVar W = weights({20, 20}, 1, "W", 3);
  const Unit v = spin("v", 20), h = spin("h", 20);
  const EnergyModel m(-sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}});
  const LogZ z = estimate_log_z(m, {.chains = 20, .steps = 3, .rng = RandomStream(1)});
  CHECK(!z.converged);
  CHECK(z.value < z.reverse);
}

TEST_CASE("energy diagnostics: an AR(1) chain has its closed forms") {
  // x' = a x + noise: autocorrelation a^k, time (1 + a) / (1 - a).
  const FloatXScope scope(float64);
  for (const double a : {0.0, 0.5, 0.9}) {
    RandomStream rng(3);
    const Var noise = rng.normal({20000, 8});
    const Var start = rng.normal({8}) / std::sqrt(1 - a * a);
    const Var path = scan([&](const Var& e, const Var& x) { return a * x + e; },
                          {.sequences = {noise}, .outputs_info = {start}})
                         .outputs[0];
    Function f = function({}, {autocorrelation(path, 5), autocorrelation_time(path, 200),
                               effective_sample_size(path, 200), r_hat(path)});
    const Outputs out = f();
    for (int lag = 0; lag <= 5; ++lag)
      CHECK(std::abs(numbers(out[0])[static_cast<std::size_t>(lag)] - std::pow(a, lag)) < 0.03);
    const double time = (1 + a) / (1 - a);
    CHECK(out.scalar<double>(1) == doctest::Approx(time).epsilon(0.1));
    CHECK(out.scalar<double>(2) == doctest::Approx(160000 / time).epsilon(0.1));
    CHECK(out.scalar<double>(3) == doctest::Approx(1).epsilon(0.01));
  }
  // Chains around different means do not agree.
  const Var apart = RandomStream(3).normal({500, 4}) + arange(4);
  CHECK(value(r_hat(apart)) > 1.5);
}

TEST_CASE("energy diagnostics: tempered chains keep each temperature's distribution") {
  const FloatXScope scope(float64);
  // Two wells that plain sweeps do not leave: all up, or all down and a little deeper.
  const Unit s = spin("s", 8), h = bernoulli("h", 1);
  const SharedVar w = shared(Array(float64, {8, 1}), "w");
  w.set_array(evaluate(full({8, 1}, Arg(2.5).var(float64))));
  const EnergyModel m(-sum(dot(s, w) * (2 * h - 1), 1) + 0.05 * sum(s, 1),
                      {.visible = {s}, .hidden = {h}});
  RandomStream rng(2);
  const std::vector<double> betas{1, 0.7, 0.45, 0.25, 0.1, 0};
  const Vars first{ones({6 * 100, 8}), ones({6 * 100, 1})};
  const ParallelTempering chains =
      parallel_tempering(m, first, {.k = 1, .rng = rng, .betas = betas, .rounds = 400});
  const auto plain = m.gibbs(Vars{ones({100, 8}), ones({100, 1})}, {.k = 400, .rng = rng});
  Function f = function({}, {chains.state[0](range(0, 100)), chains.swap_rates, plain.state[0]});
  const Outputs out = f();
  double up = 0, stuck = 0;
  for (const double x : numbers(out[0])) up += x > 0 ? 1.0 / 800 : 0;
  for (const double x : numbers(out[2])) stuck += x > 0 ? 1.0 / 800 : 0;
  const double truth = 1 / (1 + std::exp(2 * 8 * 0.05));
  CHECK(std::abs(up - truth) < 0.2);
  CHECK(stuck > 0.95);
  for (const double rate : numbers(out[1])) {
    CHECK(rate > 0.05);
    CHECK(rate <= 1);
  }
}

TEST_CASE("energy annealing: the gain of a step is the difference of marginal energies") {
  const FloatXScope scope(float64);
  for (const zoo::Entry& entry : zoo::entries()) {
    CAPTURE(entry.name);
    if (entry.own_check != nullptr) continue;  // has no conditionals
    const zoo::SmallModel small = entry.small(float64);
    const EnergyModel& m = small.model;
    const Block first = m.blocks().front();
    if (!small.inputs.empty() || first.color >= 0) continue;
    const Vars states = m.random_state(5, RandomStream(3));
    const Var from = Arg(0.3).var(float64), to = Arg(0.45).var(float64);
    const Var gain = m.tempering_gain(from, to, {}, first.units, states);
    const Var difference = m.tempered(from).marginal_energy(first.units, states) -
                           m.tempered(to).marginal_energy(first.units, states);
    const std::vector<Array> both = evaluate(Vars{gain, difference});
    check_numbers(numbers(both[0]), numbers(both[1]), 1e-12);
  }
}

TEST_CASE("energy annealing: the gain of a short step keeps its digits in float32") {
  const auto gain = [](DType dtype, double to) {
    const auto of_dtype = [&](const Var& x) { return constant(evaluate(x).cast(dtype)); };
    const Var W = of_dtype(models::normal_parameter({300, 200}, 0.5, 1, "W", float32));
    const Unit v = bernoulli("v", 300, dtype), h = bernoulli("h", 200, dtype);
    const EnergyModel m(-sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}});
    const Var x = of_dtype(RandomStream(1).bernoulli(0.5 * ones({4, 300}), float32));
    return numbers(
        evaluate(m.tempering_gain(Arg(0.5).var(dtype), Arg(to).var(dtype), {}, {h}, {x, Var()})));
  };
  const double to = 0.5 + 1.0 / 8192;  // without an error in float32
  check_numbers(gain(float32, to), gain(float64, to), 1e-5);
}
