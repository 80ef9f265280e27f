// The square Ising model, given by its energy alone, beside Kaufman's exact solution (1949).
//   ising [CHAINS] [STEPS]
// CHAINS  chains of annealing and of sampling; 100 when it is not given
// STEPS   temperatures of annealing; 10000 when it is not given
// Prints log Z with its bracket and the energy of a spin with its standard error, for squares of 4
// to 32 spins a side with periodic edges; and how often chains at beta 0.5 change their sign, each
// by itself and with parallel tempering.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <numbers>
#include <string>
#include <vector>

#include <damo/damo.hpp>

using namespace damo;
using namespace damo::energy;

namespace {

/// The spins of a square and its energy times beta.
struct Ising {
  Ising(std::int64_t spins_a_side, double inverse_temperature)
      : side(spins_a_side), beta(inverse_temperature), s(spin("s", side * side)) {}
  Var next(const Var& grid, int axis) const {
    const Var rows = axis == 1 ? grid(all(), from(1)) : grid(all(), all(), from(1));
    const Var first = axis == 1 ? grid(all(), range(1)) : grid(all(), all(), range(1));
    return concatenate({rows, first}, axis);
  }
  Var pairs(const Var& state) const {
    const Var grid = reshape(state, {-1, side, side});
    return sum(grid * (next(grid, 1) + next(grid, 2)), {1, 2});
  }
  EnergyModel model() const { return {-beta * pairs(s), {.visible = {s}, .blocks = colored()}}; }

  std::int64_t side;
  double beta;
  Unit s;
};

/// Kaufman's log Z of a square of n x n spins.
double exact_log_z(std::int64_t n, double beta) {
  const double pi = std::numbers::pi;
  const auto size = static_cast<double>(n);
  const auto gamma = [&](std::int64_t l) {
    if (l == 0) return 2 * beta + std::log(std::tanh(beta));
    const double c = std::cosh(2 * beta) / std::tanh(2 * beta);
    return std::acosh(c - std::cos(pi * static_cast<double>(l) / size));
  };
  double odd_cosh = 0, odd_sinh = 0, even_cosh = 0, even_sinh = 0, sign = 1;
  for (std::int64_t r = 0; r < n; ++r) {
    const double a = std::abs(size * gamma(2 * r + 1) / 2), b = size * gamma(2 * r) / 2;
    odd_cosh += a + std::log1p(std::exp(-2 * a));
    odd_sinh += a + std::log1p(-std::exp(-2 * a));
    even_cosh += std::abs(b) + std::log1p(std::exp(-2 * std::abs(b)));
    even_sinh += std::abs(b) + std::log1p(-std::exp(-2 * std::abs(b)));
    if (b < 0) sign = -sign;
  }
  // At the critical point gamma of 0 is 0, and its product with it.
  const double total = 1 + std::exp(odd_sinh - odd_cosh) + std::exp(even_cosh - odd_cosh) +
                       (std::isfinite(even_sinh) ? sign * std::exp(even_sinh - odd_cosh) : 0);
  return odd_cosh + std::log(total) - std::log(2.0) +
         size * size / 2 * std::log(2 * std::sinh(2 * beta));
}

/// The energy of a spin: by the slope of log Z in beta.
double exact_energy(std::int64_t n, double beta) {
  const double h = 1e-4;
  const auto spins = static_cast<double>(n * n);
  return -(exact_log_z(n, beta + h) - exact_log_z(n, beta - h)) / (2 * h) / spins;
}

struct Estimate {
  double value, error;
};

/// The energy of a spin over chains of coloured Gibbs sweeps, started where annealing would end.
Estimate sampled_energy(const Ising& ising, std::int64_t n_chains) {
  const EnergyModel model = ising.model();
  RandomStream rng(7);
  const SharedVar chains = shared(evaluate(model.random_state(n_chains, rng)[0]), "chains");
  auto [state, updates] = model.gibbs({chains}, {.k = 5, .rng = rng});
  updates[chains] = state[0];
  const auto spins = static_cast<double>(ising.side * ising.side);
  Function sweep =
      function({}, {cast(-ising.pairs(state[0]) / spins, float64)}, {.updates = updates});
  for (int i = 0; i < 400; ++i) sweep();
  const std::int64_t steps = 1000;
  std::vector<double> energies;
  double total = 0, squares = 0;
  for (std::int64_t i = 0; i < steps; ++i) {
    for (const double e : sweep()[0].values<double>()) {
      energies.push_back(e);
      total += e;
      squares += e * e;
    }
  }
  const auto n = static_cast<double>(energies.size());
  const Var trajectory = constant(Array::from(energies, {steps, n_chains}));
  const double worth = evaluate(effective_sample_size(trajectory, 200)).item<double>();
  const double mean = total / n;
  return {mean, std::sqrt((squares / n - mean * mean) / worth)};
}

/// How often the magnetisation of a chain at beta 1 of the model changes its sign, in 1000 sweeps.
class SignChanges {
 public:
  void see(std::span<const double> magnetisation) {
    for (std::size_t i = 0; i < magnetisation.size(); ++i) {
      if (last_.size() <= i) last_.push_back(0);
      if (magnetisation[i] * last_[i] < 0) ++changes_;
      if (magnetisation[i] != 0) last_[i] = magnetisation[i];
    }
  }
  double a_chain() const { return changes_ / static_cast<double>(last_.size()); }

