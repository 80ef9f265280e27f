// A program that knows Damo as it is installed: trains an RBM, saves half-way, and goes on from
// the file.
#include <cstring>
#include <iostream>

#include <damo/damo.hpp>
#include <damo/io.hpp>

using namespace damo;

namespace {

struct Training {
  models::RBM rbm;
  Function step;
};

Training start() {
  const Var x = matrix("x");
  models::RBM rbm({.input = x, .n_visible = 12, .n_hidden = 5, .seed = 1});
  const SharedVar chain = shared(Array(floatX(), {8, 5}), "chain");
  const auto training = rbm.get_cost_updates({.lr = 0.1, .persistent = chain, .k = 2});
  return {rbm, function({x}, {training.monitor}, {.updates = training.updates})};
}

/// The weights after three more updates.
Array trained(Training& t, const Array& batch) {
  for (int i = 0; i < 3; ++i) t.step(batch);
  return t.rbm.W.value();
}

}  // namespace

int main() {
  const Array batch = evaluate(RandomStream(3).bernoulli(0.5 * ones({8, 12})));
  Training first = start(), second = start();
  const Array before = trained(first, batch);
  save_npz("half.npz", State::updated_by(first.step));
  const Array a = trained(first, batch);
  load_npz("half.npz", State::updated_by(second.step));
  const Array b = trained(second, batch);
  const bool moved = std::memcmp(before.raw(), a.raw(), a.bytes()) != 0;
  const bool same = std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
  std::cout << (moved ? "trained" : "nothing moved") << ", "
            << (same ? "resumed to the same bits" : "resumed to other bits") << "\n";
  return moved && same ? 0 : 1;
}
