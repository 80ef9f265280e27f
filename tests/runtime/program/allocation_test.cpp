#include <doctest/doctest.h>

#include <tests/support/allocations.hpp>

#include <damo/damo.hpp>

using namespace damo;
using damo::test::allocations;

namespace {

/// Allocations of one call after a few others.
template <class F>
std::uint64_t allocations_of(F&& call) {
  for (int i = 0; i < 4; ++i) call();
  const std::uint64_t before = allocations();
  call();
  call();
  return allocations() - before;
}

}  // namespace

TEST_CASE("a warmed-up call allocates nothing") {
  const Var x = matrix("x");
  const Var i = lscalar("i");
  const SharedVar w = shared(xt::xarray<float>(xt::ones<float>({4, 3})), "w");
  const SharedVar data = shared(xt::xarray<float>(xt::ones<float>({20, 4})), "data");
  const Var h = sigmoid(dot(x, w) + 0.5);
  Updates updates;
  updates[w] = w - 0.1 * dot(x.T(), h);
  Function f = function({i}, {h, h.sum(), i},
                        {.updates = updates, .givens = {{x, data(range(i * 5, (i + 1) * 5))}}});
  CHECK(allocations_of([&] { f(2); }) == 0);
  const xt::xarray<float> batch = xt::ones<float>({5, 4});
  Function g = function({x}, {h});
  CHECK(allocations_of([&] { g(batch); }) == 0);
}

TEST_CASE("a warmed-up loop allocates nothing") {
  const Var xs = matrix("xs");
  const Var w = matrix("w");
  RandomStream rng(1);
  auto [outs, updates] = scan(
      [&](const Var& x, const Var& h) {
        const Var mean = sigmoid(dot(h, w) + x);
        return Vars{rng.bernoulli(mean), mean};
      },
      {.sequences = {xs}, .outputs_info = {xs[0], none}});
  Function f = function({xs, w}, {outs[0][-1], outs[1]}, {.updates = updates});
  const xt::xarray<float> rows = xt::ones<float>({9, 6});
  const xt::xarray<float> weights = xt::ones<float>({6, 6});
  CHECK(allocations_of([&] { f(rows, weights); }) == 0);
}

TEST_CASE("a slice of a shared variable is read where it is") {
  const SharedVar data = shared(Array(float32, {1000, 1000}), "data");
  const Var i = lscalar("i");
  Function f = function({i}, {data(range(i * 100, (i + 1) * 100)).sum()});
  f(0);
  const std::uint64_t before = allocations();
  CHECK(f(3).scalar<float>(0) == 0.0F);
  CHECK(allocations() == before);
}

TEST_CASE("the RBM's update allocates nothing once warm") {
  const Var x = matrix("x");
  models::RBM rbm({.input = x, .n_visible = 12, .n_hidden = 7});
  const SharedVar chain = shared(Array(float32, {5, 7}), "chain");
  const Array batch(float32, {5, 12});
  for (const int k : {3, 15}) {
    const auto training = rbm.get_cost_updates({.lr = 0.1, .persistent = chain, .k = k});
    Function train = function({x}, {training.monitor}, {.updates = training.updates});
    CHECK(allocations_of([&] { train(batch); }) == 0);
  }
}
