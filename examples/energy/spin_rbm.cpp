// The restricted Boltzmann machine with units that are -1 or 1, so that a model and its negative
// are treated alike; small enough for the exact gradient of its likelihood. Ackley, Hinton and
// Sejnowski 1985, A learning algorithm for Boltzmann machines.
#include "pictures.hpp"
#include "training.hpp"
#include "zoo.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h) = -b v - v W h.
EnergyModel spin_rbm(Parameters p, std::int64_t n_visible, std::int64_t n_hidden) {
  const SharedVar W = p("W", {n_visible, n_hidden}), b = p("b", n_visible);
  const Unit v = spin("v", n_visible, p.dtype()), h = spin("h", n_hidden, p.dtype());
  return {-dot(v, b) - sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}, .params = {W, b}}};
}

SmallModel small(DType t) { return {spin_rbm(Parameters(t), 4, 3)}; }

/// Maximum likelihood on all bars and stripes. A picture of filters, and of independent samples.
Learnt learn(const Setting& setting) {
  const int side = setting.quick ? 3 : 4;
  const Array patterns = evaluate(2 * constant(io::bars_and_stripes(side)) - 1);
  const EnergyModel model =
      spin_rbm(Parameters(float32, 0.1, setting.seed), side * side, setting.quick ? 8 : 14);
  const Var likelihood = -mean(model.free_energy({constant(patterns)})) - model.log_z();
  const double before = number(likelihood);
  const double ms =
      train(model, {patterns}, [&](const Vars& x) { return exact_likelihood(model, x); },
            {.steps = setting.steps(1500, 300), .batch = 0, .lr = setting.quick ? 0.05 : 0.03});

  const Vars state = draw(model, 100, 2000);
  const auto most = static_cast<double>(patterns.shape()[0]);
  // Empty and full come twice.
  const double best = -(most - 4) / most * std::log(most) - 4 / most * std::log(most / 2);
  return {"all bars and stripes of " + std::to_string(side) + " x " + std::to_string(side),
          {{"exact log-likelihood, nats", number(likelihood), "untrained", before},
           {"the same", number(likelihood), "the best there is", best}},
          beside({filters(model.params()[0], 16,
                          {.height = side, .across = 4, .zoom = 10, .scaled = true}),
                  tiles((state[0] + 1) / 2, {.height = side, .across = 10, .zoom = 5})}),
          ms};
}

}  // namespace

Entry spin_rbm_entry() {
  return {"spin_rbm", "the same with -1 and 1 (Ackley, Hinton and Sejnowski 1985)", small, learn};
}

}  // namespace damo::zoo