 private:
  std::vector<double> last_;
  double changes_ = 0;
};

void compare_tempering(std::int64_t side, double beta, std::int64_t n_chains) {
  const Ising ising(side, beta);
  const EnergyModel model = ising.model();
  RandomStream rng(3);
  const int rounds = 2000;
  const SharedVar chains = shared(evaluate(model.random_state(n_chains, rng)[0]), "chains");
  auto [state, updates] = model.gibbs({chains}, {.k = 1, .rng = rng});
  updates[chains] = state[0];
  Function plain = function({}, {cast(sum(state[0], 1), float64)}, {.updates = updates});
  SignChanges alone;
  for (int i = 0; i < rounds; ++i) alone.see(plain()[0].values<double>());

  std::vector<double> betas;
  for (int i = 0; i < 12; ++i) betas.push_back(1 - i * 0.04);
  const std::int64_t rows = n_chains * static_cast<std::int64_t>(betas.size());
  const SharedVar ladder = shared(evaluate(model.random_state(rows, rng)[0]), "ladder");
  ParallelTempering exchange =
      parallel_tempering(model, {ladder}, {.k = 1, .rng = rng, .betas = betas});
  exchange.updates[ladder] = exchange.state[0];
  const Var coldest = exchange.state[0][range(n_chains)];
  Function tempered =
      function({}, {cast(sum(coldest, 1), float64), cast(exchange.swap_rates, float64)},
               {.updates = exchange.updates});
  SignChanges together;
  double rates = 0;
  for (int i = 0; i < rounds; ++i) {
    const Outputs out = tempered();
    together.see(out[0].values<double>());
    for (const double r : out[1].values<double>())
      rates += r / (rounds * static_cast<double>(betas.size() - 1));
  }
  fmt::print("\n{0} x {0} at beta {1}: sign changes of a chain in {2} sweeps\n", side, beta,
             rounds);
  fmt::print("  each chain by itself      {:8.2f}\n", alone.a_chain());
  fmt::print("  {} temperatures exchanged {:8.2f}   ({:.0f} % of exchanges accepted)\n",
             betas.size(), together.a_chain(), 100 * rates);
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t chains = argc > 1 ? std::atol(argv[1]) : 100;
  const std::int64_t steps = argc > 2 ? std::atol(argv[2]) : 10000;
  if (chains < 2 || steps < 10 || argc > 3) {
    fmt::print(stderr, "usage: ising [CHAINS, at least 2] [STEPS, at least 10]\n");
    return 2;
  }
  const double critical = std::log(1 + std::sqrt(2.0)) / 2;
  fmt::print("{:>5} {:>9} {:>12} {:>12} {:>25} {:>10} {:>20}\n", "side", "beta", "log Z exact",
             "derived", "annealed, bracket", "E/N exact", "sampled");
  struct Setting {
    std::int64_t side;
    double beta;
  };
  for (const auto& [side, beta] :
       {Setting{4, 0.3}, {4, critical}, {4, 0.5}, {8, critical}, {16, critical}, {32, critical}}) {
    const Ising ising(side, beta);
    const EnergyModel model = ising.model();
    const std::string summed =
        side == 4 ? fmt::format("{:.6f}", evaluate(cast(model.log_z(), float64)).item<double>())
                  : "";
    const LogZ z =
        estimate_log_z(model, {.chains = chains, .steps = steps, .rng = RandomStream(1)});
    const Estimate e = sampled_energy(ising, chains);
    fmt::print(
        "{:>5} {:>9.6f} {:>12.6f} {:>12} {:>12.4f} {:>12.4f} {:>10.6f} {:>11.6f} +- {:.6f}\n", side,
        beta, exact_log_z(side, beta), summed, z.lower, z.upper, exact_energy(side, beta), e.value,
        e.error);
    std::fflush(stdout);
  }
  compare_tempering(16, 0.5, 10);
  return 0;
}
