// What each rewrite buys in one training update of a 784-500 RBM: the workload of bench_rbm_update
// with the rewrite left out, all in turn.
//   bench_ablation [WORKLOAD] [UPDATES] [DATA]
// Prints the least time of an update, and how many times as long it takes without each rewrite.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include <damo/io/dataset.hpp>
#include <damo/models/rbm.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/runtime/function/function.hpp>
#include "report.hpp"

using namespace damo;

namespace {

struct Variant {
  std::string without;  // "" for nothing
  Function train{};
  double least = 1e9;
};

Function training(const SharedVar& data, std::int64_t batch, bool persistent, int k,
                  const std::string& without) {
  const Var x = matrix("x");
  const Var i = lscalar("i");
  models::RBM rbm({.input = x});
  const SharedVar chain = shared(Array(float32, {batch, rbm.n_hidden}), "chain");
  const auto parts =
      rbm.get_cost_updates({.lr = 0.1, .persistent = persistent ? chain : SharedVar{}, .k = k});
  Mode mode = Mode::fast();
  if (!without.empty()) mode = mode.excluding(without);
  return function({i}, {parts.monitor},
                  {.updates = parts.updates,
                   .givens = {{x, data[range(i * batch, (i + 1) * batch)]}},
                   .mode = mode});
}

}  // namespace

int main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "rbm_pcd15_b20";
  const int updates = argc > 2 ? std::stoi(argv[2]) : 300;
  const io::Dataset data = io::load_dataset(argc > 3 ? argv[3] : "fashion");
  if (std::getenv("DAMO_NUM_THREADS") == nullptr) set_num_threads(1);
  const std::int64_t batch = name == "rbm_pcd15_b128" ? 128 : 20;
  const bool persistent = name != "rbm_cd1_b20";
  const SharedVar train_x = shared(data.train, "train_x");
  std::vector<Variant> all;
  for (const char* rule : {"", "bernoulli_dot", "scan_round_rows", "bernoulli_logit",
                           "binary_product", "gemm_chain", "gemm_accumulate", "scan_share_last",
                           "scan_keep_what_is_read", "scan_hoist_invariants", "share_softplus"})
    all.push_back({rule, training(train_x, batch, persistent, persistent ? 15 : 1, rule)});
  const std::int64_t batches = data.train.shape()[0] / batch;
  for (int n = 0; n < updates; ++n) {
    for (Variant& v : all) {
      const double start = bench::seconds_now();
      v.train(n % batches);
      if (n >= 30) v.least = std::min(v.least, 1e3 * (bench::seconds_now() - start));
    }
  }
  for (const Variant& v : all) {
    fmt::print("{:<28}{:8.3f} ms{:8.2f}\n",
               v.without.empty() ? "everything" : "without " + v.without, v.least,
               v.least / all.front().least);
  }
}
