#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient_flow.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo {

std::size_t common_guards(const Flows& flows) {
  const std::vector<Guard>& first = flows.front().guards;
  std::size_t n = first.size();
  for (const Flow& f : flows) {
    const auto end = first.begin() + static_cast<std::ptrdiff_t>(std::min(n, f.guards.size()));
    n = static_cast<std::size_t>(std::mismatch(first.begin(), end, f.guards.begin()).first -
                                 first.begin());
  }
  return n;
}

Var sum_of(const Flows& flows, std::size_t depth, const Var& v) {
  Var sum;
  std::vector<std::pair<Var, std::array<Flows, 2>>> choices;
  for (const Flow& f : flows) {
    if (f.guards.size() == depth) {
      sum = sum ? sum + f.value : f.value;
      continue;
    }
    const Guard& next = f.guards[depth];
    auto it = std::find_if(choices.begin(), choices.end(),
                           [&](const auto& c) { return same(c.first, next.condition); });
    if (it == choices.end()) it = choices.insert(it, {next.condition, {}});
    it->second[next.holds ? 0 : 1].push_back(f);
  }
  for (const auto& [condition, sides] : choices) {
    const auto side = [&, &sides = sides](std::size_t i) {
      const Flows& other = sides[1 - i];
      return sides[i].empty() ? zeros_like(v, other.front().value.dtype())
                              : sum_of(sides[i], depth + 1, v);
    };
    const Var chosen = ifelse(condition, side(0), side(1));
    sum = sum ? sum + chosen : chosen;
  }
  return sum;
}

VarSet find_constants(std::span<const Var> roots, const Vars& constants) {
  VarSet found;
  if (constants.empty()) return found;
  const std::vector<const Apply*> nodes = toposort(roots);
  const std::unordered_set<const Apply*> present(nodes.begin(), nodes.end());
  for (const Var& c : constants) {
    if (present.contains(c.owner_ptr())) {
      found.insert(c);
      continue;
    }
    bool matched = false;
    for (const Apply* node : nodes) {
      if (node->n_outputs() <= c.index() || !(node->types()[c.index()] == c.type())) continue;
      if (!same_graph(node->output(c.index()), c)) continue;
      found.insert(node->output(c.index()));
      matched = true;
    }
    if (!matched) {
      throw GradError(fmt::format(
          "grad: consider_constant names a variable that the cost does not depend on: {}\n"
          "  hint: name the very variable the cost was built from",
          describe(c)));
    }
  }
  return found;
}

}  // namespace damo
