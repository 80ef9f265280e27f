#include <iostream>

#include <damo/damo.hpp>
#include "tests/support/values.hpp"

// What docs/energy-models.md shows, and that it does what the text says.
using namespace damo;
using namespace damo::energy;

TEST_CASE("energy models document: a model from its energy to its evaluation") {
  const SharedVar W = models::normal_parameter({9, 6}, 0.1, 1, "W");
  const SharedVar b = models::zero_parameter(9, "b"), c = models::zero_parameter(6, "c");
  const Unit v = bernoulli("v", 9), h = bernoulli("h", 6);
  const Var E = -dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1);
  const EnergyModel model(E, {.visible = {v}, .hidden = {h}, .params = {W, b, c}});

  const Conditional p = model.conditional(h);  // given all other units
  const Var on = p.mean();                     // an expression of v
  const Var F = model.free_energy({v});        // -log sum_h exp(-E)
  CHECK(p.family() == "bernoulli");

  const Var x = matrix("x");
  RandomStream rng(1234);
  Objective cd = persistent_cd(model, {x}, {.k = 5, .chains = 100, .rng = rng});
  Updates updates = cd.updates;
  updates += models::adam({W, b, c}, cd.gradients({W, b, c}), {.lr = 0.02});
  Function train = function({x}, {cd.monitor}, {.updates = updates});
  RandomStream data_rng(2);
  const Var often =
      constant(Array::from(std::vector<float>{.9f, .1f, .9f, .1f, .9f, .1f, .9f, .1f, .9f}));
  const Array data = evaluate(data_rng.bernoulli(often * ones({200, 9})));
  for (int step = 0; step < 300; ++step) train(data);

  const Report report = check(model);
  CHECK_MESSAGE(report.ok(), report.text());

  const double exact = evaluate(model.log_z()).item<double>();
  const LogZ z = estimate_log_z(model, {.chains = 100, .steps = 500, .rng = rng});
  CHECK(z.lower < exact + 1e-3);
  CHECK(z.upper > exact - 1e-3);
  const Array other = evaluate(data_rng.bernoulli(often * ones({200, 9})));
  const Fit fit = measure_fit(model, {data}, {other}, {.chains = 100, .steps = 500});
  std::cout << fit.text() << "\n";
  CHECK(fit.log_z.converged);
  const Var log_likelihood = mean(-model.free_energy({x})) - model.log_z();
  const double reached = function({x}, {log_likelihood})(data).scalar<double>(0);
  CHECK(reached >
        -3.6);  // -9 log 2 = -6.2 at first; -2.9 is the entropy of what the data come from

  const std::string text = explain(model);
  for (const char* part : {"dot(v, W)", "bernoulli", "F(v)"}) CHECK(test::contains(text, part));

  // The slope trap: m2 was computed from m1, so a gradient through the sum finds more than dE/dm2.
  const Vars mean = model.mean_field({.clamped = {v}, .steps = 3}, {x});
  const Var expected = sum(model.expected_energy(mean));
  const Var held = sum(model.expected_energy({mean[0], consider_constant(mean[1])}));
  CHECK(!same_graph(grad(expected, W), grad(held, W)));
  static_cast<void>(on);
  static_cast<void>(F);
}

TEST_CASE("energy models document: a network as an energy, trained and sampled by its slope") {
  const SharedVar A = models::normal_parameter({2, 16}, 1, 1, "A");
  const SharedVar a = models::normal_parameter(16, 1, 2, "a"), q = models::zero_parameter(16, "q");
  RandomStream rng(1234);
  // Two clouds, around (2, 0) and (-2, 0).
  const Var side = 2 * rng.bernoulli(0.5 * ones({200, 1})) - 1;
  const Var points = concatenate({2 * side, zeros({200, 1})}, 1) + 0.3 * rng.normal({200, 2});
  const Var start = 2 * rng.normal({200, 2});
  const Unit x = gaussian("x", 2);
  const EnergyModel deep(sum(sqr(x), 1) / 8 - dot(tanh(dot(x, A) + a), q),
                         {.visible = {x}, .params = {A, a, q}});
  const Objective score = denoising_score_matching(deep, {points}, {.sigma = 0.4, .rng = rng});
  const Langevin chains = langevin(deep, {start}, {.k = 400, .step = 0.1, .rng = rng});
  Updates updates = score.updates;
  updates += models::adam({A, a, q}, score.gradients({A, a, q}), {.lr = 0.02});
  Function train = function({}, {score.cost}, {.updates = updates});
  for (int step = 0; step < 1500; ++step) train();

  Function sample = function({}, {chains.state[0], mean(chains.acceptance)});
  const Outputs out = sample();
  const Array ends = out[0];
  double across = 0, along = 0;
  for (int i = 0; i < 200; ++i) {
    across += std::abs(ends.data<float>()[2 * i]) / 200;
    along += std::abs(ends.data<float>()[2 * i + 1]) / 200;
  }
  CHECK(std::abs(across - 2) < 0.3);
  CHECK(along < 0.7);
  CHECK(out.scalar<double>(1) > 0.8);
}

TEST_CASE("energy models document: a kind of unit of one's own") {
  // Three levels, -1, 0 and 1: ten lines, then check tests it.
  const auto ternary = std::make_shared<const UnitKind>(UnitKind{
      .name = "ternary",
      .family = "ternary",
      .support = {Support::Set::levels, {-1, 0, 1}},
      .log_normaliser = [](const Natural& p) { return log(1 + 2 * cosh(p.linear)); },
      .mean = [](const Natural& p) { return 2 * sinh(p.linear) / (1 + 2 * cosh(p.linear)); },
      .sample =
          [](const Natural& p, RandomStream& rng) {
            const Var u = rng.uniform(Sizes(shape(p.linear)), 0.0, 1.0, p.linear.dtype());
            const Var total = 1 + 2 * cosh(p.linear);
            return cast(u < exp(p.linear) / total, p.linear.dtype()) -
                   cast(u > 1 - exp(-p.linear) / total, p.linear.dtype());
          },
  });
  const Unit v(ternary, "v", 3), h = bernoulli("h", 2);
  const SharedVar W = models::normal_parameter({3, 2}, 0.5, 1, "W");
  const EnergyModel model(-sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}, .params = {W}});
  const Report report = check(model);
  CHECK_MESSAGE(report.ok(), report.text());
}
