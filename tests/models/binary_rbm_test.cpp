#include <random>

#include <damo/graph/evaluate.hpp>
#include <damo/models/annealed_importance.hpp>
#include <damo/models/energy/check/check.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/rbm.hpp>
#include <damo/models/rnn_rbm_graph.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

// RBMs are derived from their energy. Here the same programs are written out by hand.
using namespace damo;
using test::check_close, test::check_same_bits;

namespace {

struct FloatX {
  explicit FloatX(DType dtype) : before(floatX()) { set_floatX(dtype); }
  ~FloatX() { set_floatX(before); }
  DType before;
};

Array frames(const Shape& shape, unsigned seed, DType dtype) {
  std::mt19937 random(seed);
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<double>()[i] = static_cast<double>(random() % 2);
  return a.cast(dtype);
}

struct Parameters {
  explicit Parameters(DType dtype, double scale = 0.3)
      : W(models::normal_parameter({7, 5}, scale, 1, "W", dtype)),
        bv(models::normal_parameter({7}, scale, 2, "bv", dtype)),
        bh(models::normal_parameter({5}, scale, 3, "bh", dtype)) {}
  std::vector<SharedVar> all() const { return {W, bv, bh}; }
  SharedVar W, bv, bh;
};

// k steps of PCD by hand, for biases that are vectors.
struct ByHand {
  Parameters p;
  RandomStream rng{11};
  Var draw(const Var& mean) { return rng.binomial({.n = 1, .p = mean}); }
  Var free_energy(const Var& v) const {
    return -sum(log(1 + exp(dot(v, p.W) + p.bh)), 1) - dot(v, p.bv);
  }
  Var up(const Var& v) const { return sigmoid(dot(v, p.W) + p.bh); }
  Var down(const Var& h) const { return sigmoid(dot(h, p.W.T()) + p.bv); }
};

void check_pcd(DType dtype) {
  const FloatX of(dtype);
  const Var x = matrix("x");
  const Parameters derived(dtype);
  models::RBM rbm({.input = x,
                   .n_visible = 7,
                   .n_hidden = 5,
                   .W = derived.W,
                   .hbias = derived.bh,
                   .vbias = derived.bv,
                   .rng = RandomStream(11)});
  const SharedVar chain = shared(Array(dtype, {6, 5}), "chain");
  const auto training = rbm.get_cost_updates({.lr = 0.1, .persistent = chain, .k = 3});
  Function by_energy = function({x}, {training.monitor}, {.updates = training.updates});

  ByHand hand{.p = Parameters(dtype)};
  const SharedVar own_chain = shared(Array(dtype, {6, 5}), "chain");
  auto [states, updates] = scan(
      [&](const Var& h) {
        const Var v = hand.draw(hand.down(h));
        return Vars{v, hand.draw(hand.up(v))};
      },
      {.outputs_info = {none, own_chain}, .n_steps = 3});
  const Var end = states[0][-1];
  const Var cost = mean(hand.free_energy(x)) - mean(hand.free_energy(end));
  const std::vector<SharedVar> params = hand.p.all();
  const Vars g = grad(cost, {hand.p.W, hand.p.bv, hand.p.bh}, {.consider_constant = {end}});
  for (std::size_t i = 0; i < g.size(); ++i) updates[params[i]] = params[i] - g[i] * 0.1;
  updates[own_chain] = states[1][-1];
  Function by_hand = function({x}, Vars{}, {.updates = updates});

  for (unsigned i = 0; i < 5; ++i) {
    by_energy(frames({6, 7}, i, dtype));
    by_hand(frames({6, 7}, i, dtype));
  }
  check_same_bits(chain.value(), own_chain.value());
  check_same_bits(derived.W.value(), hand.p.W.value());
  check_same_bits(derived.bv.value(), hand.p.bv.value());
  check_same_bits(derived.bh.value(), hand.p.bh.value());
}

void check_frames(DType dtype) {
  const Parameters p(dtype);
  const Var v = matrix("v", dtype), bv = matrix("bv", dtype), bh = matrix("bh", dtype);
  const models::RbmGraph derived = models::build_rbm(v, p.W, bv, bh, 4, RandomStream(5));

  RandomStream rng(5);
  const auto draw = [&](const Var& m) { return rng.binomial({.n = 1, .p = m, .dtype = dtype}); };
  const auto to_v = [&](const Var& x) {
    return sigmoid(dot(draw(sigmoid(dot(x, p.W) + bh)), p.W.T()) + bv);
  };
  const Var end =
      scan([&](const Var& x) { return draw(to_v(x)); }, {.outputs_info = {v}, .n_steps = 4})
          .outputs[0][-1];
  const auto free_energy = [&](const Var& x) {
    return -sum(x * bv) - sum(log(1 + exp(dot(x, p.W) + bh)));
  };
  const Var cost = (free_energy(v) - free_energy(end)) / v.shape(0);

  const auto run = [&](const Var& sample, const Var& c) {
    const Vars g = grad(c, {p.W, bv, bh}, {.consider_constant = {sample}});
    const auto out = function({v, bv, bh}, {sample, c, g[0], g[1], g[2]})(
        frames({3, 7}, 1, dtype), frames({3, 7}, 2, dtype), frames({3, 5}, 3, dtype));
    return std::vector<Array>{out[0], out[1], out[2], out[3], out[4]};
  };
  const auto a = run(derived.v_sample, derived.cost), b = run(end, cost);
  check_same_bits(a[0], b[0]);
  check_close(a[1].cast(float64), b[1].cast(float64), dtype == float64 ? 1e-14 : 1e-5);
  for (std::size_t i = 2; i < 5; ++i) check_same_bits(a[i], b[i]);
}

}  // namespace

