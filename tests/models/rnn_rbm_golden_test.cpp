// The expected numbers are those of rnn_rbm_golden.py beside this file: the classic program in
// NumPy, with the draws of Theano's RandomStreams and a gradient by hand.
#include <cmath>

#include <damo/models/rnn_rbm.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

constexpr std::int64_t n_visible = 6, n_hidden = 5, n_recurrent = 4, steps = 7;

Array waves(const Shape& shape, double phase) {
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<double>()[i] = std::sin(static_cast<double>(i) * 1.7 + phase) * 0.8;
  return a;
}

Array frames() {
  Array v(float64, {steps, n_visible});
  for (std::int64_t i = 0; i < v.elements(); ++i)
    v.data<double>()[i] = std::sin(static_cast<double>(i) * 2.3) > 0.2 ? 1 : 0;
  return v;
}

double digest(const Array& a) {
  double total = 0;
  for (std::int64_t i = 0; i < a.elements(); ++i)
    total += a.data<double>()[i] * std::cos(static_cast<double>(i));
  return total;
}

void check_1e12(double actual, double expected) {
  CHECK(std::abs(actual - expected) < 1e-12 * std::max(1.0, std::abs(expected)));
}

// A frame as the number whose lowest bit is note 0.
std::vector<int> numbers(const Array& roll) {
  std::vector<int> result;
  for (std::int64_t t = 0; t < roll.shape()[0]; ++t) {
    int number = 0;
    for (int i = 0; i < n_visible; ++i)
      number |= static_cast<int>(roll.data<double>()[t * n_visible + i]) << i;
    result.push_back(number);
  }
  return result;
}

}  // namespace

TEST_CASE("RNN-RBM: training and generation agree with the classic program to 1e-12") {
  const auto net =
      models::build_rnnrbm(n_visible, n_hidden, n_recurrent, RandomStream::numpy_compatible(1234),
                           {.k = 3, .k_generate = 4, .generation_steps = 5, .dtype = float64});
  double phase = 0;
  for (const SharedVar& p : net.params) p.set_array(waves(p.value().shape(), phase++));
  Updates updates = net.updates_train;
  const Vars wrt(net.params.begin(), net.params.end());
  updates += models::sgd(net.params, grad(net.cost, wrt, {.consider_constant = {net.v_sample}}),
                         {.lr = 0.1});
  Function train = function({net.v}, {net.monitor, net.cost}, {.updates = updates});
  Function generate = function({}, {net.v_t}, {.updates = net.updates_generate});

  constexpr double expected[][2] = {{-5.224758119949539, 1.7598526937273047},
                                    {-4.664951706072083, 1.5587362268295268},
                                    {-4.667662462470352, 0.9180637521447343}};
  for (const auto& [monitor, cost] : expected) {
    const Outputs out = train(frames());
    check_1e12(out.scalar<double>(0), monitor);
    check_1e12(out.scalar<double>(1), cost);
  }
  constexpr double digests[] = {0.8661156833053558,   0.65914564530284,    -0.15241144753241742,
                                -0.23681003661809796, -0.7072237612184127, 0.14826616167521944,
                                0.7160895406228384,   1.5354305534765054};
  for (std::size_t i = 0; i < net.params.size(); ++i)
    check_1e12(digest(net.params[i].value()), digests[i]);

  CHECK(numbers(generate()[0]) == std::vector<int>{0x2, 0x13, 0x13, 0x3a, 0x19});
  CHECK(numbers(generate()[0]) == std::vector<int>{0x1e, 0x3b, 0x39, 0x1b, 0x33});
}

TEST_CASE("RNN-RBM: NumPy's generator gives the classic program's initial weights") {
  NumpyRandomState numpy_rng(0xbeef);
  const models::RnnRbm model({.n_hidden = n_hidden,
                              .n_hidden_recurrent = n_recurrent,
                              .pitch_range = {60, 60 + n_visible},
                              .dtype = float64,
                              .numpy_rng = &numpy_rng});
  const auto& p = model.parameters;
  check_1e12(digest(p.W.value()) / 0.01, 3.2418456009440635);
  check_1e12(digest(p.Wuh.value()) / 0.0001, -0.3220111602061669);
  check_1e12(digest(p.Wuv.value()) / 0.0001, -3.1986596440925905);
  check_1e12(digest(p.Wvu.value()) / 0.0001, 4.492300291795247);
  check_1e12(digest(p.Wuu.value()) / 0.0001, 1.2730019332519642);
}

TEST_CASE("RNN-RBM: floatX decides the dtype of a model made without one") {
  struct Restore {
    ~Restore() { set_floatX(float32); }
  } restore;
  set_floatX(float64);
  const auto net = models::build_rnnrbm(4, 3, 2, RandomStream(1));
  for (const SharedVar& p : net.params) CHECK(p.dtype() == float64);
  CHECK(net.v.dtype() == float64);
  CHECK(net.v_t.dtype() == float64);
  CHECK(net.monitor.dtype() == float64);
}
