#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

std::vector<std::string> names(const Block& block) {
  std::vector<std::string> all;
  for (const Unit& u : block) all.push_back(u.name());
  return all;
}

// The mean of each column of `states` over rows and over calls.
template <class F>
Numbers long_run(F&& call, int calls, std::int64_t width) {
  Numbers mean(static_cast<std::size_t>(width), 0.0);
  for (int t = 0; t < calls; ++t) {
    const Numbers x = numbers(call());
    const double share = static_cast<double>(width) / static_cast<double>(calls * x.size());
    for (std::size_t i = 0; i < x.size(); ++i) mean[i % width] += x[i] * share;
  }
  return mean;
}

// The exact mean of a unit over all joint states.
Numbers exact_mean(const EnergyModel& m, std::size_t u) {
  const Joint joint(m.units());
  const Numbers w = log_weights(m, joint);
  const double z = log_sums(w, std::vector<std::size_t>(joint.rows, 0))[0];
  const Numbers x = numbers(joint.values[u]);
  Numbers mean(x.size() / joint.rows, 0.0);
  for (std::size_t i = 0; i < x.size(); ++i)
    mean[i % mean.size()] += x[i] * std::exp(w[i / mean.size()] - z);
  return mean;
}

}  // namespace

TEST_CASE("energy blocks: units that do not interact are drawn together, hidden ones first") {
  const FloatXScope scope(float64);
  const Var W = weights({3, 2}, 1, "W"), U = weights({2, 3}, 2, "U"), V = weights({3, 2}, 3, "V");
  const Unit v = bernoulli("v", 3), h = bernoulli("h", 2), g = bernoulli("g", 3);
  const EnergyModel rbm(-sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}});
  REQUIRE(rbm.blocks().size() == 2);
  CHECK(names(rbm.blocks()[0]) == std::vector<std::string>{"h"});
  CHECK(names(rbm.blocks()[1]) == std::vector<std::string>{"v"});
  const EnergyModel deep(-sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1),
                         {.visible = {v}, .hidden = {h, g}});
  REQUIRE(deep.blocks().size() == 2);
  CHECK(names(deep.blocks()[0]) == std::vector<std::string>{"h"});
  CHECK(names(deep.blocks()[1]) == std::vector<std::string>{"v", "g"});
  const EnergyModel triangle(
      -sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1) - sum(dot(g, V) * dot(v, W), 1),
      {.visible = {v}, .hidden = {h, g}});
  CHECK(triangle.blocks().size() == 3);
}

TEST_CASE("energy gibbs: long chains have the exact means, whatever the units") {
  for (const DType dtype : {float32, float64}) {
    const FloatXScope scope(dtype);
    const Var W = weights({3, 2}, 1, "W"), U = weights({2, 2}, 2, "U"), b = weights({3}, 3, "b");
    const Var Y = weights({1, 3, 2}, 4, "Y");
    const Unit v = bernoulli("v", 3), h = spin("h", 2), g = bernoulli("g", 2),
               y = categorical("y", 1, 3), k = binomial("k", 3, 2);
    const std::vector<EnergyModel> models{
        {-dot(v, b) - sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1),
         {.visible = {v}, .hidden = {h, g}}},
        {-dot(v, b) - sum((dot(v, W) + tensordot(y, Y, 2)) * h, 1),
         {.visible = {v, y}, .hidden = {h}}},
        {-dot(k, b) - sum(dot(k, W) * g, 1), {.visible = {k}, .hidden = {g}}},
    };
    for (const EnergyModel& m : models) {
      RandomStream rng(3);
      const Vars start = m.random_state(2000, rng);
      const auto [state, updates] = m.gibbs(start, {.k = 30, .rng = rng});
      Function f = function({}, state, {.updates = updates});
      for (std::size_t u = 0; u < m.units().size(); ++u) {
        CAPTURE(m.units()[u].name());
        const Numbers truth = exact_mean(m, u);
        const Numbers mean = long_run([&] { return f()[u]; }, 10, std::int64_t(truth.size()));
        for (std::size_t i = 0; i < truth.size(); ++i) CHECK(std::abs(mean[i] - truth[i]) < 0.03);
      }
    }
  }
}

TEST_CASE("energy gibbs: clamped units stay, and the others follow them") {
  const FloatXScope scope(float64);
  const Var W = weights({3, 2}, 1, "W", 2), b = weights({3}, 2, "b");
  const Unit v = bernoulli("v", 3), h = bernoulli("h", 2);
  const EnergyModel m(-dot(v, b) - sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}});
  const Array x = Array::from(std::vector<double>{1, 0, 1}, Shape{1, 3});
  const Var many = broadcast_to(constant(x), {5000, 3});
  RandomStream rng(3);
  const auto [state, updates] = m.gibbs({many}, {.k = 2, .rng = rng, .clamped = {v}});
  Function f = function({}, state);
  const Outputs out = f();
  CHECK(numbers(out[0]) == numbers(evaluate(many)));
  const Numbers mean = long_run([&] { return out[1]; }, 1, 2);
  const Numbers truth = numbers(evaluate(sigmoid(dot(constant(x), W))));
  for (int i = 0; i < 2; ++i) CHECK(std::abs(mean[i] - truth[i]) < 0.03);
  const auto averaged = m.gibbs({many}, {.k = 1, .rng = rng, .clamped = {v}, .mean_field = {h}});
  check_numbers(numbers(evaluate(averaged.state[1][0])), truth, 1e-12);
  CHECK_THROWS_AS(m.gibbs({many}, {.k = 1}), GraphError);
}

