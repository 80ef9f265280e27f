#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

// Six bits that all interact, and a sample of them.
struct Target {
  SharedVar b = models::normal_parameter({6}, 0.7, 21, "b"),
            J = models::normal_parameter({6, 6}, 0.4, 22, "J");
  Unit v = bernoulli("v", 6);
  EnergyModel model{-dot(v, b) - sum(dot(v, triu(J, 1)) * v, 1),
                    {.visible = {v}, .blocks = one_site_at_a_time()}};
  RandomStream rng{8};
  Array data = evaluate(model.gibbs(model.random_state(2000, rng), {.k = 50, .rng = rng}).state[0]);
};

struct Learner {
  SharedVar b = models::zero_parameter({6}, "b"), J = models::zero_parameter({6, 6}, "J");
  Unit v = bernoulli("v", 6);
  EnergyModel model{-dot(v, b) - sum(dot(v, triu(J, 1)) * v, 1),
                    {.visible = {v}, .params = {b, J}, .blocks = one_site_at_a_time()}};

  // The exact mean negative log-likelihood of `x` after so many updates, mean of the last ones.
  double loss(const Var& x, const Objective& o, int steps, double lr) {
    Updates updates = models::adam({b, J}, o.gradients({b, J}), {.lr = lr});
    updates += o.updates;
    Function update = function({}, Vars{}, {.updates = updates});
    Function exact = function({}, {exact_likelihood(model, {x}).cost});
    double total = 0;
    const int last = 20;
    for (int i = 0; i < steps; ++i) {
      update();
      if (i >= steps - last) total += exact()[0].item<double>() / last;
    }
    return total;
  }
};

}  // namespace

TEST_CASE("energy objectives: each estimator recovers a model of six bits from its samples") {
  const FloatXScope scope(float64);
  const Target target;
  const Var x = constant(target.data);
  const auto close = [&](const auto& objective_of, int steps, double lr, double bias) {
    Learner exact, other;
    const double best = exact.loss(x, exact_likelihood(exact.model, {x}), 400, 0.05);
    const double loss = other.loss(x, objective_of(other.model), steps, lr);
    CHECK(loss >= best - 1e-6);
    CHECK(loss <= best + bias);
  };
  SUBCASE("pseudo-likelihood") {
    close([&](const auto& m) { return pseudo_likelihood(m, {x}); }, 400, 0.05, 0.005);
  }
  SUBCASE("ratio matching") {
    close([&](const auto& m) { return ratio_matching(m, {x}); }, 600, 0.05, 0.01);
  }
  SUBCASE("minimum probability flow") {
    close([&](const auto& m) { return minimum_probability_flow(m, {x}); }, 600, 0.05, 0.01);
  }
  SUBCASE("persistent contrastive divergence") {
    const auto objective = [&](const auto& m) {
      return persistent_cd(m, {x}, {.k = 1, .chains = 200, .rng = RandomStream(1)});
    };
    close(objective, 500, 0.02, 0.02);
  }
  SUBCASE("contrastive divergence") {
    close(
        [&](const auto& m) {
          return contrastive_divergence(m, {x}, {.k = 3, .rng = RandomStream(1)});
        },
        200, 0.03, 0.02);
  }
  SUBCASE("noise-contrastive estimation") {
    const SharedVar z = models::zero_parameter({}, "z");
    const Unit u = bernoulli("v", 6);
    const EnergyModel noise(0 * sum(u, 1), {.visible = {u}});
    close(
        [&](const auto& m) {
          Objective o =
              noise_contrastive(m, {x}, noise, {.ratio = 2, .rng = RandomStream(1), .log_z = z});
          o.updates += models::adam({z}, grad(o.cost, {z}), {.lr = 0.05});
          return o;
        },
        500, 0.05, 0.02);
  }
}
