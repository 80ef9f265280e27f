#include <doctest/doctest.h>

#include <damo/core.hpp>
#include <damo/models/rbm.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include "tests/support/each_isa.hpp"
#include "tests/support/values.hpp"

using namespace damo;

namespace {

struct ChainSizes {
  std::int64_t visible, hidden, chains;
};

/// Samples, a product with the last of them and their last means, of two calls.
std::vector<Array> run(const ChainSizes& sizes, const Mode& mode) {
  const RandomStream rng(5);
  models::RBM rbm({.n_visible = sizes.visible, .n_hidden = sizes.hidden, .rng = rng});
  const Var u = RandomStream(1).uniform({sizes.chains, sizes.visible});
  const SharedVar start = shared(evaluate(cast(u < 0.13, float32)), "start");
  auto [outs, updates] = scan(
      [&](Var v) {
        const auto step = rbm.gibbs_vhv(v);
        return Vars(step.begin(), step.end());
      },
      {.outputs_info = {none, none, none, none, none, start}, .n_steps = 9});
  Function f = function({}, {outs[5], dot(outs[5][-1], rbm.W), outs[4][-1]},
                        {.updates = updates, .mode = mode});
  std::vector<Array> all;
  for (int call = 0; call < 2; ++call) {
    const Outputs out = f();
    for (std::size_t k = 0; k < 3; ++k) all.push_back(out[k]);
  }
  return all;
}

}  // namespace

TEST_CASE("gibbs chains make the same decisions in every mode, on any threads, at odd sizes") {
  const int before = num_threads();
  for (const ChainSizes& sizes : {ChainSizes{63, 65, 7}, ChainSizes{17, 15, 3}, ChainSizes{1, 1, 1},
                                  ChainSizes{130, 70, 40}, ChainSizes{300, 257, 20}}) {
    test::on_each_isa([&] {
      set_num_threads(1);
      const std::vector<Array> expected = run(sizes, Mode::none());
      for (const Mode& mode :
           {Mode::fast(), Mode::fast_compile(), Mode::fast().excluding("bernoulli_logit"),
            Mode::fast().excluding("bernoulli_dot"), Mode::fast().excluding("scan_round_rows"),
            Mode::fast().excluding("scan_share_last"), Mode::fast().excluding("binary_product")}) {
        for (const int threads : {1, 3}) {
          set_num_threads(threads);
          const std::vector<Array> got = run(sizes, mode);
          for (std::size_t i = 0; i < got.size(); ++i) test::check_same_bits(got[i], expected[i]);
        }
      }
    });
  }
  set_num_threads(before);
}

namespace {

/// Weights, biases and chain of an RBM after 50 updates by persistent contrastive divergence.
std::vector<Array> trained(const Mode& mode) {
  models::RBM rbm({.n_visible = 90, .n_hidden = 70});
  const SharedVar chain = shared(Array(float32, {20, 70}), "chain");
  const Var data = cast(RandomStream(2).uniform({20, 90}) < 0.2, float32);
  const auto training = rbm.get_cost_updates({.lr = 0.1, .persistent = chain, .k = 15});
  Function train =
      function({rbm.input}, {training.monitor}, {.updates = training.updates, .mode = mode});
  const Array batch = evaluate(data);
  for (int n = 0; n < 50; ++n) train(batch);
  return {rbm.W.value(), rbm.hbias.value(), rbm.vbias.value(), chain.value()};
}

}  // namespace

TEST_CASE("50 updates leave the same bits whether chains add up floats or rounded weights") {
  test::on_each_isa([&] {
    const std::vector<Array> floats = trained(Mode::fast().excluding("bernoulli_dot"));
    for (const Mode& mode : {Mode::fast(), Mode::fast().excluding("scan_round_rows")}) {
      const std::vector<Array> got = trained(mode);
      for (std::size_t i = 0; i < got.size(); ++i) test::check_same_bits(got[i], floats[i]);
    }
  });
}
