// How likely a restricted Boltzmann machine of 500 hidden units, or a deep Boltzmann machine, finds
// MNIST's test digits, log Z bounded from both sides. The model is given by its energy.
//   digits_likelihood FILE [EPOCHS [CHAINS [SWEEPS [HIDDEN...]]]]
// FILE    an npz file for the parameters
// EPOCHS  of training; 200 when it is not given, 0 to score the parameters in FILE
// CHAINS  of the last estimate of log Z; 500 when it is not given
// SWEEPS  of each, there and again back; 20000 when it is not given
// HIDDEN  units of each hidden layer, as 500 1000; 500 when it is not given
// PCD with 100 chains on batches of 100 of the 60,000 digits, each pixel drawn anew at each visit,
// the learning rate falling to 0; what is scored are averages of the parameters. Of a deep machine,
// whose hidden layers cannot be summed out together, what is printed is the variational bound
// (Salakhutdinov and Hinton 2009).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <damo/damo.hpp>
#include <damo/io.hpp>
#include <damo/models/annealed_importance.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/update_rules.hpp>

using namespace damo;
using namespace damo::energy;

namespace {

constexpr std::int64_t batch = 100;

/// Weights between each layer and the next, and a bias for each layer; the first is visible.
struct Parameters {
  std::vector<SharedVar> W{}, b{};
  std::vector<SharedVar> all() const {
    std::vector<SharedVar> list = W;
    list.insert(list.end(), b.begin(), b.end());
    return list;
  }
};
Vars vars_of(const std::vector<SharedVar>& list) { return {list.begin(), list.end()}; }
EnergyModel machine(const Parameters& p) {
  Units x;
  for (const SharedVar& b : p.b)
    x.push_back(bernoulli(fmt::format("x{}", x.size()), b.value().shape()[0]));
  Var E = -dot(x[0], p.b[0]);
  for (std::size_t l = 0; l < p.W.size(); ++l)
    E = E - dot(x[l + 1], p.b[l + 1]) - sum(dot(x[l], p.W[l]) * x[l + 1], 1);
  return EnergyModel(
      E, {.visible = {x[0]}, .hidden = {x.begin() + 1, x.end()}, .params = vars_of(p.all())});
}
/// -log p(x) - log Z, one number a row: a bound from above where hidden layers interact.
Var cost_of(const EnergyModel& model, const Var& x) {
  return model.hidden().size() == 1 ? model.free_energy({x}) : variational_free_energy(model, {x});
}

/// The gradients in the parameters of an energy in which x - offset takes the place of each layer
/// x, as a step of those of the energy itself (Cho, Raiko and Ilin 2011; Montavon and Mueller
/// 2012).
Vars centred(const Vars& g, const Vars& offset) {
  const std::size_t n = offset.size() - 1;
  Vars steps = g;
  for (std::size_t l = 0; l < n; ++l) {
    const Var& bias = g[n + l];
    const Var& next = g[n + l + 1];
    steps[l] = g[l] - outer(offset[l], next) - outer(bias, offset[l + 1]);
    steps[n + l] = steps[n + l] - dot(steps[l], offset[l + 1]);
    steps[n + l + 1] = steps[n + l + 1] - dot(offset[l], steps[l]);
  }
  return steps;
}

struct Trainer {
  Parameters averages;
  Function step;
};
Trainer make_trainer(const Parameters& p, const Array& images, const Array& mean_image,
                     std::int64_t updates) {
  const EnergyModel model = machine(p);
  const bool deep = model.hidden().size() > 1;
  RandomStream rng(1);
  const Var rows = input(TensorType{int64, {batch}}, "rows");
  const Var x = rng.bernoulli(constant(images)[rows]);
  const Objective pcd = deep ? mean_field_pcd(model, {x}, {.k = 2, .rng = rng, .steps = 10})
                             : persistent_cd(model, {x}, {.k = 1, .rng = rng});
  Updates all = pcd.updates;
  const Vars means = model.mean_field({.clamped = model.visible(), .steps = deep ? 10 : 1}, {x});
  Vars offsets{constant(mean_image)};
  for (std::size_t l = 1; l < means.size(); ++l) {
    const SharedVar offset = shared(evaluate(full({p.b[l].value().shape()[0]}, 0.5)).cast(float32));
    all[offset] = 0.99 * offset + 0.01 * mean(means[l], 0);
    offsets.push_back(offset);
  }
  const Var lr = models::linear_schedule(0.1, 0, updates, all);
  all += models::sgd(p.all(), centred(pcd.gradients(vars_of(p.all())), offsets), {.lr = lr});
  const auto averages = models::average_parameters(p.all(), all, 0.0005);
  const auto biases = averages.begin() + static_cast<std::ptrdiff_t>(p.W.size());
  return {{{averages.begin(), biases}, {biases, averages.end()}},
          function({rows}, Vars{}, {.updates = all, .name = "train"})};
}

/// Prints the mean log-likelihoods with log Z between its bounds.
void score(const Parameters& p, const Array& base, const io::Dataset& data, std::int64_t chains,
           std::int64_t sweeps, const std::string& when) {
  const EnergyModel model = machine(p);
  const LogZ z = estimate_log_z(model, {.chains = chains,
                                        .steps = sweeps,
                                        .rng = RandomStream(7),
                                        .base = -dot(model.visible()[0], constant(base))});
  const Var x = matrix("x");
  Function energy = function({x}, {mean(cast(cost_of(model, x), float64))});
  const auto at = [&](const Array& digits) { return -energy(digits)[0].item<double>() - z.value; };
  const double test = at(data.test);
  fmt::print("{:>10} {:>9.3f} {:>8.3f} {:>6.0f} {:>9.3f} {:>9.3f}  [{:.3f}, {:.3f}]{}\n", when,
             z.value, z.standard_error, z.effective_chains, at(data.train), test,
             test + z.value - z.upper, test + z.value - z.lower,
             z.converged ? "" : "  not converged");
  std::fflush(stdout);
}

void save(const Parameters& p, const char* file) {
  std::map<std::string, Array> arrays;
  for (std::size_t l = 0; l < p.W.size(); ++l) arrays[fmt::format("W{}", l)] = p.W[l].value();
  for (std::size_t l = 0; l < p.b.size(); ++l) arrays[fmt::format("b{}", l)] = p.b[l].value();
  io::write_npz(file, arrays);
}
void load(Parameters& p, const char* file) {
  const auto kept = io::read_npz(file);
  for (std::size_t l = 0; l < p.W.size(); ++l) p.W[l].set_array(kept.at(fmt::format("W{}", l)));
  for (std::size_t l = 0; l < p.b.size(); ++l) p.b[l].set_array(kept.at(fmt::format("b{}", l)));
}

struct Settings {
  std::int64_t epochs = 200, chains = 500, sweeps = 20000;
  std::vector<std::int64_t> hidden{500};
};

int run(const char* file, const Settings& to) {
  const io::Dataset gray = io::load_dataset("mnist");
  const io::Dataset drawn = io::load_dataset("mnist", {.binarize = io::Binarize::sampled});
  const Array images = evaluate(concatenate({constant(gray.train), constant(gray.valid)}));
  const Array mean_image = evaluate(mean(constant(images), 0));
  const Array base = evaluate(models::log_odds(constant(images)));
  const std::int64_t n = images.shape()[0], pixels = gray.pixels(), batches = n / batch;

  Parameters p{{}, {shared(base, "b0")}};
  for (std::size_t l = 0; l < to.hidden.size(); ++l) {
    const std::int64_t below = l == 0 ? pixels : to.hidden[l - 1];
    p.W.push_back(
        models::normal_parameter({below, to.hidden[l]}, 0.01, l + 1, fmt::format("W{}", l)));
    p.b.push_back(models::zero_parameter(to.hidden[l], fmt::format("b{}", l + 1)));
  }
  fmt::print("{} training digits, {} test digits drawn once (seed 1234)\n", n,
             drawn.test.shape()[0]);
  fmt::print("{:>10} {:>9} {:>8} {:>6} {:>9} {:>9}  {}\n", "epoch", "log Z", "s.e.", "chains",
             "train", "test", "test, bracket");
  if (to.epochs > 0) {
    Trainer trainer = make_trainer(p, images, mean_image, to.epochs * batches);
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::mt19937_64 random(1);
    for (std::int64_t epoch = 1; epoch <= to.epochs; ++epoch) {
      std::shuffle(order.begin(), order.end(), random);
      for (std::int64_t i = 0; i < batches; ++i)
        trainer.step(
            std::vector<std::int64_t>(order.begin() + i * batch, order.begin() + (i + 1) * batch));
      if (epoch % std::max<std::int64_t>(to.epochs / 10, 1) != 0) continue;
      save(trainer.averages, file);
      score(trainer.averages, base, drawn, 100, 1000, fmt::format("{}", epoch));
    }
  }
  load(p, file);
  score(p, base, drawn, to.chains, to.sweeps, "the last");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings to;
  if (argc > 2) to.epochs = std::atol(argv[2]);
  if (argc > 3) to.chains = std::atol(argv[3]);
  if (argc > 4) to.sweeps = std::atol(argv[4]);
  if (argc > 5) to.hidden.clear();
  for (int i = 5; i < argc; ++i) to.hidden.push_back(std::atol(argv[i]));
  if (argc < 2 || to.epochs < 0 || to.chains < 2 || to.sweeps < 1 ||
      std::any_of(to.hidden.begin(), to.hidden.end(), [](std::int64_t n) { return n < 1; })) {
    fmt::print(stderr, "usage: digits_likelihood FILE [EPOCHS [CHAINS [SWEEPS [HIDDEN...]]]]\n");
    return 2;
  }
  try {
    return run(argv[1], to);
  } catch (const Error& e) {
    fmt::print(stderr, "digits_likelihood: {}\n", e.what());
    return 1;
  }
}
