#include <cstdio>
#include <damo/damo.hpp>
#include <damo/io/dataset.hpp>
using namespace damo;

int main() {
  const SharedVar W = models::normal_parameter({9, 12}, 0.1, 1234, "W");
  const SharedVar b = models::zero_parameter(9, "b"), c = models::zero_parameter(12, "c");
  const auto free_energy = [&](const Var& v) {
    return -dot(v, b) - sum(log(1 + exp(dot(v, W) + c)), 1);
  };
  const Var v = matrix("v");
  const Var log_z = logsumexp(-free_energy(models::all_binary_states(9)));
  const Var cost = mean(free_energy(v)) + log_z;  // the mean of -log p(v)
  const Updates updates = models::adam({W, b, c}, grad(cost, {W, b, c}), {.lr = 0.02});
  Function train = function({v}, {cost}, {.updates = updates});

  const Array patterns = io::bars_and_stripes(3);  // 16 pictures of 3 x 3 pixels
  for (int step = 0; step <= 2000; ++step) {
    const double log_likelihood = -train(patterns).scalar<double>(0);
    if (step % 500 == 0) std::printf("step %4d  log-likelihood %.3f\n", step, log_likelihood);
  }
}
