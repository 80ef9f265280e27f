// Hidden units that set the mean of an image, and others that set its covariance: where a unit of
// the second kind is off, pixels are free not to agree.
// Ranzato and Hinton 2010, Modeling pixel means and covariances using factorized third-order
// Boltzmann machines.
#include <numbers>

#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h, m) = (v C)^2 h / 2 - c h + exp(z) |v|^2 / 2 - b v - v W m - d m: given h and m, v is
/// normal with precision exp(z) + C h C^T.
EnergyModel mean_covariance(Parameters p, std::int64_t n_visible, std::int64_t n_covariance,
                            std::int64_t n_mean) {
  const SharedVar C = p("C", {n_visible, n_covariance}), W = p("W", {n_visible, n_mean}),
                  b = p("b", n_visible), c = p("c", n_covariance), d = p("d", n_mean),
                  z = p("z", {});
  const Unit v = gaussian("v", n_visible, p.dtype()), h = bernoulli("h", n_covariance, p.dtype()),
             m = bernoulli("m", n_mean, p.dtype());
  return {sum(sqr(dot(v, C)) * h, 1) / 2 - dot(h, c) + exp(z) * sum(sqr(v), 1) / 2 - dot(v, b) -
              sum(dot(v, W) * m, 1) - dot(m, d),
          {.visible = {v}, .hidden = {h, m}, .params = {C, W, b, c, d, z}}};
}

SmallModel small(DType t) { return {mean_covariance(Parameters(t), 3, 4, 2)}; }

/// The mean log-likelihood of the test rows under the Gaussian of the training rows.
double gaussian_likelihood(const Array& train, const Array& test) {
  const Var x = cast(constant(train), float64), y = cast(constant(test), float64);
  const auto n = static_cast<double>(train.shape()[1]);
  const Var centre = mean(x, 0), a = x - centre, b = y - centre;
  const Var covariance = dot(a.T(), a) / x.shape(0);
  const Var distance = mean(sum(b * solve(covariance, b.T()).T(), 1));
  return number(-(n * std::log(2 * std::numbers::pi) + slogdet(covariance).logabsdet + distance) /
                2);
}

/// Score matching. A picture of patches, and of the filters C of the covariance.
Learnt learn(const Setting& setting) {
  const std::int64_t side = setting.quick ? 4 : 6;
  const auto patches = [&](std::int64_t n, std::uint64_t seed) {
    const Array leaves = fallen_leaves(n, side, seed);
    RandomStream noise(seed);  // as cameras have it; without, some pixels follow from others
    return evaluate(constant(leaves) + noise.normal(Sizes(leaves.shape()), 0.0, 0.1, float32));
  };
  const Array data = patches(setting.steps(20000, 3000), setting.seed),
              test = patches(setting.steps(3000, 1000), setting.seed + 1);
  const EnergyModel model =
      mean_covariance(Parameters(float32, 0.1, setting.seed), side * side, 2 * side * side, 8);
  const double ms = train(model, {data},
                          [&](const Vars& x) {
                            return sliced_score_matching(
                                model, x, {.projections = 4, .rng = RandomStream(setting.seed)});
                          },
                          {.steps = setting.steps(6000, 1000), .lr = 0.01});
  const Fit fit =
      measure_fit(model, {data}, {test}, {.chains = 50, .steps = setting.steps(3000, 200)});
  return {"patches of fallen leaves",
          {{"test log-likelihood, nats", fit.valid(), "the best Gaussian",
            gaussian_likelihood(data, test)}},

          beside({tiles(around_gray(constant(data)[range(64)], 2),
                        {.height = side, .across = 8, .zoom = 4}),
                  filters(model.params()[0], 64,
                          {.height = side, .across = 8, .zoom = 4, .scaled = true})}),
          ms,
          fit.text()};
}

}  // namespace

Entry mean_covariance_entry() {
  return {"mean_covariance", "hidden units that set the covariance (Ranzato and Hinton 2010)",
          small, learn};
}

}  // namespace damo::zoo