TEST_CASE("energy gibbs: at beta the chain is that of the tempered model") {
  const FloatXScope scope(float64);
  const Var W = weights({3, 2}, 1, "W", 2), b = weights({3}, 2, "b");
  const Unit v = spin("v", 3), h = bernoulli("h", 2);
  const EnergyModel m(-dot(v, b) - sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}});
  RandomStream rng(3);
  const auto [state, updates] =
      m.gibbs(m.random_state(20000, rng), {.k = 20, .rng = rng, .beta = 0.4});
  const Numbers mean = long_run([&] { return evaluate(state[0]); }, 1, 3);
  const Numbers truth = exact_mean(m.tempered(0.4), 0);
  for (int i = 0; i < 3; ++i) CHECK(std::abs(mean[i] - truth[i]) < 0.03);
}

TEST_CASE("energy blocks: sites that interact are coloured, and each colour is a conditional") {
  for (const DType dtype : {float32, float64}) {
    const FloatXScope scope(dtype);
    // A ring of six sites, with neighbours' couplings of their own.
    const Var J = weights({6}, 1, "J"), b = weights({6}, 2, "b"), W = weights({6, 2}, 3, "W");
    const auto ring = [&](const Unit& x) {
      const Var next = concatenate({x(all(), range(1, 6)), x(all(), range(0, 1))}, 1);
      return -sum(x * next * J, 1) - dot(x, b);
    };
    const Unit s = spin("s", 6), v = bernoulli("v", 6), h = bernoulli("h", 2);
    const Var L = weights({6, 6}, 5, "L");
    const std::vector<EnergyModel> models{
        {ring(s), {.visible = {s}, .blocks = colored()}},
        {ring(v) - sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}, .blocks = colored()}},
        // every pair of sites, the diagonal included
        {-sum(dot(v, L) * v, 1) - dot(v, b), {.visible = {v}, .params = {L}, .blocks = colored()}},
        {ring(s), {.visible = {s}, .blocks = one_site_at_a_time()}},
    };
    const std::size_t n_blocks[] = {2, 3, 6, 6};
    for (std::size_t i = 0; i < models.size(); ++i) {
      CAPTURE(i);
      const EnergyModel& m = models[i];
      CHECK(m.blocks().size() == n_blocks[i]);
      const Unit& x = m.units()[0];
      CHECK_THROWS_AS(m.conditional(x), GraphError);
      // Of each colour: the ratio of Boltzmann weights over the states of its sites.
      const Joint joint(m.units());
      const Numbers w = log_weights(m, joint), values = numbers(joint.values[0]);
      const Derivation& d = m.derivation(x);
      for (int c = 0; c < d.colours.shape()[0]; ++c) {
        const Numbers mask = numbers(d.colours);
        std::map<std::vector<double>, std::size_t> seen;
        std::vector<std::size_t> group;
        for (std::size_t r = 0; r < joint.rows; ++r) {
          std::vector<double> key{static_cast<double>(joint.index.back()[r]) *
                                  (m.units().size() > 1 ? 1 : 0)};
          for (int k = 0; k < 6; ++k) key.push_back(mask[6 * c + k] == 0 ? values[6 * r + k] : -9);
          group.push_back(seen.emplace(key, seen.size()).first->second);
        }
        const Numbers total = log_sums(w, group);
        Numbers truth(joint.rows);
        for (std::size_t r = 0; r < joint.rows; ++r) truth[r] = w[r] - total[r];
        check_numbers(joint.value(m.conditional(x, c).log_prob(x)), truth, tolerance(dtype));
      }
      RandomStream rng(5);
      const auto [state, updates] = m.gibbs(m.random_state(5000, rng), {.k = 40, .rng = rng});
      Function f = function({}, {state[0]});
      const Numbers mean = long_run([&] { return f()[0]; }, 4, 6), truth = exact_mean(m, 0);
      for (int k = 0; k < 6; ++k) CHECK(std::abs(mean[k] - truth[k]) < 0.05);
    }
  }
}

