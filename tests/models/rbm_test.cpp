#include <cmath>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/rbm.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::check_close, test::contains, test::error_of;

namespace {

constexpr int nv = 6;
constexpr int nh = 4;

Array random_array(const Shape& shape, unsigned seed, double scale) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal(0, scale);
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<double>()[i] = normal(generator);
  return a;
}

/// A small RBM in float64 with random parameters, and everything about it by enumeration.
struct SmallRbm {
  explicit SmallRbm(double scale = 0.8)
      : W(shared(random_array({nv, nh}, 1, scale), "W")),
        hbias(shared(random_array({nh}, 2, scale), "hbias")),
        vbias(shared(random_array({nv}, 3, scale), "vbias")),
        x(matrix("x", float64)),
        rbm({.input = x, .n_visible = nv, .n_hidden = nh, .W = W, .hbias = hbias, .vbias = vbias}) {
  }

  static double bit(int state, int i) { return (state >> i) & 1; }
  double energy(int v, int h) const {
    const double* w = W.value().data<double>();
    double e = 0;
    for (int i = 0; i < nv; ++i) e -= vbias.value().data<double>()[i] * bit(v, i);
    for (int j = 0; j < nh; ++j) e -= hbias.value().data<double>()[j] * bit(h, j);
    for (int i = 0; i < nv; ++i) {
      for (int j = 0; j < nh; ++j) e -= w[i * nh + j] * bit(v, i) * bit(h, j);
    }
    return e;
  }
  double free_energy(int v) const {
    double z = 0;
    for (int h = 0; h < 1 << nh; ++h) z += std::exp(-energy(v, h));
    return -std::log(z);
  }
  double log_z() const {
    double z = 0;
    for (int v = 0; v < 1 << nv; ++v) z += std::exp(-free_energy(v));
    return std::log(z);
  }

  SharedVar W, hbias, vbias;
  Var x;
  models::RBM rbm;
};

Array all_states() {
  Array states(float64, {1 << nv, nv});
  for (int v = 0; v < 1 << nv; ++v) {
    for (int i = 0; i < nv; ++i) states.data<double>()[v * nv + i] = SmallRbm::bit(v, i);
  }
  return states;
}

struct FloatX {
  explicit FloatX(DType dtype) : before(floatX()) { set_floatX(dtype); }
  ~FloatX() { set_floatX(before); }
  DType before;
};

}  // namespace

TEST_CASE("RBM: the free energy is that of brute-force enumeration") {
  const SmallRbm m;
  Function f = function({m.x}, {m.rbm.free_energy(m.x)}, {.name = "free_energy"});
  const Outputs out = f(all_states());
  const Array fe = out[0];
  for (int v = 0; v < 1 << nv; ++v)
    CHECK(std::abs(fe.data<double>()[v] - m.free_energy(v)) < 1e-12);
}

TEST_CASE("RBM: log Z and the exact pseudo-likelihood are those of enumeration") {
  const FloatX scope(float64);
  const SmallRbm m;
  Function f = function({m.x}, {m.rbm.log_partition(), m.rbm.log_pseudo_likelihood(m.x)});
  const Outputs out = f(all_states());
  CHECK(std::abs(out.scalar<double>(0) - m.log_z()) < 1e-10);
  double pl = 0;
  for (int v = 0; v < 1 << nv; ++v) {
    for (int i = 0; i < nv; ++i) {
      const double here = std::exp(-m.free_energy(v));
      pl += std::log(here / (here + std::exp(-m.free_energy(v ^ (1 << i))))) / (1 << nv);
    }
  }
  CHECK(std::abs(out.scalar<double>(1) - pl) < 1e-10);
}

