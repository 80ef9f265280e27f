#include <damo/graph/function_graph.hpp>
#include <damo/graph/walk.hpp>
#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

// The ops of a graph and of its loops, each as often as it stands there; not those that ask for
// sizes: a unit knows its own.
void count_ops(const FunctionGraph& graph, std::map<std::string, int>& ops) {
  for (const Apply* node : graph.order()) {
    const std::string name = node->op().name();
    if (!node->inputs().empty() && name != "specify_shape" && name != "shape") ++ops[name];
    if (node->op().body() != nullptr) count_ops(*node->op().body(), ops);
  }
}
std::map<std::string, int> ops_of(const Function& f) {
  std::map<std::string, int> ops;
  count_ops(f.graph(), ops);
  return ops;
}

}  // namespace

TEST_CASE("energy: an RBM given by its energy is trained by the ops of the classic program") {
  const SharedVar W = models::normal_parameter({9, 5}, 0.1, 1, "W");
  const SharedVar b = models::zero_parameter(9, "b"), c = models::zero_parameter(5, "c");
  const Var x = matrix("x");
  const auto trained = [&](const Var& cost, const Vars& held, const Updates& chains) {
    Updates all =
        models::sgd({W, b, c}, grad(cost, {W, b, c}, {.consider_constant = held}), {.lr = 0.1});
    all += chains;
    return function({x}, Vars{}, {.updates = all});
  };

  const Unit v = bernoulli("v", 9), h = bernoulli("h", 5);
  const EnergyModel rbm(-dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1),
                        {.visible = {v}, .hidden = {h}, .params = {W, b, c}});
  const Objective derived =
      persistent_cd(rbm, {x}, {.k = 15, .chains = 20, .rng = RandomStream(1)});

  RandomStream rng(1);
  const SharedVar chain = shared(Array(float32, {20, 9}), "chain");
  const auto step = [&](const Var& state) {
    const Var hidden = rng.bernoulli(sigmoid(dot(state, W) + c));
    return rng.bernoulli(sigmoid(dot(hidden, W.T()) + b));
  };
  const auto free_energy = [&](const Var& state) {
    return -dot(state, b) - sum(softplus(dot(state, W) + c), 1);
  };
  auto [states, updates] = scan(step, {.outputs_info = {chain}, .n_steps = 15});
  const Var end = states[0][-1];
  updates[chain] = end;
  const Var cost = mean(free_energy(x)) - mean(free_energy(end));

  const auto by_energy = ops_of(trained(derived.cost, derived.held, derived.updates));
  CHECK(by_energy == ops_of(trained(cost, {end}, updates)));
  CHECK(by_energy.at("bernoulli_dot") == 2);
}
