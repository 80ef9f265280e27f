// Real data with noise whose strength is learnt for each pixel: the Gaussian-Bernoulli RBM.
// Cho, Ilin and Raiko 2011, Improved learning of Gaussian-Bernoulli restricted Boltzmann machines.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h) = |v - b|^2 / (2 s^2) - c h - (v / s^2) W h, where s^2 = exp(z) for each site of v.
EnergyModel gaussian_rbm(Parameters p, std::int64_t n_visible, std::int64_t n_hidden,
                         double log_variance) {
  const SharedVar W = p("W", {n_visible, n_hidden}), b = p("b", n_visible), c = p("c", n_hidden);
  const SharedVar z = p("z", n_visible, log_variance);
  const Unit v = gaussian("v", n_visible, p.dtype()), h = bernoulli("h", n_hidden, p.dtype());
  const Var precision = exp(-z);
  return {sum(sqr(v - b) * precision, 1) / 2 - dot(h, c) - sum(dot(v * precision, W) * h, 1),
          {.visible = {v}, .hidden = {h}, .params = {W, b, c, z}}};
}

SmallModel small(DType t) { return {gaussian_rbm(Parameters(t), 3, 3, 0.3)}; }

/// Bars and stripes of 6 x 6 under noise that grows from left to right, from 0.2 to 0.7.
constexpr std::int64_t side = 6;
double deviation(std::int64_t pixel) { return 0.2 + 0.1 * static_cast<double>(pixel % side); }

Array noisy_bars(std::int64_t n, std::uint64_t seed) {
  const Array bars = io::bars_and_stripes(side);
  Dice dice(seed);
  Array rows(float32, {n, side * side});
  for (std::int64_t i = 0; i < n; ++i) {
    const float* pattern = bars.data<float>() + dice.below(bars.shape()[0]) * side * side;
    for (std::int64_t p = 0; p < side * side; ++p)
      rows.data<float>()[i * side * side + p] =
          pattern[p] + static_cast<float>(deviation(p) * dice.normal());
  }
  return rows;
}

/// The mean of |s / true s - 1| over pixels.
double deviation_error(const SharedVar& z) {
  double total = 0;
  for (std::int64_t p = 0; p < side * side; ++p)
    total += std::abs(std::exp(z.value().data<float>()[p] / 2) / deviation(p) - 1);
  return 100 * total / (side * side);
}

/// Persistent chains. A picture of data, of samples (the means of the visible units), and of the
/// learnt deviations.
Learnt learn(const Setting& setting) {
  const Array data = noisy_bars(setting.steps(20000, 2000), setting.seed);
  const EnergyModel model =
      gaussian_rbm(Parameters(float32, 0.05, setting.seed), side * side, 60, 0);
  const SharedVar z = model.params()[3];
  const double before = deviation_error(z);
  const double ms = train(
      model, {data},
      [&](const Vars& x) {
        return persistent_cd(model, x, {.k = 2, .chains = 100, .rng = RandomStream(setting.seed)});
      },
      {.steps = setting.steps(20000, 3000), .lr = 0.01});

  const Vars state = draw(model, 48, 1000);
  const Var samples = model.conditional(model.visible()[0], state).mean();
  const Var learnt = reshape(exp(z / 2), {1, side * side});
  return {"bars and stripes under noise",
          {{"error of the learnt deviations, %", deviation_error(z), "untrained", before}},
          beside({tiles(constant(data)[range(48)], {.height = side, .across = 8, .zoom = 4}),
                  tiles(samples, {.height = side, .across = 8, .zoom = 4}),
                  tiles(learnt, {.height = side, .across = 1, .zoom = 18})}),
          ms};
}

}  // namespace

Entry gaussian_rbm_entry() {
  return {"gaussian_rbm", "real data, the log variances z learnt (Cho, Ilin and Raiko 2011)", small,
          learn};
}

}  // namespace damo::zoo