TEST_CASE("energy mean field: a fixed point of the units' means, damped or not") {
  const FloatXScope scope(float64);
  const Var W = weights({3, 2}, 1, "W"), U = weights({2, 2}, 2, "U");
  const Unit v = bernoulli("v", 3), h = bernoulli("h", 2), g = bernoulli("g", 2);
  const EnergyModel m(-sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1),
                      {.visible = {v}, .hidden = {h, g}});
  const Var x = constant(Array::from(std::vector<double>{1, 0, 1, 0, 0, 1}, Shape{2, 3}));
  for (const double damping : {0.0, 0.5}) {
    const Vars mean = m.mean_field({.clamped = {v}, .steps = 80, .damping = damping}, {x});
    check_close(evaluate(mean[0]), evaluate(x), 0);
    check_close(evaluate(mean[1]), evaluate(sigmoid(dot(x, W) + dot(mean[2], U.T()))), 1e-12);
    check_close(evaluate(mean[2]), evaluate(sigmoid(dot(mean[1], U))), 1e-12);
  }
}

TEST_CASE("energy gibbs: a start that a sweep would read must be given") {
  const FloatXScope scope(float64);
  const Var W = weights({3, 2}, 1, "W"), U = weights({2, 2}, 2, "U");
  const Unit v = bernoulli("v", 3), h = bernoulli("h", 2), g = bernoulli("g", 2);
  const EnergyModel m(-sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1),
                      {.visible = {v}, .hidden = {h, g}});
  const std::string text =
      error_of<GraphError>([&] { m.gibbs({Var(matrix("x"))}, {.k = 1, .rng = RandomStream(1)}); });
  CHECK(contains(text, "'g'"));
}

TEST_CASE("energy blocks: random states are those of the base model, of every kind of unit") {
  const FloatXScope scope(float64);
  const Var W = weights({2, 3}, 1, "W");
  const auto drawn = [&](const Unit& u, const Var& own) {
    const Unit h = bernoulli("h", 3);
    const EnergyModel m(own - sum(dot(u, W) * h, 1), {.visible = {u}, .hidden = {h}});
    const std::vector<Array> x = evaluate(m.random_state(4000, RandomStream(1)));
    CHECK(x[0].shape() == Shape{4000, 2});
    CHECK(std::abs(numbers(evaluate(mean(constant(x[1]))))[0] - 0.5) < 0.02);
    return numbers(evaluate(mean(constant(x[0]))))[0];
  };
  const Unit g = gaussian("g", 2), r = relu("r", 2), e = relu("e", 2), b = bernoulli("b", 2);
  CHECK(std::abs(drawn(g, sum(sqr(g - 3), 1) / 2)) < 0.05);
  CHECK(std::abs(drawn(r, sum(sqr(r), 1)) - std::sqrt(2 / 3.14159265358979)) < 0.03);
  CHECK(std::abs(drawn(e, 3 * sum(e, 1)) - 1) < 0.05);
  CHECK(std::abs(drawn(b, sum(b, 1)) - 0.5) < 0.02);
}

TEST_CASE("energy gibbs: units that interact with nothing have a state for each row of the start") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const Var b = weights({3}, 1, "b"), c = weights({2}, 2, "c");
    const Unit v = bernoulli("v", 3), h = spin("h", 2), x = gaussian("x", 2);
    const std::vector<EnergyModel> models{
        {-dot(v, b), {.visible = {v}}},
        {-dot(v, b) - dot(h, c), {.visible = {v}, .hidden = {h}}},
        {-dot(v, b) + sum(sqr(x - c), 1), {.visible = {v, x}}},
    };
    for (const EnergyModel& m : models) {
      for (const std::int64_t rows : {0, 1, 2000}) {
        const Vars start = m.random_state(rows, RandomStream(1));
        const Vars end = m.gibbs(start, {.k = 2, .rng = RandomStream(2)}).state;
        for (const Var& state : end) CHECK(evaluate(state).shape()[0] == rows);
        if (rows == 2000)  // each row by itself
          check_numbers(numbers(evaluate(mean(end[0], 0))),
                        exact_mean({-dot(v, b), {.visible = {v}}}, 0), 0.05);
      }
      const Var x0 = m.random_state(5, RandomStream(3))[0];
      if (m.visible().size() == 1)
        CHECK(evaluate(m.gibbs({x0}, {.k = 2, .rng = RandomStream(2)}).state[0]).shape()[0] == 5);
    }
    const LogZ z = estimate_log_z(models[0], {.chains = 300, .steps = 100});
    CHECK(z.lower <= value(models[0].log_z()));
    CHECK(z.upper >= value(models[0].log_z()));
    CHECK(check(models[0]).ok());
  }
}

TEST_CASE("energy mean field: no sweep leaves what was given") {
  const SmallRbm m;
  const Vars start{m.x, zeros({m.x.shape(0), m.model.hidden()[0].n()}, m.model.energy().dtype())};
  const Vars end = m.model.mean_field({.steps = 0}, start);
  CHECK(numbers(evaluate(end[0])) == numbers(evaluate(start[0])));
  CHECK(numbers(evaluate(end[1])) == numbers(evaluate(start[1])));
}
