// Two hidden layers, the upper one explaining the lower: trained by mean fields of the data and
// persistent chains of the model.
// Salakhutdinov and Hinton 2009, Deep Boltzmann machines.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h, g) = -b v - c h - d g - v W h - h U g.
EnergyModel deep(Parameters p, std::int64_t n_visible, std::int64_t n_lower, std::int64_t n_upper) {
  const SharedVar W = p("W", {n_visible, n_lower}), U = p("U", {n_lower, n_upper}),
                  b = p("b", n_visible), c = p("c", n_lower), d = p("d", n_upper);
  const Unit v = bernoulli("v", n_visible, p.dtype()), h = bernoulli("h", n_lower, p.dtype()),
             g = bernoulli("g", n_upper, p.dtype());
  return {-dot(v, b) - dot(h, c) - dot(g, d) - sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1),
          {.visible = {v}, .hidden = {h, g}, .params = {W, U, b, c, d}}};
}

SmallModel small(DType t) { return {deep(Parameters(t), 3, 3, 2)}; }

/// A lower bound of the mean log-likelihood.
double bound(const EnergyModel& model, const Array& data, const LogZ& z) {
  return -number(mean(variational_free_energy(model, {constant(data)}))) - z.value;
}

/// A picture of the lower layer's filters, and of samples.
Learnt learn(const Setting& setting) {
  const Digits digits = load_digits(setting);
  const EnergyModel model = deep(Parameters(float32, 0.01, setting.seed), digits.side * digits.side,
                                 setting.quick ? 40 : 200, setting.quick ? 20 : 100);
  const Array biases = biases_of(digits.train);
  model.params()[2].set_array(biases);
  const Var base = -dot(model.visible()[0], constant(biases));
  const Array test = evaluate(constant(digits.test)(range(500)));
  const double before =
      bound(model, test, estimate_log_z(model, {.chains = 50, .steps = 100, .base = base}));
  const double ms = train(
      model, {digits.train},
      [&](const Vars& x) {
        return mean_field_pcd(
            model, x, {.k = 1, .chains = 100, .rng = RandomStream(setting.seed), .steps = 10});
      },
      {.steps = setting.steps(5000, 300), .lr = setting.quick ? 0.02 : 0.002});

  const LogZ z =
      estimate_log_z(model, {.chains = 50, .steps = setting.steps(5000, 300), .base = base});
  const RandomStream rng(7);
  const Vars state = draw(
      model, model.mean_field({.clamped = model.visible()}, {constant(digits.test)[range(64)]}),
      {.k = setting.steps(300, 50), .rng = rng});
  return {
      digits.name,
      {{"bound of the test log-likelihood, nats", bound(model, test, z), "untrained", before}},
      beside(
          {filters(model.params()[0], 48,
                   {.height = digits.side, .across = 8, .zoom = zoom_of(digits), .scaled = true}),
           tiles(model.conditional(model.visible()[0], state).mean()[range(48)],
                 {.height = digits.side, .across = 8, .zoom = zoom_of(digits)})}),
      ms,
      z.text()};
}

}  // namespace

Entry deep_boltzmann_machine_entry() {
  return {"deep_boltzmann_machine", "two hidden layers (Salakhutdinov and Hinton 2009)", small,
          learn};
}

}  // namespace damo::zoo
