#include <doctest/doctest.h>

#include <algorithm>
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

TEST_CASE("branch guards: a node is needed where one of its ways holds, in random graphs") {
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
      const auto run = needed(roots, now);
      for (const Apply* node : toposort(roots)) {
        if (node->inputs().empty()) continue;
        const auto& ways = guards.ways(*node);
        const bool holds = std::any_of(ways.begin(), ways.end(), [&](const Way& way) {
          return std::all_of(way.begin(), way.end(), [&](const Guard& g) {
            return now.at(g.condition.owner_ptr()) == g.holds;
          });
        });
        CHECK(run.contains(node) == holds);
      }
    }
  }
}

TEST_CASE("branch guards: what one branch alone needs is guarded, what all need is not") {
  const Var c = bscalar("c"), d = bscalar("d"), x = dscalar("x");
  const Var shared = exp(x), left = sin(shared), right = cos(shared), deep = tanh(right);
  const Var inner = ifelse(d, deep, x);
  const Var out = ifelse(c, left, inner);
  const Guards guards(Vars{out});
  CHECK_FALSE(guards.empty());
  CHECK(guards.always(out.owner()));
  CHECK(guards.ways(shared.owner()).size() == 2);  // not where c and d both fail
  CHECK(guards.ways(left.owner()) == std::vector<Way>{{{c, true}}});
  CHECK(guards.ways(inner.owner()) == std::vector<Way>{{{c, false}}});
  const Way both = guards.ways(deep.owner()).front();
  REQUIRE(both.size() == 2);
  CHECK(std::set<bool>{both[0].holds, both[1].holds} == std::set<bool>{false, true});
  // A root needs no branch to be needed.
  CHECK(Guards(Vars{out, left}).always(left.owner()));
  CHECK(Guards(Vars{shared}).empty());
}

TEST_CASE("branch guards: a condition that only a branch computes comes after the branch's own") {
  const Var c = bscalar("c"), x = dscalar("x");
  const Var inside = x > 1.0;
  const Var out = ifelse(c, ifelse(inside, exp(x), x), x);
  const Guards guards(Vars{out});
  CHECK(guards.ways(inside.owner()) == std::vector<Way>{{{c, true}}});
  const Var e = out.inputs()[1].inputs()[1];
  CHECK(guards.ways(e.owner()) == std::vector<Way>{{{c, true}, {inside, true}}});
}

TEST_CASE("branch guards: what two choices share is needed where either takes it") {
  const Var a = bscalar("a"), x = dscalar("x");
  const Var b = cos(x) > 0.0, shared = exp(x), inner = shared > 1.0;
  const Var out = ifelse(a, shared, x) + ifelse(b, shared, x) * 2.0;
  const Guards guards(Vars{out});
  const auto& either = guards.ways(shared.owner());
  REQUIRE(either.size() == 2);
  for (const Way& way : {Way{{a, true}}, Way{{b, true}}})
    CHECK(std::count(either.begin(), either.end(), way) == 1);
  CHECK(guards.always(b.owner()));
  // One way in another one adds nothing, and neither do both branches of a choice.
  const Guards more(Vars{out + ifelse(a, ifelse(b, shared * 2.0, x), x)});
  CHECK(more.ways(shared.owner()).size() == 2);
  CHECK(Guards(Vars{out + ifelse(a, x, sin(shared))}).always(shared.owner()));
  // A condition that depends on the node says nothing of when the node is needed.
  CHECK(Guards(Vars{out + ifelse(inner, shared, x)}).always(shared.owner()));
}

TEST_CASE("branch guards: two that decide on each other are computed in some order") {
  const Var c = bscalar("c"), d = bscalar("d"), x = dscalar("x");
  const Var left = exp(x), right = sin(x), on_right = right > 0.0, on_left = left > 1.0;
  const Vars roots{ifelse(c, ifelse(on_right, left, x), x),
                   ifelse(d, ifelse(on_left, right, x), x)};
  const Guards guards(roots);
  const auto waits_for = [&](const Var& node, const Var& condition) {
    for (const Way& way : guards.ways(node.owner())) {
      for (const Guard& g : way) {
        if (same(g.condition, condition)) return true;
      }
    }
    return false;
  };
  CHECK_FALSE((waits_for(left, on_right) && waits_for(right, on_left)));
  CHECK_FALSE(guards.always(left.owner()));
  CHECK_FALSE(guards.always(right.owner()));
}

TEST_CASE("branch guards: of very many ways counts what they have in common") {
  const Var outer = bscalar("outer"), x = dscalar("x"), shared = exp(x);
  Var sum = x;
  for (int i = 0; i < 12; ++i) sum = sum + ifelse(bscalar(), shared, x);
  CHECK(Guards(Vars{sum}).always(shared.owner()));
  const Guards guards(Vars{ifelse(outer, sum, x)});
  CHECK(guards.ways(shared.owner()) == std::vector<Way>{{{outer, true}}});
}