TEST_CASE("RBM: log Z is summed over whichever side has fewer states") {
  const FloatX scope(float64);
  for (const auto& [n_visible, n_hidden] : {std::pair{100, 5}, {5, 100}}) {
    const models::RBM rbm({.n_visible = n_visible,
                           .n_hidden = n_hidden,
                           .hbias = models::normal_parameter({n_hidden}, 0.5, 2, "hbias"),
                           .vbias = models::normal_parameter({n_visible}, 0.5, 3, "vbias"),
                           .seed = 1});
    const double* W = rbm.W.value().data<double>();
    const bool few_hidden = n_hidden < n_visible;
    const double* few = (few_hidden ? rbm.hbias : rbm.vbias).value().data<double>();
    const double* many = (few_hidden ? rbm.vbias : rbm.hbias).value().data<double>();
    double z = 0;
    for (int state = 0; state < 1 << 5; ++state) {
      double log_weight = 0;
      for (int i = 0; i < 5; ++i) log_weight += (state >> i & 1) * few[i];
      for (int j = 0; j < 100; ++j) {
        double field = many[j];
        for (int i = 0; i < 5; ++i)
          field += (state >> i & 1) * (few_hidden ? W[j * 5 + i] : W[i * 100 + j]);
        log_weight += std::log1p(std::exp(field));
      }
      z += std::exp(log_weight);
    }
    CHECK(evaluate(rbm.log_partition()).item<double>() == doctest::Approx(std::log(z)));
  }
}

TEST_CASE("RBM: log Z of a single unit on either side or both is the sum over all states") {
  const FloatX scope(float64);
  for (const auto& [n_visible, n_hidden] : {std::pair{1, 1}, {1, 4}, {4, 1}, {1, 40}, {40, 1}}) {
    const models::RBM rbm({.n_visible = n_visible,
                           .n_hidden = n_hidden,
                           .hbias = models::normal_parameter({n_hidden}, 0.5, 2, "hbias"),
                           .vbias = models::normal_parameter({n_visible}, 0.5, 3, "vbias"),
                           .seed = 1});
    const bool one_visible = n_visible == 1;
    const double *W = rbm.W.value().data<double>(),
                 *one = (one_visible ? rbm.vbias : rbm.hbias).value().data<double>(),
                 *many = (one_visible ? rbm.hbias : rbm.vbias).value().data<double>();
    double off = 0, on = *one;
    for (int j = 0; j < std::max(n_visible, n_hidden); ++j) {
      off += std::log1p(std::exp(many[j]));
      on += std::log1p(std::exp(many[j] + W[j]));
    }
    CHECK(evaluate(rbm.log_partition()).item<double>() ==
          doctest::Approx(std::log(std::exp(off) + std::exp(on))));
  }
}

TEST_CASE("RBM: the stochastic pseudo-likelihood goes through the units in turn") {
  const FloatX scope(float64);
  const SmallRbm m;
  Updates updates;
  const Var cost = m.rbm.get_pseudo_likelihood_cost(updates);
  Function f = function({m.x}, {cost}, {.updates = updates});
  double total = 0;
  for (int i = 0; i < nv; ++i) total += f(all_states()).scalar<double>(0) / nv;
  double pl = 0;
  for (int v = 0; v < 1 << nv; ++v) {
    for (int i = 0; i < nv; ++i) {
      pl +=
          std::log(1 / (1 + std::exp(m.free_energy(v) - m.free_energy(v ^ (1 << i))))) / (1 << nv);
    }
  }
  CHECK(std::abs(total - pl) < 1e-10);
}

