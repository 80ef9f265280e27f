// A restricted Boltzmann machine on a small set of binary rows, with its exact log-likelihood.
//   binary_sets TRAIN VALID TEST [HIDDEN [UPDATES [WEIGHT_DECAY]]]
// TRAIN, VALID, TEST  tables of 0 and 1, one row a line, plain or gzipped
// HIDDEN              hidden units; 23 when it is not given, 28 at most
// UPDATES             of PCD-10 with 100 chains and 100 rows; 20000 when it is not given
// WEIGHT_DECAY        0.001 when it is not given
// Log Z is summed over all states of the hidden units ten times in a run; the parameters with the
// best validation score are the ones that are tested.
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

int train(const char* const* paths, std::int64_t n_hidden, std::int64_t updates, double decay) {
  const Array data = rows_of(paths[0]), valid = rows_of(paths[1]), test = rows_of(paths[2]);
  const std::int64_t n = data.shape()[0], n_visible = data.shape()[1], batch = 100;

  const SharedVar W = models::normal_parameter({n_visible, n_hidden}, 0.05, 1, "W"),
                  b = shared(log_odds(data), "b"), c = models::zero_parameter({n_hidden}, "c");
  const Unit v = bernoulli("v", n_visible), h = bernoulli("h", n_hidden);
  const EnergyModel rbm(-dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1),
                        {.visible = {v}, .hidden = {h}, .params = {W, b, c}});

  RandomStream rng(1);
  const Var rows = input(TensorType{int64, {batch}}, "rows");
  const Var lr = scalar("lr");
  const Var x = constant(data)[rows];
  const Objective pcd = persistent_cd(rbm, {x}, {.k = 10, .chains = 100, .rng = rng});
  Vars slopes = pcd.gradients({W, b, c});
  slopes[0] = slopes[0] + decay * W;
  Updates step = models::adam({W, b, c}, slopes, {.lr = lr});
  step += pcd.updates;
  Function update = function({rows, lr}, Vars{}, {.updates = step});

  const Var many = matrix("x");
  Function score = function({many}, {mean(-rbm.free_energy({many}))});
  Function log_z = function({}, {rbm.log_z()});
  std::mt19937_64 random(1);
  std::vector<std::int64_t> drawn(static_cast<std::size_t>(batch));
  double best = -INFINITY, tested = 0;
  fmt::print("{} {} {} rows of {}; log-likelihoods with exact log Z\n", n, valid.shape()[0],
             test.shape()[0], n_visible);
  fmt::print("{:>8} {:>10} {:>10} {:>10} {:>10}\n", "update", "log Z", "train", "valid", "test");
  for (std::int64_t i = 1; i <= updates; ++i) {
    for (auto& r : drawn) r = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
    update(drawn, 0.005 * (1 - static_cast<double>(i - 1) / static_cast<double>(updates)));
    if (i % std::max<std::int64_t>(updates / 10, 1) != 0) continue;
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
  const std::int64_t hidden = argc > 4 ? std::atol(argv[4]) : 23;
  const std::int64_t updates = argc > 5 ? std::atol(argv[5]) : 20000;
  const double decay = argc > 6 ? std::atof(argv[6]) : 0.001;
  if (argc < 4 || argc > 7 || hidden < 1 || hidden > 28 || updates < 1 || decay < 0) {
    fmt::print(stderr, "usage: binary_sets TRAIN VALID TEST [HIDDEN [UPDATES [WEIGHT_DECAY]]]\n");
    return 2;
  }
  try {
    return train(argv + 1, hidden, updates, decay);
  } catch (const Error& e) {
    fmt::print(stderr, "binary_sets: {}\n", e.what());
    return 1;
  }
}
