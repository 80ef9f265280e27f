// The restricted Boltzmann machine: hidden units that know nothing of each other explain the data.
// Smolensky 1986, Information processing in dynamical systems; trained as in Tieleman 2008.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h) = -b v - c h - v W h.
EnergyModel binary_rbm(Parameters p, std::int64_t n_visible, std::int64_t n_hidden) {
  const SharedVar W = p("W", {n_visible, n_hidden}), b = p("b", n_visible), c = p("c", n_hidden);
  const Unit v = bernoulli("v", n_visible, p.dtype()), h = bernoulli("h", n_hidden, p.dtype());
  return {-dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1),
          {.visible = {v}, .hidden = {h}, .params = {W, b, c}}};
}

SmallModel small(DType t) { return {binary_rbm(Parameters(t), 4, 3)}; }

/// Persistent chains on digits. A picture of filters, and of chains that began at test digits.
Learnt learn(const Setting& setting) {
  const Digits digits = load_digits(setting);
  const EnergyModel model = binary_rbm(Parameters(float32, 0.01, setting.seed),
                                       digits.side * digits.side, setting.quick ? 40 : 200);
  const Array biases = biases_of(digits.train);
  model.params()[1].set_array(biases);
  const Var base = -dot(model.visible()[0], constant(biases));
  const auto fit = [&](std::int64_t steps) {
    return measure_fit(model, {digits.train}, {digits.test},
                       {.chains = 50, .steps = steps, .base = base});
  };
  const double before = fit(100).valid();
  const double ms = train(
      model, {digits.train},
      [&](const Vars& x) {
        return persistent_cd(model, x, {.k = 1, .chains = 100, .rng = RandomStream(setting.seed)});
      },
      {.steps = setting.steps(4000, 300), .lr = setting.quick ? 0.02 : 0.002});

  const RandomStream rng(7);
  const Vars state =
      draw(model, {constant(digits.test)[range(64)]}, {.k = setting.steps(300, 50), .rng = rng});
  const Var samples = model.conditional(model.visible()[0], state).mean();
  const Fit after = fit(setting.steps(5000, 200));
  return {
      digits.name,
      {{"test log-likelihood, nats", after.valid(), "untrained", before}},
      beside(
          {filters(model.params()[0], 48,
                   {.height = digits.side, .across = 8, .zoom = zoom_of(digits), .scaled = true}),
           tiles(samples[range(48)],
                 {.height = digits.side, .across = 8, .zoom = zoom_of(digits)})}),
      ms,
      after.text()};
}

}  // namespace

Entry rbm_entry() { return {"rbm", "restricted Boltzmann machine (Smolensky 1986)", small, learn}; }

}  // namespace damo::zoo