TEST_CASE("RBM: updates derived from the energy are those of the program by hand, bit for bit") {
  check_pcd(float32);
  check_pcd(float64);
}

TEST_CASE("RNN-RBM: frames' chains and gradients are those of the program by hand, bit for bit") {
  check_frames(float32);
  check_frames(float64);
}

TEST_CASE("RNN-RBM: one frame is drawn as a row of a matrix is") {
  const Parameters p(float64);
  const Var one = vector("one", float64), rows = matrix("rows", float64);
  const auto of = [&](const Var& v) {
    return models::build_rbm(v, p.W, p.bv, p.bh, 6, RandomStream(5)).v_sample;
  };
  const Array row = frames({1, 7}, 1, float64);
  const Array a = function({one}, {of(one)})(row.reshaped({7}))[0];
  const Array b = function({rows}, {of(rows)})(row)[0];
  CHECK(a.shape() == Shape{7});
  check_same_bits(a.reshaped({1, 7}), b);
}

TEST_CASE("AIS: weights and states are those of the program by hand") {
  const Parameters p(float64, 0.8);
  const Array bv = frames({2, 7}, 1, float64), bh = frames({2, 5}, 2, float64);
  const Var base = constant(frames({7}, 3, float64));
  const Var betas = constant(evaluate(cast(arange(21), float64) / 20));
  const models::AisGraph derived =
      models::build_ais(p.W, constant(bv), constant(bh), base, betas, 30, RandomStream(9));

  RandomStream rng(9);
  const Var b = tile(constant(bv), {30, 1}), c = tile(constant(bh), {30, 1});
  const auto draw = [&](const Var& m) { return rng.binomial({.n = 1, .p = m}); };
  const Var v0 = draw(sigmoid(zeros_like(b) + base));
  const auto step = [&](const Var& before, const Var& beta, const Var& v, const Var& log_w) {
    const Var a = dot(v, p.W) + c;
    const Var h = draw(sigmoid(beta * a));
    const Var gain = (beta - before) * sum(v * (b - base), 1) +
                     sum(log(1 + exp(beta * a)) - log(1 + exp(before * a)), 1);
    return Vars{draw(sigmoid(beta * (dot(h, p.W.T()) + b) + (1 - beta) * base)), log_w + gain};
  };
  const auto path =
      scan(step, {.sequences = {seq(betas, {0, 1})}, .outputs_info = {v0, zeros({60}, float64)}})
          .outputs;
  check_same_bits(evaluate(reshape(derived.v_sample, {60, 7})), evaluate(path[0][-1]));
  check_close(evaluate(ravel(derived.log_weights)), evaluate(path[1][-1]), 1e-12);
}

TEST_CASE("RBM: it is a model given by its energy, which passes its checks") {
  const FloatX of(float64);
  models::RBM rbm({.n_visible = 4, .n_hidden = 3, .seed = 3});
  const energy::EnergyModel model = rbm.energy_model();
  const energy::Report report = energy::check(model);
  CHECK_MESSAGE(report.ok(), report.text());
  const Var x = constant(frames({5, 4}, 1, float64));
  check_close(evaluate(model.free_energy({x})), evaluate(rbm.free_energy(x)), 1e-12);
  check_close(evaluate(model.log_z()),
              evaluate(logsumexp(-rbm.free_energy(models::all_binary_states(4)))), 1e-12);
}
