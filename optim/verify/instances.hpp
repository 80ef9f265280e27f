#pragma once
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/optim/language/rule.hpp>
#include <damo/optim/verify/dice.hpp>

namespace damo::optim {

/// An expression at which a rule may fire, with values of its inputs.
struct Instance {
  Var root;
  std::vector<std::pair<Var, Array>> values{};
};

/// What an identity's left side may look like in a graph: of float32 and float64, stretched,
/// transposed, converted, of size 0 and 1, as a part of something longer, with constants that are
/// nearly the right ones, and with placeholders that fulfil their conditions; at adversarial values
/// in all pairs. For a rewriter function `nodes_for_roots`.
std::vector<Instance> instances_of(const Rule& rule, Dice& dice);

/// Nodes of the ops at which a rule may fire: the ops' samples over inputs, numbers and random
/// expressions, at ordinary and at adversarial values, of sizes 0 to 3.
std::vector<Instance> nodes_for_roots(const Rule& rule, Dice& dice);

}  // namespace damo::optim
