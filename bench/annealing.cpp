// Annealed importance sampling of a 784-500 RBM given by its energy: the workload of
// bench/peers/bench_annealing.py.
//   bench_annealing [CHAINS [STEPS [FILE]]]
// CHAINS  100 when it is not given
// STEPS   sweeps, one a temperature; 10000 when it is not given
// FILE    the parameters of a trained one, an npz file of examples/digits_likelihood
// Prints one JSON line with the seconds of the run and log Z.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <vector>

#include <damo/damo.hpp>
#include <damo/io.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>

using namespace damo;
using namespace damo::energy;
using Clock = std::chrono::steady_clock;

namespace {

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t chains = argc > 1 ? std::atol(argv[1]) : 100;
  const std::int64_t steps = argc > 2 ? std::atol(argv[2]) : 10000;
  if (std::getenv("DAMO_NUM_THREADS") == nullptr) set_num_threads(1);
  // Digits have an eighth of their pixels on; so has this model.
  SharedVar W = models::normal_parameter({784, 500}, 0.05, 1, "W");
  SharedVar b = shared(std::vector<float>(784, -2), "b");
  SharedVar c = models::zero_parameter(500, "c");
  if (argc > 3) {
    const auto trained = io::read_npz(argv[3]);
    W.set_array(trained.at("W0"));
    b.set_array(trained.at("b0"));
    c.set_array(trained.at("b1"));
  }
  const Unit v = bernoulli("v", 784), h = bernoulli("h", 500);
  const EnergyModel rbm(-dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1),
                        {.visible = {v}, .hidden = {h}, .params = {W, b, c}});
  const Var base = -dot(v, constant(b.value()));

  const auto compiling = Clock::now();
  RandomStream rng(1);
  const Var first = rbm.base_model(base).conditional(v, {Var(), zeros({chains, 500})}).sample(rng);
  const Var betas = constant(evaluate(cast(arange(steps + 1), float32) / steps));
  const Annealing path = anneal(rbm, {first, Var()}, betas, rng, base);
  const Var log_z = logsumexp(path.log_weights) - std::log(static_cast<double>(chains)) -
                    rbm.base_model(base).marginal_energy(rbm.units())[0];
  Function run = function({}, {log_z}, {.name = "annealing"});
  const double compile = seconds_since(compiling);
  const auto start = Clock::now();
  const double z = run().scalar<double>(0);
  const double seconds = seconds_since(start);
  fmt::print(
      "{{\"system\": \"damo\", \"workload\": \"annealing\", \"chains\": {}, \"steps\": {}, "
      "\"median_ms\": {:.1f}, \"compile_ms\": {:.1f}, \"threads\": {}, \"log_z\": {:.3f}}}\n",
      chains, steps, 1000 * seconds, 1000 * compile, num_threads(), z);
  if (std::getenv("DAMO_BENCH_PROFILE") == nullptr) return 0;
  run.set_profiling(true);
  run();
  fmt::print("{}", run.profile());
}
