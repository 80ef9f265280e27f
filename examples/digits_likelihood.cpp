// How likely a restricted Boltzmann machine of 500 hidden units finds MNIST's test digits, log Z
// bounded from both sides. The model is given by its energy.
//   digits_likelihood FILE [EPOCHS [CHAINS [SWEEPS]]]
// FILE    an npz file for the parameters
// EPOCHS  of training; 100 when it is not given, 0 to score the parameters in FILE
// CHAINS  of the last estimate of log Z; 500 when it is not given
// SWEEPS  of each, there and again back; 20000 when it is not given
// PCD-1 with 100 chains on batches of 100 of the 60,000 digits, each pixel drawn anew at each
// visit, the learning rate falling from 0.1 to 0; what is scored are averages of the parameters.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

#include <damo/damo.hpp>
#include <damo/io.hpp>
#include <damo/models/annealed_importance.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/update_rules.hpp>

using namespace damo;
using namespace damo::energy;

namespace {

constexpr std::int64_t n_hidden = 500, batch = 100;

struct Parameters {
  SharedVar W, b, c;
};
EnergyModel rbm_of(const Parameters& p) {
  const std::int64_t n_visible = p.b.value().shape()[0];
  const Unit v = bernoulli("v", n_visible), h = bernoulli("h", n_hidden);
  return EnergyModel(-dot(v, p.b) - dot(h, p.c) - sum(dot(v, p.W) * h, 1),
                     {.visible = {v}, .hidden = {h}, .params = {p.W, p.b, p.c}});
}

/// The gradients in the parameters of an energy in which v - mu and h - lambda take the place of v
/// and h, as a step of those of the energy itself (Cho, Raiko and Ilin 2011; Montavon and Mueller
/// 2012).
Vars centred(const Vars& g, const Var& mu, const Var& lambda) {
  const Var W = g[0] - outer(mu, g[2]) - outer(g[1], lambda);
  return {W, g[1] - dot(W, lambda), g[2] - dot(mu, W)};
}

struct Trainer {
  Parameters averages;
  Function step;
};
Trainer make_trainer(const Parameters& p, const Array& images, const Array& mean_image,
                     std::int64_t updates) {
  const EnergyModel rbm = rbm_of(p);
  RandomStream rng(1);
  const Var rows = input(TensorType{int64, {batch}}, "rows");
  const Var x = rng.bernoulli(constant(images)[rows]);
  const Objective pcd = persistent_cd(rbm, {x}, {.k = 1, .chains = 100, .rng = rng});
  const SharedVar lambda = shared(evaluate(full({n_hidden}, 0.5)).cast(float32), "lambda");
  Updates all = pcd.updates;
  all[lambda] = 0.99 * lambda + 0.01 * mean(rbm.conditional(rbm.hidden()[0], {x, {}}).mean(), 0);
  const Var lr = models::linear_schedule(0.1, 0, updates, all);
  const Vars slopes = centred(pcd.gradients({p.W, p.b, p.c}), constant(mean_image), lambda);
  all += models::sgd({p.W, p.b, p.c}, slopes, {.lr = lr});
  const auto averages = models::average_parameters({p.W, p.b, p.c}, all, 0.0005);
  return {{averages[0], averages[1], averages[2]},
          function({rows}, Vars{}, {.updates = all, .name = "train"})};
}

/// Prints the mean log-likelihoods with log Z between its bounds.
void score(const Parameters& p, const Array& base, const io::Dataset& data, std::int64_t chains,
           std::int64_t sweeps, const std::string& when) {
  const EnergyModel rbm = rbm_of(p);
  const LogZ z = estimate_log_z(rbm, {.chains = chains,
                                      .steps = sweeps,
                                      .rng = RandomStream(7),
                                      .base = -dot(rbm.visible()[0], constant(base))});
  const Var x = matrix("x");
  Function energy = function({x}, {mean(cast(rbm.free_energy({x}), float64))});
  const auto at = [&](const Array& digits) { return -energy(digits)[0].item<double>() - z.value; };
  const double test = at(data.test);
  fmt::print("{:>10} {:>9.3f} {:>8.3f} {:>6.0f} {:>9.3f} {:>9.3f}  [{:.3f}, {:.3f}]{}\n", when,
             z.value, z.standard_error, z.effective_chains, at(data.train), test,
             test + z.value - z.upper, test + z.value - z.lower,
             z.converged ? "" : "  not converged");
  std::fflush(stdout);
}

int run(const char* file, std::int64_t epochs, std::int64_t chains, std::int64_t sweeps) {
  const io::Dataset gray = io::load_dataset("mnist");
  const io::Dataset drawn = io::load_dataset("mnist", {.binarize = io::Binarize::sampled});
  const Array images = evaluate(concatenate({constant(gray.train), constant(gray.valid)}));
  const Array mean_image = evaluate(mean(constant(images), 0));
  const Array base = evaluate(models::log_odds(constant(images)));
  const std::int64_t n = images.shape()[0], pixels = gray.pixels(), batches = n / batch;

  Parameters p{models::normal_parameter({pixels, n_hidden}, 0.01, 1, "W"), shared(base, "b"),
               models::zero_parameter(n_hidden, "c")};
  fmt::print("{} training digits, {} test digits drawn once (seed 1234)\n", n,
             drawn.test.shape()[0]);
  fmt::print("{:>10} {:>9} {:>8} {:>6} {:>9} {:>9}  {}\n", "epoch", "log Z", "s.e.", "chains",
             "train", "test", "test, bracket");
  if (epochs > 0) {
    Trainer trainer = make_trainer(p, images, mean_image, epochs * batches);
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::mt19937_64 random(1);
    for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
      std::shuffle(order.begin(), order.end(), random);
      for (std::int64_t i = 0; i < batches; ++i)
        trainer.step(
            std::vector<std::int64_t>(order.begin() + i * batch, order.begin() + (i + 1) * batch));
      if (epoch % std::max<std::int64_t>(epochs / 10, 1) != 0) continue;
      const Parameters& a = trainer.averages;
      io::write_npz(file, {{"W", a.W.value()}, {"b", a.b.value()}, {"c", a.c.value()}});
      score(a, base, drawn, 100, 1000, fmt::format("{}", epoch));
    }
  }
  const auto kept = io::read_npz(file);
  p.W.set_array(kept.at("W"));
  p.b.set_array(kept.at("b"));
  p.c.set_array(kept.at("c"));
  score(p, base, drawn, chains, sweeps, "the last");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i, std::int64_t otherwise) {
    return argc > i ? std::atol(argv[i]) : otherwise;
  };
  const std::int64_t epochs = number(2, 100), chains = number(3, 500), sweeps = number(4, 20000);
  if (argc < 2 || argc > 5 || epochs < 0 || chains < 2 || sweeps < 1) {
    fmt::print(stderr, "usage: digits_likelihood FILE [EPOCHS [CHAINS [SWEEPS]]]\n");
    return 2;
  }
  try {
    return run(argv[1], epochs, chains, sweeps);
  } catch (const Error& e) {
    fmt::print(stderr, "digits_likelihood: {}\n", e.what());
    return 1;
  }
}
