// A Gaussian with a full covariance, given by its energy alone, beside its closed form.
//   full_covariance [ROWS] [STEPS]
// ROWS   vectors to learn from; 2000 when it is not given
// STEPS  steps of Adam; 3000 when it is not given
// Learns mean and precision by score matching and by the exact likelihood, log Z derived from the
// energy; prints how far each is from the best there is (the mean and the inverse covariance of the
// data), the log-likelihoods, and the covariance of what the trained model draws.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <numbers>

#include <damo/damo.hpp>

using namespace damo;
using namespace damo::energy;

namespace {

constexpr std::int64_t n = 6;

/// E(x) = |(x - m) A|^2 / 2: the precision is A A^T, whatever A is.
struct FullCovariance {
  SharedVar A = shared(evaluate(eye(n, float64)), "A");
  SharedVar m = shared(Array(float64, {n}), "m");
  Unit x = gaussian("x", n, float64);

  EnergyModel model() const {
    return {sum(sqr(dot(x - m, A)), 1) / 2, {.visible = {x}, .params = {A, m}}};
  }
  Var precision() const { return dot(A, A.T()); }
};

double largest(const Var& v) { return evaluate(max(abs(v))).item<double>(); }

/// Vectors whose sites go up and down together, and with others against each other.
Array data(std::int64_t rows) {
  RandomStream rng(11);
  const Var mixing = constant(evaluate(rng.normal({n, n}, 0.0, 0.5, float64))) + eye(n, float64);
  const Var centre = constant(evaluate(rng.normal({n}, 0.0, 1.0, float64)));
  return evaluate(rng.multivariate_normal({rows}, centre, dot(mixing, mixing.T())));
}

/// The mean log-likelihood of the data under the Gaussian of their own mean and covariance: no
/// other Gaussian has a higher one.
double best_log_likelihood(const Var& covariance) {
  const double log_det = evaluate(slogdet(covariance).logabsdet).item<double>();
  const auto size = static_cast<double>(n);
  return -(size * std::log(2 * std::numbers::pi) + log_det + size) / 2;
}

void learn(const char* name, Objective (*estimator)(const EnergyModel&, const VarsOf&),
           const Var& rows, std::int64_t steps) {
  const FullCovariance gaussian;
  const EnergyModel model = gaussian.model();
  const Objective objective = estimator(model, {rows});
  Updates counter;
  Updates updates =
      models::adam({gaussian.A, gaussian.m}, objective.gradients({gaussian.A, gaussian.m}),
                   {.lr = models::linear_schedule(0.02, 0, steps, counter)});
  updates += counter;
  updates += objective.updates;
  Function train = function({}, {objective.cost}, {.updates = updates});
  for (std::int64_t i = 0; i < steps; ++i) train();

  const Var centre = mean(rows, 0);
  const Var covariance = dot((rows - centre).T(), rows - centre) / rows.shape(0);
  const double reached = evaluate(-mean(model.free_energy({rows})) - model.log_z()).item<double>();
  RandomStream rng(5);
  const std::int64_t many = 100000;
  const Var drawn = model.gibbs({zeros({many, n}, float64)}, {.k = 1, .rng = rng}).state[0];
  const Var sample = constant(evaluate(drawn));
  const Var off = sample - mean(sample, 0);
  fmt::print("{:<18} {:12.6f} {:12.6f} {:14.6f} {:14.6f} {:14.4f}\n", name,
             largest(gaussian.m - centre),
             largest(gaussian.precision() - matrix_inverse(covariance)), reached,
             best_log_likelihood(covariance),
             largest(dot(off.T(), off) / static_cast<double>(many) - covariance));
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t rows = argc > 1 ? std::atol(argv[1]) : 2000;
  const std::int64_t steps = argc > 2 ? std::atol(argv[2]) : 3000;
  if (rows < 2 * n || steps < 1 || argc > 3) {
    fmt::print(stderr, "usage: full_covariance [ROWS, at least {}] [STEPS, at least 1]\n", 2 * n);
    return 2;
  }
  const Var x = constant(data(rows));
  fmt::print("{:<18} {:>12} {:>12} {:>14} {:>14} {:>14}\n", "estimator", "off in mean",
             "in precision", "log-likelihood", "best there is", "drawn, off in covariance");
  learn("score matching", score_matching, x, steps);
  learn("exact likelihood", exact_likelihood, x, steps);
  return 0;
}