TEST_CASE("RBM: the CD gradient is the closed form") {
  const FloatX scope(float64);
  SmallRbm m;
  const Var v_end = matrix("v_end", float64);
  const Var cost = mean(m.rbm.free_energy(m.x)) - mean(m.rbm.free_energy(v_end * 1.0));
  Array data = random_array({5, nv}, 4, 1.0);
  for (double& v : std::span(data.data<double>(), 30)) v = v > 0 ? 1 : 0.25;
  Array model = random_array({5, nv}, 5, 1.0);
  for (double& v : std::span(model.data<double>(), 30)) v = v > 0;
  Function f = function({m.x, v_end},
                        grad(cost, {m.W, m.hbias, m.vbias}, {.consider_constant = {v_end * 1.0}}));
  const Outputs out = f(data, model);
  // <v h>_model - <v h>_data, and the same for the biases.
  Array dW(float64, {nv, nh});
  Array dh(float64, {nh});
  Array dv(float64, {nv});
  const auto add = [&](const Array& vs, double sign) {
    for (int n = 0; n < 5; ++n) {
      const double* v = vs.data<double>() + n * nv;
      for (int j = 0; j < nh; ++j) {
        double a = m.hbias.value().data<double>()[j];
        for (int i = 0; i < nv; ++i) a += v[i] * m.W.value().data<double>()[i * nh + j];
        const double h = 1 / (1 + std::exp(-a));
        dh.data<double>()[j] += sign * h / 5;
        for (int i = 0; i < nv; ++i) dW.data<double>()[i * nh + j] += sign * v[i] * h / 5;
      }
      for (int i = 0; i < nv; ++i) dv.data<double>()[i] += sign * v[i] / 5;
    }
  };
  add(data, -1);
  add(model, 1);
  check_close(out[0], dW, 1e-12);
  check_close(out[1], dh, 1e-12);
  check_close(out[2], dv, 1e-12);
}

TEST_CASE("RBM: get_cost_updates moves the parameters along the CD gradient of its own chain") {
  const FloatX scope(float64);
  SmallRbm m;
  const SharedVar chain = shared(Array(float64, {5, nh}), "chain");
  const auto [monitor, updates] = m.rbm.get_cost_updates({.lr = 0.1, .persistent = chain, .k = 3});
  const Array before = m.vbias.value();
  Function train = function({m.x}, {monitor}, {.updates = updates, .name = "train"});
  Array data(float64, {5, nv});
  const double cost = train(data).scalar<double>(0);
  CHECK(std::isfinite(cost));
  // With zero data the visible bias moves by -lr times the mean of the chain's end: multiples of lr
  // / 5.
  for (int i = 0; i < nv; ++i) {
    const double steps = (before.data<double>()[i] - m.vbias.value().data<double>()[i]) / (0.1 / 5);
    CHECK(std::abs(steps - std::round(steps)) < 1e-9);
  }
  double moved = 0;
  for (const double h : chain.value().values<double>()) moved += h;
  CHECK(moved > 0);
}

TEST_CASE("RBM: what does not fit is refused where the model is made, with the line") {
  const Var x = matrix("x");
  const SharedVar W = shared(Array(float32, {5, 4}), "W"), b = shared(Array(float32, {3}), "b");
  const auto refused = [&](const models::RBMOptions& o) {
    return error_of<ShapeError>([&] { static_cast<void>(models::RBM(o)); });
  };
  const std::string of_weights = refused({.input = x, .n_visible = 6, .n_hidden = 4, .W = W});
  CHECK(contains(of_weights, "RBM: W has shape (5, 4), expected (6, 4)"));
  CHECK(contains(of_weights, "rbm_test.cpp"));
  CHECK(contains(refused({.input = x, .n_visible = 5, .n_hidden = 4, .hbias = b}),
                 "hidden units has shape (3,), expected (4,)"));
  CHECK(contains(refused({.input = x, .n_visible = 5, .n_hidden = 4, .vbias = b}),
                 "visible units has shape (3,), expected (5,)"));
  CHECK(contains(refused({.input = vector("v"), .n_visible = 5, .n_hidden = 4}), "'v'"));
  CHECK(contains(refused({.input = x, .n_visible = 0, .n_hidden = 4}), "0 visible"));
  models::RBM model({.input = x, .n_visible = 5, .n_hidden = 4, .W = W});
  const SharedVar chain = shared(Array(float32, {2, 3}), "chain");
  const std::string of_chain = error_of<ShapeError>(
      [&] { static_cast<void>(model.get_cost_updates({.persistent = chain, .k = 1})); });
  CHECK(contains(of_chain, "4 columns"));
  CHECK(contains(of_chain, "rbm_test.cpp"));
  CHECK(
      contains(error_of<NumericError>([&] { static_cast<void>(model.get_cost_updates({.k = 0})); }),
               "at least 1 Gibbs step, not k = 0"));
}

