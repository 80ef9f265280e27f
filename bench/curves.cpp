// Training updates of one layer over 784 inputs, for growing numbers of units and of examples:
// GFLOP/s as if all products were dense, and in percent of a product of 1024 x 1024 matrices.
//   bench_curves [autoencoder | rbm]
// autoencoder  tied weights, dense inputs: five products of all examples
// rbm          CD-1 of images a fifth of whose pixels are on: eight, most with operands of zeros
// and
//              ones, of which the zeros are left out
#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <damo/damo.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/products/gemm.hpp>
#include "fastest.hpp"

using namespace damo;

namespace {

constexpr std::int64_t n_inputs = 784;

Function autoencoder(std::int64_t hidden) {
  const Var x = matrix("x");
  const SharedVar W = models::normal_parameter({n_inputs, hidden}, 0.05, 1, "W"),
                  b = models::zero_parameter({hidden}, "b"),
                  c = models::zero_parameter({n_inputs}, "c");
  const Var z = sigmoid(dot(sigmoid(dot(x, W) + b), W.T()) + c);
  const Var cost = mean(sum(sqr(x - z), 1));
  return function({x}, {cost},
                  {.updates = models::sgd({W, b, c}, grad(cost, Vars{W, b, c}), {.lr = 0.01})});
}

Function rbm(std::int64_t hidden) {
  const Var x = matrix("x");
  models::RBM model({.input = x, .n_visible = n_inputs, .n_hidden = hidden});
  const auto training = model.get_cost_updates({.lr = 0.01, .k = 1});
  return function({x}, {training.monitor}, {.updates = training.updates});
}

double gflops_of_a_product() {
  const Var x = matrix("x");
  Function product = function({x}, {dot(x, x)});
  const Array a = evaluate(RandomStream(1).uniform({1024, 1024}));
  return 2e-9 * 1024 * 1024 * 1024 / bench::fastest([&] { product(a); });
}

}  // namespace

int main(int argc, char** argv) {
  const bool dense = argc < 2 || std::string(argv[1]) == "autoencoder";
  set_num_threads(1);
  const double peak = gflops_of_a_product();
  fmt::print("{}: {:.0f} GFLOP/s for 1024 x 1024 x 1024\n", gemm_description(), peak);
  const std::vector<std::int64_t> batches{1, 4, 20, 64, 128, 256, 1024};
  fmt::print("{:>8}", "units");
  for (const std::int64_t batch : batches) fmt::print("{:>12}", fmt::format("b{}", batch));
  fmt::print("\n");
  for (const std::int64_t hidden : {100, 200, 500, 1000, 2000, 4000}) {
    fmt::print("{:>8}", hidden);
    Function train = dense ? autoencoder(hidden) : rbm(hidden);
    for (const std::int64_t batch : batches) {
      RandomStream rng(1);
      const Array x =
          evaluate(dense ? rng.uniform({batch, n_inputs}) : rng.bernoulli(0.19, {batch, n_inputs}));
      const double seconds = bench::fastest([&] { train(x); });
      const double flops = 2.0 * (dense ? 5 : 8) * static_cast<double>(batch * n_inputs * hidden);
      fmt::print("{:>12}", fmt::format("{:.0f} {:.0f}%", 1e-9 * flops / seconds,
                                       1e-7 * flops / seconds / peak));
      std::fflush(stdout);
    }
    fmt::print("\n");
  }
}
