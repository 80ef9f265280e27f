// Hidden units that say whether something is there, each with a real number that says how much.
// Courville, Bergstra and Bengio 2011, A spike and slab restricted Boltzmann machine.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h, s) = exp(z) |v|^2 / 2 + |s|^2 / 2 - c h - v W (s h).
EnergyModel spike_and_slab(Parameters p, std::int64_t n_visible, std::int64_t n_hidden,
                           double log_precision) {
  const SharedVar W = p("W", {n_visible, n_hidden}), c = p("c", n_hidden);
  const SharedVar z = models::zero_parameter({}, "z", p.dtype());
  z.set_array(Array::scalar(log_precision).cast(p.dtype()));
  const Unit v = gaussian("v", n_visible, p.dtype()), h = bernoulli("h", n_hidden, p.dtype()),
             s = gaussian("s", n_hidden, p.dtype());
  return {exp(z) * sum(sqr(v), 1) / 2 + sum(sqr(s), 1) / 2 - dot(h, c) - sum(dot(v, W) * s * h, 1),
          {.visible = {v}, .hidden = {h, s}, .params = {W, c, z}}};
}

SmallModel small(DType t) { return {spike_and_slab(Parameters(t, 0.3), 3, 3, 0.7)}; }

constexpr std::int64_t side = 5, n = side * side, bars = 2 * side;
bool in_bar(std::int64_t pixel, std::int64_t bar) {
  return bar < side ? pixel / side == bar : pixel % side == bar - side;
}

/// A few bars, each there with probability 0.15 and of a strength of its own, light or dark; noise.
Array strengths_of_bars(std::int64_t rows, std::uint64_t seed) {
  Dice dice(seed);
  Array data(float32, {rows, n});
  for (std::int64_t i = 0; i < rows; ++i) {
    float* pixels = data.data<float>() + i * n;
    for (std::int64_t bar = 0; bar < bars; ++bar) {
      if (!dice.chance(0.15)) continue;
      const auto strength = static_cast<float>(dice.normal());
      for (std::int64_t p = 0; p < n; ++p) pixels[p] += in_bar(p, bar) ? strength : 0;
    }
    for (std::int64_t p = 0; p < n; ++p) pixels[p] += static_cast<float>(0.2 * dice.normal());
  }
  return data;
}

/// How many bars have a hidden unit whose weights have a cosine of at least 0.9 with the bar.
double bars_found(const Var& W) {
  Array patterns(float32, {bars, n});
  for (std::int64_t i = 0; i < bars * n; ++i)
    patterns.data<float>()[i] = in_bar(i % n, i / n) ? 1 : 0;
  const Var cosines = abs(dot(constant(patterns), W)) / sqrt(sum(sqr(W), 0) * side);
  return number(sum(cast(max(cosines, 1) > 0.9, float32)));
}

/// Persistent chains. A picture of data, and of the hidden units' weights.
Learnt learn(const Setting& setting) {
  const Array data = strengths_of_bars(setting.steps(20000, 5000), setting.seed);
  const EnergyModel model = spike_and_slab(Parameters(float32, 0.1, setting.seed), n, 12, 2);
  const SharedVar W = model.params()[0];
  const double before = bars_found(W);
  const double ms = train(
      model, {data},
      [&](const Vars& x) {
        return persistent_cd(model, x, {.k = 1, .chains = 100, .rng = RandomStream(setting.seed)});
      },
      {.steps = setting.steps(30000, 8000), .lr = 0.01});
  return {"bars of any strength under noise",
          {{"bars found, of 10", bars_found(W), "untrained", before}},
          beside({tiles(around_gray(constant(data)[range(40)], 2),
                        {.height = side, .across = 10, .zoom = 4}),
                  filters(abs(W), 12, {.height = side, .across = 4, .zoom = 8, .scaled = true})}),
          ms};
}

}  // namespace

Entry spike_and_slab_entry() {
  return {"spike_and_slab", "each hidden unit with a strength (Courville et al. 2011)", small,
          learn};
}

}  // namespace damo::zoo
