// One training update of a 784-500 RBM, everything included: the same workload as bench/peers.
//   bench_rbm_update [WORKLOAD] [UPDATES] [DATA] [guard]
// WORKLOAD  rbm_pcd15_b20 (the default), rbm_cd1_b20, rbm_pcd15_b128
// guard     with every result checked for NaN and infinity
// Prints one JSON line with the median time of a call, then where the time goes.
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <utility>

#include <damo/io/dataset.hpp>
#include <damo/models/rbm.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/products/gemm.hpp>
#include <damo/runtime/function/function.hpp>
#include "report.hpp"

using namespace damo;

namespace {

struct Workload {
  std::int64_t batch;
  bool persistent;
  int k;
};

Workload parse(const std::string& name) {
  if (name == "rbm_cd1_b20") return {20, false, 1};
  if (name == "rbm_pcd15_b128") return {128, true, 15};
  return {20, true, 15};
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "rbm_pcd15_b20";
  const int updates = argc > 2 ? std::stoi(argv[2]) : 300;
  io::Dataset data = io::load_dataset(argc > 3 ? argv[3] : "fashion");
  const Workload load = parse(name);
  if (std::getenv("DAMO_NUM_THREADS") == nullptr) set_num_threads(1);

  const std::int64_t batches = data.train.shape()[0] / load.batch;
  const SharedVar train_x = shared(std::move(data.train), "train_x");
  const Var x = matrix("x");
  const Var i = lscalar("i");
  models::RBM rbm({.input = x});
  const SharedVar chain = shared(Array(float32, {load.batch, rbm.n_hidden}), "chain");
  const auto training = rbm.get_cost_updates(
      {.lr = 0.1, .persistent = load.persistent ? chain : SharedVar{}, .k = load.k});
  const double compile_start = bench::seconds_now();
  Function train = function({i}, {training.monitor},
                            {.updates = training.updates,
                             .givens = {{x, train_x[range(i * load.batch, (i + 1) * load.batch)]}},
                             .name = "train_rbm",
                             .mode = argc > 4 ? Mode::guard() : Mode::fast()});
  const double compile_ms = 1e3 * (bench::seconds_now() - compile_start);

  const double median = bench::report(name, compile_ms, updates, 30,
                                      [&](int n) { return train(n % batches).scalar<double>(0); });

  // Counted as if every product were dense: two a Gibbs step, and for the costs and their gradients
  // six more (four without the pseudo-likelihood).
  const double products = 2.0 * load.k + (load.persistent ? 6 : 4);
  const double gflops = 2e-6 * static_cast<double>(load.batch) * 784 * 500 * products / median;
  const double peak = measure_gflops(1024, 1024, 1024);
  fmt::print("{:.0f} GFLOP/s, {:.0f}% of the {:.0f} of a 1024^3 product ({})\n", gflops,
             100 * gflops / peak, peak, gemm_description());

  train.set_profiling(true);
  for (int n = 0; n < 100; ++n) train(n % batches);
  fmt::print("{}", train.profile());
}
