#include <cstdio>
#include <damo/damo.hpp>
#include <damo/io/dataset.hpp>
using namespace damo;
using namespace damo::energy;

int main() {
  const SharedVar W = models::normal_parameter({9, 12}, 0.1, 1234, "W");
  const SharedVar b = models::zero_parameter(9, "b"), c = models::zero_parameter(12, "c");
  const Unit v = bernoulli("v", 9), h = bernoulli("h", 12);
  const EnergyModel rbm(-dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1),
                        {.visible = {v}, .hidden = {h}, .params = {W, b, c}});

  const Var x = matrix("x");
  const Objective exact = exact_likelihood(rbm, {x});  // or contrastive_divergence, and so on
  const Updates updates = models::adam({W, b, c}, exact.gradients({W, b, c}), {.lr = 0.02});
  Function train = function({x}, {exact.cost}, {.updates = updates});

  const Array patterns = io::bars_and_stripes(3);  // 16 pictures of 3 x 3 pixels
  for (int step = 0; step <= 2000; ++step) {
    const double log_likelihood = -train(patterns).scalar<double>(0);
    if (step % 500 == 0) std::printf("step %4d  log-likelihood %.3f\n", step, log_likelihood);
  }
}
