#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

#include <damo/graph/branch_guards.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>

using namespace damo;

namespace {

/// The nodes that are needed when each condition has its value, found by walking from the roots.
std::set<const Apply*> needed(const Vars& roots, const std::map<const Apply*, bool>& values) {
  std::set<const Apply*> found;
  Vars stack = roots;
  while (!stack.empty()) {
    const Var v = stack.back();
    stack.pop_back();
    if (!found.insert(v.owner_ptr()).second) continue;
    if (!v.op().chooses()) {
      stack.insert(stack.end(), v.inputs().begin(), v.inputs().end());
      continue;
    }
    stack.push_back(v.inputs()[0]);
    stack.push_back(v.inputs()[values.at(v.inputs()[0].owner_ptr()) ? 1 : 2]);
  }
  return found;
}

}  // namespace

TEST_CASE("branch guards: a node is needed only where its guards hold, in random graphs") {
  std::mt19937 rng(3);
  for (int round = 0; round < 60; ++round) {
    Vars conditions{bscalar("a"), bscalar("b"), bscalar("c")};
    Vars values{dscalar("x"), dscalar("y")};
    const auto pick = [&](const Vars& from) { return from[rng() % from.size()]; };
    for (int i = 0; i < 14; ++i) {
      if (rng() % 2 == 0) {
        values.push_back(ifelse(pick(conditions), pick(values), pick(values)));
      } else {
        values.push_back(pick(values) + pick(values));
      }
    }
    const Vars roots{values.back(), values[values.size() - 3]};
    const Guards guards(roots);
    for (unsigned bits = 0; bits < 8; ++bits) {
      std::map<const Apply*, bool> now;
      for (unsigned k = 0; k < 3; ++k) now[conditions[k].owner_ptr()] = (bits >> k & 1U) != 0;
      for (const Apply* node : needed(roots, now)) {
        for (const Guard& g : guards.of(*node)) CHECK(now.at(g.condition.owner_ptr()) == g.holds);
      }
    }
  }
}

TEST_CASE("branch guards: what one branch alone needs is guarded, what both need is not") {
  const Var c = bscalar("c"), d = bscalar("d"), x = dscalar("x");
  const Var shared = exp(x), left = sin(shared), right = cos(shared), deep = tanh(right);
  const Var inner = ifelse(d, deep, x);
  const Var out = ifelse(c, left, inner);
  const Guards guards(Vars{out});
  CHECK_FALSE(guards.empty());
  CHECK(guards.of(out.owner()).empty());
  CHECK(guards.of(shared.owner()).empty());
  CHECK(guards.of(left.owner()) == std::vector<Guard>{{c, true}});
  CHECK(guards.of(inner.owner()) == std::vector<Guard>{{c, false}});
  const auto both = guards.of(deep.owner());
  REQUIRE(both.size() == 2);
  CHECK(std::set<bool>{both[0].holds, both[1].holds} == std::set<bool>{false, true});
  // A root needs no branch to be needed.
  CHECK(Guards(Vars{out, left}).of(left.owner()).empty());
  CHECK(Guards(Vars{shared}).empty());
}

TEST_CASE("branch guards: a condition that only a branch computes comes after the branch's own") {
  const Var c = bscalar("c"), x = dscalar("x");
  const Var inside = x > 1.0;
  const Var out = ifelse(c, ifelse(inside, exp(x), x), x);
  const Guards guards(Vars{out});
  CHECK(guards.of(inside.owner()) == std::vector<Guard>{{c, true}});
  const Var e = out.inputs()[1].inputs()[1];
  CHECK(guards.of(e.owner()) == std::vector<Guard>{{c, true}, {inside, true}});
}