TEST_CASE("RBM: a long Gibbs chain has the exact distribution") {
  const FloatX scope(float64);
  SmallRbm m(0.5);
  const int chains = 2000;
  const SharedVar state = shared(Array(float64, {chains, nv}), "state");
  auto [outs, updates] =
      scan([&](Var v) { return m.rbm.gibbs_vhv(v); },
           {.outputs_info = {none, none, none, none, none, state}, .n_steps = 10});
  updates[state] = outs[5][-1];
  Function step = function({}, {}, {.updates = updates, .name = "gibbs"});
  for (int i = 0; i < 20; ++i) step();
  std::vector<double> counts(1 << nv);
  const int rounds = 30;
  for (int r = 0; r < rounds; ++r) {
    step();
    for (int n = 0; n < chains; ++n) {
      int v = 0;
      for (int i = 0; i < nv; ++i)
        v |= static_cast<int>(state.value().data<double>()[n * nv + i]) << i;
      counts[static_cast<std::size_t>(v)] += 1;
    }
  }
  double chi2 = 0;
  for (int v = 0; v < 1 << nv; ++v) {
    const double expected = rounds * chains * std::exp(-m.free_energy(v) - m.log_z());
    chi2 += (counts[static_cast<std::size_t>(v)] - expected) *
            (counts[static_cast<std::size_t>(v)] - expected) / expected;
  }
  CHECK(chi2 < 103.4);  // 63 degrees of freedom, p = 0.001
}

TEST_CASE("RBM: the reconstruction cost is finite at extreme activations") {
  const Var x = matrix("x");
  models::RBM rbm({.input = x, .n_visible = 3, .n_hidden = 2});
  const Var pre = matrix("pre");
  Function f = function({x, pre}, {rbm.get_reconstruction_cost({}, pre)});
  const Outputs out =
      f(Array::from<float>({1, 0, 1}, {1, 3}), Array::from<float>({200, -300, -400}, {1, 3}));
  CHECK(out.scalar<float>(0) == -400.0F);
}

TEST_CASE("RBM: twenty updates of PCD-3 are those of a NumPy program") {
  // R = numpy.random.RandomState; rng = R(1234); g = R(rng.randint(2**30))
  // b = 4 * sqrt(6. / 10); W = rng.uniform(-b, b, (6, 4)); biases 0; chain = zeros((2, 4))
  // visible, hidden = R(g.randint(2**30)), R(g.randint(2**30))
  // 20 times: 3 times v' = visible.binomial(1, sigmoid(chain W' + vb)), chain = hidden.binomial(1,
  // sigmoid(v' W + hb)); then W += 0.1 (v' p(h|v) - ...) / 2, biases likewise; all in float64
  const FloatX wide(float64);
  NumpyRandomState numpy_rng(1234);
  const Var x = matrix("x");
  models::RBM rbm({.input = x, .n_visible = 6, .n_hidden = 4, .numpy_rng = &numpy_rng});
  const SharedVar chain = shared(Array(float64, {2, 4}), "chain");
  const auto [cost, updates] = rbm.get_cost_updates({.lr = 0.1, .persistent = chain, .k = 3});
  Function train = function({x}, {cost}, {.updates = updates});
  const Array data = test::array({2, 6}, {1, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 1});
  for (int i = 0; i < 20; ++i) train(data);
  test::check_close(chain.value(), test::array({2, 4}, {0, 0, 0, 1, 0, 0, 1, 0}), 0);
  test::check_close(evaluate(rbm.W[0]),
                    test::vector({-0.8562475365246002, 1.768782568453642, 0.010394983137135477,
                                  1.2732164210622692}),
                    1e-13);
  test::check_close(rbm.vbias.value(), test::vector({-0.45, 0.05, 1.55, 0.5, -0.15, -0.5}), 1e-13);
  test::check_close(rbm.hbias.value(),
                    test::vector({-0.4339798011075431, -0.41515031648289624, -0.9128316098504989,
                                  -0.15300565608249733}),
                    1e-13);
}
