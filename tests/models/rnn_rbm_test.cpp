#include "../support/values.hpp"

#include <cmath>

#include <damo/models/rnn_rbm.hpp>
#include <damo/ops/gradient.hpp>
#include <damo/ops/math.hpp>
#include <damo/runtime/function.hpp>

using namespace damo;

namespace {

/// A periodic roll: note (3 t) mod n sounds at time t.
Array periodic_roll(std::int64_t steps, std::int64_t n) {
  Array roll(float32, {steps, n});
  for (std::int64_t t = 0; t < steps; ++t) roll.data<float>()[t * n + 3 * t % n] = 1;
  return roll;
}

}  // namespace

TEST_CASE("RNN-RBM: training raises the monitor on a periodic sequence") {
  const auto net = models::build_rnnrbm(8, 12, 10, RandomStream(1), {.k = 5});
  Updates updates = net.updates_train;
  const Vars wrt(net.params.begin(), net.params.end());
  const Vars g = grad(net.cost, wrt, {.consider_constant = {net.v_sample}});
  for (std::size_t i = 0; i < wrt.size(); ++i) updates[wrt[i]] = wrt[i] - 0.05 * g[i];
  Function train = function({net.v}, {net.monitor}, {.updates = updates, .name = "train"});
  const Array roll = periodic_roll(24, 8);
  const float first = train(roll).scalar<float>(0);
  float last = first;
  for (int i = 0; i < 400; ++i) last = train(roll).scalar<float>(0);
  CHECK(std::isfinite(first));
  CHECK(first < -4);
  CHECK(last > first + 2);
}

TEST_CASE("RNN-RBM: generated sequences are binary and differ from call to call") {
  const auto net =
      models::build_rnnrbm(8, 12, 10, RandomStream(1), {.k_generate = 4, .generation_steps = 15});
  Function generate =
      function({}, {net.v_t}, {.updates = net.updates_generate, .name = "generate"});
  const Outputs a = generate();
  const Outputs b = generate();
  CHECK(to_string(a[0].shape()) == "(15, 8)");
  bool differ = false;
  for (std::size_t i = 0; i < 120; ++i) {
    const float v = a[0].values<float>()[i];
    CHECK((v == 0 || v == 1));
    differ = differ || v != b[0].values<float>()[i];
  }
  CHECK(differ);
}

TEST_CASE("RNN-RBM: the monitor is finite whatever the parameters do") {
  const auto net = models::build_rnnrbm(8, 12, 10, RandomStream(1), {.k = 2});
  Array huge = net.params[0].value();
  for (float& w : std::span(huge.data<float>(), 96)) w *= 1e5F;
  net.params[0].set_array(huge);
  Function monitor = function({net.v}, {net.monitor}, {.updates = net.updates_train});
  CHECK(std::isfinite(monitor(periodic_roll(10, 8)).scalar<float>(0)));
}
