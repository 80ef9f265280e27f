// Neighbours on a square that has no edges: a magnet.
// Ising 1925; Onsager 1944 for its energy without end.
#include "pictures.hpp"
#include "training.hpp"
#include "zoo.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(s) = -J (the sum of s_i s_j over neighbours).
EnergyModel ising(std::int64_t side, double J, DType t) {
  const Unit s = spin("s", side * side, t);
  const SharedVar coupling = shared(Array::scalar(J).cast(t), "J");
  const Var grid = reshape(s, {-1, side, side});
  return {-coupling * sum(grid * (roll(grid, 1, 1) + roll(grid, 1, 2)), {1, 2}),
          {.visible = {s}, .params = {coupling}, .blocks = colored()}};
}

SmallModel small(DType t) { return {ising(3, 0.4, t)}; }

/// The coupling that makes given states likeliest, by pseudo-likelihood.
double found_again(const Array& states, std::int64_t side, double& ms) {
  const EnergyModel model = ising(side, 0.1, float32);
  ms = train(model, {states}, [&](const Vars& x) { return pseudo_likelihood(model, x); },
             {.steps = 200, .batch = 0, .lr = 0.02});
  return model.params()[0].value().item<double>();
}

/// States at three couplings, below, at and above the one where order begins, and the coupling
/// learnt from them. A picture of a state of each.
Learnt learn(const Setting& setting) {
  const std::int64_t side = setting.quick ? 8 : 16, large = setting.quick ? 16 : 40;
  const double critical = std::log(1 + std::sqrt(2.0)) / 2;
  Learnt learnt{"states drawn at a known coupling", {}, {}, 0};
  std::vector<io::Picture> pictures;
  for (const double J : {0.3, critical, 0.5}) {
    const Array states = evaluate(draw(ising(side, J, float32), 20, setting.steps(500, 200))[0]);
    learnt.figures.push_back(
        {"coupling learnt", found_again(states, side, learnt.compile_ms), "true", J});
    const Vars state = draw(ising(large, J, float32), 1, setting.steps(1000, 100));
    pictures.push_back(tiles((state[0] + 1) / 2, {.height = large, .across = 1, .zoom = 4}));
  }
  learnt.picture = beside(pictures);
  return learnt;
}

}  // namespace

Entry ising_entry() { return {"ising", "neighbours on a square (Ising 1925)", small, learn}; }

}  // namespace damo::zoo
