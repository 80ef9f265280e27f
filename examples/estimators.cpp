// Every estimator beside exact maximum likelihood, on models whose likelihood can be summed.
//   estimators [UPDATES]
// UPDATES  of each; 1000 when it is not given
// First six bits that all interact, from 2000 samples; then the experiment of Sohl-Dickstein,
// Battaglino and DeWeese (2011): 100 samples of a 10-10 RBM whose weights are normal, of scale 4 /
// sqrt(11). Prints the mean log-likelihood of the samples and of the whole true distribution after
// training, exactly, and the time of an update.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <damo/damo.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/update_rules.hpp>

using namespace damo;
using namespace damo::energy;

namespace {

/// A model with its parameters.
struct Learner {
  std::vector<SharedVar> params;
  EnergyModel model;
};

Learner six_bits(double scale) {
  const SharedVar b = models::normal_parameter({6}, 0.7 * scale, 21, "b"),
                  J = models::normal_parameter({6, 6}, 0.4 * scale, 22, "J");
  const Unit v = bernoulli("v", 6);
  const Var E = -dot(v, b) - sum(dot(v, triu(J, 1)) * v, 1);
  return {{b, J}, {E, {.visible = {v}, .params = {b, J}, .blocks = one_site_at_a_time()}}};
}

Learner rbm(double scale) {
  const SharedVar W = models::normal_parameter({10, 10}, scale, 1, "W"),
                  b = models::normal_parameter({10}, scale, 2, "b"),
                  c = models::normal_parameter({10}, scale, 3, "c");
  const Unit v = bernoulli("v", 10), h = bernoulli("h", 10);
  const Var E = -dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1);
  return {{W, b, c}, {E, {.visible = {v}, .hidden = {h}, .params = {W, b, c}}}};
}

/// All states of n bits, one a row.
Array all_states(std::int64_t n) {
  std::vector<double> bits;
  for (std::int64_t i = 0; i < std::int64_t{1} << n; ++i)
    for (std::int64_t k = 0; k < n; ++k) bits.push_back(static_cast<double>(i >> k & 1));
  return Array::from(bits, {std::int64_t{1} << n, n});
}

struct Task {
  std::function<Learner()> fresh;
  Array states;         ///< all
  Array probabilities;  ///< of the true model
  Array samples;
};

Task task(const Learner& truth, std::function<Learner()> fresh, std::int64_t n, std::int64_t rows) {
  Task t{std::move(fresh), all_states(n), {}, {}};
  const Var log_p = -truth.model.free_energy({constant(t.states)}) - truth.model.log_z();
  t.probabilities = evaluate(exp(log_p));
  RandomStream rng(5);
  const Var chosen = rng.categorical(broadcast_to(constant(t.probabilities), {rows, 1L << n}));
  t.samples = evaluate(constant(t.states)[chosen]);
  return t;
}

struct Estimator {
  std::string name;
  std::function<Objective(const EnergyModel&, const Var&)> make;
};

void run(const Task& t, const Estimator& estimator, int n_updates) {
  const Learner learner = t.fresh();
  const Var x = constant(t.samples);
  const Objective o = estimator.make(learner.model, x);
  const Var lr = scalar("lr");
  Updates updates = models::adam(learner.params, o.gradients(learner.params), {.lr = lr});
  updates += o.updates;
  Function update = function({lr}, Vars{}, {.updates = updates});
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < n_updates; ++i) update(0.03 * (1 - static_cast<double>(i) / n_updates));
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  const auto log_p = [&](const Array& states) {
    return -learner.model.free_energy({constant(states)}) - learner.model.log_z();
  };
  fmt::print("  {:34} {:>12.4f} {:>12.4f} {:>12.1f}\n", estimator.name,
             evaluate(mean(log_p(t.samples))).item<double>(),
             evaluate(sum(constant(t.probabilities) * log_p(t.states))).item<double>(),
             time.count() / n_updates);
  std::fflush(stdout);
}

std::vector<Estimator> estimators() {
  const auto stream = [] { return RandomStream(1); };
  return {
      {"exact_likelihood", [](const auto& m, const Var& x) { return exact_likelihood(m, {x}); }},
      {"pseudo_likelihood", [](const auto& m, const Var& x) { return pseudo_likelihood(m, {x}); }},
      {"ratio_matching", [](const auto& m, const Var& x) { return ratio_matching(m, {x}); }},
      {"minimum_probability_flow",
       [](const auto& m, const Var& x) { return minimum_probability_flow(m, {x}); }},
      {"contrastive_divergence, k = 1",
       [=](const auto& m, const Var& x) {
         return contrastive_divergence(m, {x}, {.k = 1, .rng = stream()});
       }},
      {"contrastive_divergence, k = 10",
       [=](const auto& m, const Var& x) {
         return contrastive_divergence(m, {x}, {.k = 10, .rng = stream()});
       }},
      {"persistent_cd, k = 1, 100 chains",
       [=](const auto& m, const Var& x) {
         return persistent_cd(m, {x}, {.k = 1, .chains = 100, .rng = stream()});
       }},
      {"fast_persistent_cd, the same",
       [=](const auto& m, const Var& x) {
         return fast_persistent_cd(m, {x}, {.k = 1, .chains = 100, .rng = stream()});
       }},
      {"tempered_cd, 10 temperatures",
       [=](const auto& m, const Var& x) {
         return tempered_cd(m, {x}, {.k = 1, .chains = 100, .rng = stream()});
       }},
      {"noise_contrastive, uniform noise",
       [=](const auto& m, const Var& x) {
         const Unit u = bernoulli("v", m.visible()[0].n());
         const EnergyModel noise(0 * sum(u, 1), {.visible = {u}});
         const SharedVar z = models::zero_parameter({}, "log Z");
         Objective o = noise_contrastive(m, {x}, noise, {.ratio = 4, .rng = stream(), .log_z = z});
         o.updates += models::adam({z}, grad(o.cost, {z}), {.lr = 0.03});
         return o;
       }},
  };
}

void compare(const char* title, const Task& t, int n_updates) {
  const Var p = constant(t.probabilities);
  fmt::print("{}; the true model: {:.4f}\n", title, evaluate(sum(p * log(p))).item<double>());
  fmt::print("  {:34} {:>12} {:>12} {:>12}\n", "estimator", "samples", "truth", "us an update");
  for (const Estimator& e : estimators()) run(t, e, n_updates);
}

}  // namespace

int main(int argc, char** argv) {
  const int n_updates = argc > 1 ? std::atoi(argv[1]) : 1000;
  if (n_updates < 1 || argc > 2) {
    fmt::print(stderr, "usage: estimators [UPDATES]\n");
    return 2;
  }
  set_floatX(float64);
  compare("six bits, 2000 samples",
          task(
              six_bits(1), [] { return six_bits(0.01); }, 6, 2000),
          n_updates);
  const double scale = 4 / std::sqrt(11.0);
  compare("\nRBM 10-10, 100 samples",
          task(
              rbm(scale), [] { return rbm(0.1); }, 10, 100),
          n_updates);
  return 0;
}
