// A restricted Boltzmann machine on a small set of binary rows, with its exact log-likelihood.
//   binary_sets TRAIN VALID TEST [HIDDEN [UPDATES [WEIGHT_DECAY [RATE]]]]
// TRAIN, VALID, TEST  tables of 0 and 1, one row a line, plain or gzipped
// HIDDEN              hidden units; 23 when it is not given, 28 at most
// UPDATES             with 100 rows and 20 chains at each of 20 temperatures; 4000 when it is not
// given WEIGHT_DECAY        0.001 when it is not given RATE                Adam's, which goes to 0
// in a straight line; 0.005 when it is not given Chains that exchange states with hotter ones go
// from group to group where rows lie in groups far apart, as mushrooms do. What is scored are
// running averages of the parameters. Log Z is summed over all states of the hidden units ten times
// in a run; the parameters with the best validation score are the ones that are tested.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

#include <damo/damo.hpp>
#include <damo/io.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/update_rules.hpp>

using namespace damo;
using namespace damo::energy;

namespace {

Array rows_of(const char* path) {
  const io::NumberTable table = io::read_numbers(path);
  return Array::from(table.values, {table.rows, table.width});
}

/// The log odds of each column, with half a row of each kind added.
Array log_odds(const Array& rows) {
  const std::int64_t n = rows.shape()[0], width = rows.shape()[1];
  std::vector<float> odds(static_cast<std::size_t>(width));
  for (std::int64_t c = 0; c < width; ++c) {
    double ones = 0.5;
    for (std::int64_t r = 0; r < n; ++r) ones += rows.data<float>()[r * width + c];
    odds[static_cast<std::size_t>(c)] =
        static_cast<float>(std::log(ones / (static_cast<double>(n) + 1 - ones)));
  }
  return Array::from(odds, {width});
}

EnergyModel rbm_of(const SharedVar& W, const SharedVar& b, const SharedVar& c) {
  const Unit v = bernoulli("v", W.value().shape()[0]), h = bernoulli("h", W.value().shape()[1]);
  return EnergyModel(-dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1),
                     {.visible = {v}, .hidden = {h}, .params = {W, b, c}});
}

struct Settings {
  std::int64_t hidden = 23, updates = 4000;
  double decay = 0.001, rate = 0.005;
};

int train(const char* const* paths, const Settings& to) {
  const Array data = rows_of(paths[0]), valid = rows_of(paths[1]), test = rows_of(paths[2]);
  const std::int64_t n = data.shape()[0], n_visible = data.shape()[1], batch = 100;

  const SharedVar W = models::normal_parameter({n_visible, to.hidden}, 0.05, 1, "W"),
                  b = shared(log_odds(data), "b"), c = models::zero_parameter({to.hidden}, "c");
  const EnergyModel rbm = rbm_of(W, b, c);

  RandomStream rng(1);
  const Var rows = input(TensorType{int64, {batch}}, "rows");
  const Var lr = scalar("lr");
  const Var x = constant(data)[rows];
  const Objective cd = tempered_cd(rbm, {x}, {.chains = 20, .rng = rng, .temperatures = 20});
  Vars slopes = cd.gradients({W, b, c});
  slopes[0] = slopes[0] + to.decay * W;
  Updates step = models::adam({W, b, c}, slopes, {.lr = lr});
  step += cd.updates;
  const double share = std::min(1.0, 20.0 / static_cast<double>(to.updates));
  const auto averages = models::average_parameters({W, b, c}, step, share);
  const EnergyModel scored = rbm_of(averages[0], averages[1], averages[2]);
  Function update = function({rows, lr}, Vars{}, {.updates = step});

  const Var many = matrix("x");
  Function score = function({many}, {mean(-scored.free_energy({many}))});
  Function log_z = function({}, {scored.log_z()});
  std::mt19937_64 random(1);
  std::vector<std::int64_t> drawn(static_cast<std::size_t>(batch));
  double best = -INFINITY, tested = 0;
  fmt::print("{} {} {} rows of {}; log-likelihoods with exact log Z\n", n, valid.shape()[0],
             test.shape()[0], n_visible);
  fmt::print("{:>8} {:>10} {:>10} {:>10} {:>10}\n", "update", "log Z", "train", "valid", "test");
  for (std::int64_t i = 1; i <= to.updates; ++i) {
    for (auto& r : drawn) r = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
    update(drawn, to.rate * (1 - static_cast<double>(i - 1) / static_cast<double>(to.updates)));
    if (i % std::max<std::int64_t>(to.updates / 10, 1) != 0) continue;
    const double z = log_z()[0].item<float>();
    const auto at = [&](const Array& of) { return score(of)[0].item<float>() - z; };
    const double now = at(valid), on_test = at(test);
    if (now > best) {
      best = now;
      tested = on_test;
    }
    fmt::print("{:>8} {:>10.3f} {:>10.3f} {:>10.3f} {:>10.3f}\n", i, z, at(data), now, on_test);
    std::fflush(stdout);
  }
  fmt::print("test log-likelihood where validation is best: {:.2f}\n", tested);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings to;
  if (argc > 4) to.hidden = std::atol(argv[4]);
  if (argc > 5) to.updates = std::atol(argv[5]);
  if (argc > 6) to.decay = std::atof(argv[6]);
  if (argc > 7) to.rate = std::atof(argv[7]);
  if (argc < 4 || argc > 8 || to.hidden < 1 || to.hidden > 28 || to.updates < 1 || to.decay < 0 ||
      !(to.rate > 0)) {
    fmt::print(stderr,
               "usage: binary_sets TRAIN VALID TEST [HIDDEN [UPDATES [WEIGHT_DECAY [RATE]]]]\n");
    return 2;
  }
  try {
    return train(argv + 1, to);
  } catch (const Error& e) {
    fmt::print(stderr, "binary_sets: {}\n", e.what());
    return 1;
  }
}
