#include "../support/values.hpp"

#include <cmath>

#include <damo/models/denoising_autoencoder.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/reduce.hpp>
#include <damo/runtime/function.hpp>

using namespace damo;

TEST_CASE("dA: training lowers the reconstruction error") {
  const Var x = matrix("x");
  models::dA da({.input = x, .n_visible = 12, .n_hidden = 8});
  const auto [cost, updates] = da.get_cost_updates(0.3, 0.5);
  Function train = function({x}, {cost}, {.updates = updates, .name = "train_da"});
  Array data(float32, {6, 12});
  for (std::int64_t n = 0; n < 6; ++n) {
    for (std::int64_t i = 0; i < 12; ++i)
      data.data<float>()[n * 12 + i] = (i / 2 + n) % 3 == 0 ? 0.9F : 0.1F;
  }
  const float first = train(data).scalar<float>(0);
  float last = 0;
  for (int i = 0; i < 500; ++i) last = train(data).scalar<float>(0);
  CHECK(last < 0.7F * first);
}

TEST_CASE("dA: corruption keeps each element with probability one minus the level") {
  const Var x = matrix("x");
  models::dA da({.input = x, .n_visible = 100, .n_hidden = 8});
  Function corrupt = function({x}, {da.get_corrupted_input(x, 0.3)});
  Array ones(float32, {200, 100});
  for (float& v : std::span(ones.data<float>(), 20000)) v = 1;
  const Outputs out = corrupt(ones);
  double kept = 0;
  for (const float v : out[0].values<float>()) kept += v / 20000;
  CHECK(kept == doctest::Approx(0.7).epsilon(0.02));
}

TEST_CASE("dA: the cost as written is finite where sigmoid saturates") {
  const Var x = matrix("x");
  models::dA da({.input = x, .n_visible = 2, .n_hidden = 2});
  da.W.set_array(Array::from<float>({1000, 0, 0, 1000}, {2, 2}));
  da.b_prime.set_array(Array::from<float>({-2000, 500}, {2}));
  const auto [cost, updates] = da.get_cost_updates(0.0, 0.1);
  Function train = function({x}, {cost}, {.updates = updates});
  CHECK(std::isfinite(train(Array::from<float>({1, 0, 1, 0}, {2, 2})).scalar<float>(0)));
  for (const float w : da.W.value().values<float>()) CHECK(std::isfinite(w));
}
