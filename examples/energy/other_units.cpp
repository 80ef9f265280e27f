// The RBM with units of other kinds: sites that count, hidden units that are real numbers of at
// least 0, and gray levels.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h) = -b v - c h - v W h, whatever the kinds.
EnergyModel rbm_of(Parameters p, const Unit& v, const Unit& h) {
  const SharedVar W = p("W", {v.n(), h.n()}), b = p("b", v.n()), c = p("c", h.n());
  return {-dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1),
          {.visible = {v}, .hidden = {h}, .params = {W, b, c}}};
}

/// The same with a cost of large h: E(v, h) = -b v + |h|^2 / 2 - c h - v W h, h >= 0.
EnergyModel rectified(Parameters p, std::int64_t n_visible, std::int64_t n_hidden) {
  const SharedVar W = p("W", {n_visible, n_hidden}), b = p("b", n_visible), c = p("c", n_hidden);
  const Unit v = bernoulli("v", n_visible, p.dtype()), h = relu("h", n_hidden, p.dtype());
  return {-dot(v, b) + sum(sqr(h), 1) / 2 - dot(h, c) - sum(dot(v, W) * h, 1),
          {.visible = {v}, .hidden = {h}, .params = {W, b, c}}};
}

/// The biases of gray levels whose means are about those of the data: the mean of exp(b x) on [0,
/// 1] is near -1 / b where b is far below 0, and near 1 - 1 / b far above.
Array slopes_of(const Array& images) {
  const Var m = mean(constant(images), 0);
  return evaluate(1 / (1.01 - m) - 1 / (m + 0.01));
}

/// What the three have in common: data and what they are tested by. A picture of filters, and of
/// the means of chains, `white` at their brightest.
Learnt learn_images(const Setting& setting, const EnergyModel& model, const Digits& digits,
                    double white, double lr) {
  const Unit &v = model.visible()[0], &h = model.hidden()[0];
  const Array biases = v.finite() ? biases_of(digits.train) : slopes_of(digits.train);
  model.params()[1].set_array(biases);
  const Var apart = -dot(v, constant(biases)),
            base = h.finite() ? apart : apart + sum(sqr(h), 1) / 2;
  const auto of_model = [&](const Array& images) {
    return white == 1 ? images : evaluate(round(constant(images) * white));
  };
  const Array data = of_model(digits.train), test = of_model(digits.test);
  const auto fit = [&](std::int64_t steps) {
    return measure_fit(model, {data}, {test}, {.chains = 50, .steps = steps, .base = base});
  };
  const double before = fit(100).valid();
  const double ms = train(
      model, {data},
      [&](const Vars& x) {
        return persistent_cd(model, x, {.k = 1, .chains = 100, .rng = RandomStream(setting.seed)});
      },
      {.steps = setting.steps(2000, 300), .lr = setting.quick ? 5 * lr : lr});
  const RandomStream rng(7);
  const Vars state =
      draw(model, {constant(test)[range(64)]}, {.k = setting.steps(300, 50), .rng = rng});
  const Var means = model.conditional(v, state).mean() / white;
  const Fit after = fit(setting.steps(2000, 200));
  return {
      digits.name,
      {{"test log-likelihood, nats", after.valid(), "untrained", before}},
      beside(
          {filters(model.params()[0], 48,
                   {.height = digits.side, .across = 8, .zoom = zoom_of(digits), .scaled = true}),
           tiles(means[range(48)], {.height = digits.side, .across = 8, .zoom = zoom_of(digits)})}),
      ms,
      after.text()};
}

std::int64_t hidden_units(const Setting& setting) { return setting.quick ? 40 : 200; }

/// Gray levels as numbers of successes in 8 trials.
Learnt learn_binomial(const Setting& setting) {
  const Digits digits = load_digits(setting);
  const std::int64_t n = digits.side * digits.side;
  return learn_images(setting,
                      rbm_of(Parameters(float32, 0.01, setting.seed), binomial("v", n, 8, float32),
                             bernoulli("h", hidden_units(setting), float32)),
                      digits, 8, 0.002);
}

Learnt learn_rectified(const Setting& setting) {
  const Digits digits = load_digits(setting);
  return learn_images(setting,
                      rectified(Parameters(float32, 0.01, setting.seed), digits.side * digits.side,
                                hidden_units(setting)),
                      digits, 1, 0.002);
}

Learnt learn_graded(const Setting& setting) {
  const Digits digits = load_digits(setting);
  const std::int64_t n = digits.side * digits.side;
  return learn_images(
      setting,
      rbm_of(Parameters(float32, 0.01, setting.seed), truncated_exponential("v", n, float32),
             bernoulli("h", hidden_units(setting), float32)),
      digits, 1, 0.001);
}

}  // namespace

Entry binomial_rbm_entry() {
  return {"binomial_rbm", "sites that count replicas (Teh and Hinton 2001)",
          [](DType t) {
            return SmallModel{rbm_of(Parameters(t), binomial("v", 3, 3, t), bernoulli("h", 3, t))};
          },
          learn_binomial};
}

Entry rectified_entry() {
  return {"rectified", "hidden units x >= 0 (Nair and Hinton 2010)",
          [](DType t) { return SmallModel{rectified(Parameters(t), 3, 1)}; }, learn_rectified};
}

Entry graded_entry() {
  return {"graded", "gray levels in [0, 1] (Bengio et al. 2007)",
          [](DType t) {
            return SmallModel{
                rbm_of(Parameters(t), truncated_exponential("v", 1, t), bernoulli("h", 4, t))};
          },
          learn_graded};
}

}  // namespace damo::zoo
