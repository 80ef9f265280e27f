#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/models/denoising_autoencoder.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

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

namespace {

struct Float64 {
  Float64() : before(floatX()) { set_floatX(float64); }
  ~Float64() { set_floatX(before); }
  DType before;
};

Var gradient_sum(const Var& cost, const SharedVar& parameter) {
  return sum(abs(grad(cost, parameter)));
}

}  // namespace

TEST_CASE("dA: fifty updates with corruption 0.3 are those of a NumPy program") {
  // R = numpy.random.RandomState; rng = R(123); g = R(rng.randint(2**30)); b = 4 * sqrt(6. / 10)
  // W = rng.uniform(-b, b, (6, 4)); biases 0; noise = R(g.randint(2**30)); 50 times, in float64:
  // t = noise.binomial(1, 0.7, (2, 6)) * x; y = s(t W + b); z = s(y W' + b'); the mean over rows of
  // the cross-entropy of x and z, its gradient by hand, p -= 0.1 gradient
  const Float64 wide;
  NumpyRandomState numpy_rng(123);
  const Var x = matrix("x");
  models::dA da({.input = x, .n_visible = 6, .n_hidden = 4, .numpy_rng = &numpy_rng});
  const auto [cost, updates] = da.get_cost_updates(0.3, 0.1);
  Function train = function({x}, {cost}, {.updates = updates});
  const Array data =
      test::array({2, 6}, {0, 0.25, 0.5, 0.75, 1, 0.125, 1, 0.5, 0, 0.25, 0.75, 0.875});
  double last = 0;
  for (int i = 0; i < 50; ++i) last = train(data).scalar<double>(0);
  CHECK(last == doctest::Approx(3.357303642814864).epsilon(1e-13));
  test::check_close(evaluate(da.W[0]),
                    test::vector({1.5443468447890998, -0.8014254909523375, 0.5890543821082106,
                                  1.0278603876274672}),
                    1e-13);
  test::check_close(evaluate(da.b_prime[range(3)]),
                    test::vector({-0.9401321313175599, -0.30764908878418806, -0.17285710186339465}),
                    1e-13);
}

TEST_CASE("dA: weights and noise of float32 models are NumPy's rounded") {
  // As above: W.astype("float32").ravel()[:3]; noise.binomial(1, 0.7, (2, 6)), again
  NumpyRandomState numpy_rng(123);
  const Var x = matrix("x");
  models::dA da({.input = x, .n_visible = 6, .n_hidden = 4, .numpy_rng = &numpy_rng});
  CHECK(da.W.value().data<float>()[0] == 1.3196358680725098F);
  CHECK(da.W.value().data<float>()[1] == -0.4432494640350342F);
  CHECK(da.W.value().data<float>()[2] == 1.1828701496124268F);
  Function corrupt = function({x}, {da.get_corrupted_input(x, 0.3)});
  const Array ones = test::array({2, 6}, std::vector<double>(12, 1)).cast(float32);
  test::check_close(corrupt(ones)[0], test::array({2, 6}, {1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 1}), 0);
  test::check_close(corrupt(ones)[0], test::array({2, 6}, {1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1}), 0);
}

TEST_CASE("dA: models stacked on one another share their weights") {
  const Var x = matrix("x");
  RandomStream rng(5);
  models::dA first({.input = x, .n_visible = 6, .n_hidden = 4, .rng = rng});
  models::dA second(
      {.input = first.get_hidden_values(x), .n_visible = 4, .n_hidden = 3, .seed = 7, .rng = rng});
  const Var top = second.get_hidden_values(second.x);
  const Var cost = sum(sqr(top));
  // The supervised cost reaches the weights of both layers, and not the visible biases.
  const Array data = evaluate(RandomStream(3).uniform({5, 6}));
  const std::vector<std::pair<Var, Array>> at{{x, data}};
  for (const SharedVar& p : {first.W, first.b, second.W, second.b})
    CHECK(evaluate(gradient_sum(cost, p), at).item<float>() > 0);
  CHECK_THROWS_AS(grad(cost, first.b_prime), GradError);
  // Pretraining the second layer leaves the first alone; training the first moves what is on top.
  const auto [pretraining, updates] = second.get_cost_updates(0.3, 0.1);
  CHECK_FALSE(updates.find(first.W).defined());
  Function pretrain = function({x}, {pretraining}, {.updates = updates});
  const Array before = first.W.value();
  pretrain(data);
  test::check_same_bits(first.W.value(), before);
  const Array top_before = evaluate(top, at);
  const auto [reconstruction, first_updates] = first.get_cost_updates(0.0, 0.5);
  Function train_first = function({x}, {reconstruction}, {.updates = first_updates});
  train_first(data);
  CHECK(evaluate(sum(abs(top - constant(top_before))), at).item<float>() > 0);
}
