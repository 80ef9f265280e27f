#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include <damo/graph/node_table.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>

using namespace damo;

namespace {

Var tanh_chain(Var v, int depth) {
  for (int i = 0; i < depth; ++i) v = tanh(v);
  return v;
}

/// Whether each node comes once, and after its inputs.
bool in_order(const std::vector<const Apply*>& order) {
  Table<std::size_t> place;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (!place.insert(*order[i], 0, i).second) return false;
    for (const Var& in : order[i]->inputs()) {
      if (!place.contains(in.owner())) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("the order of a large graph does not depend on what was asked before") {
  const Var x = vector("x");
  const Var middle = tanh_chain(x, 1500);
  const Vars one{tanh_chain(middle, 1500)};
  const Vars both{one[0], exp(one[0])};
  CHECK(toposort(one).size() == 3001);
  CHECK(toposort(one).size() == 3001);
  CHECK(toposort(one, {middle}).size() == 1500);
  CHECK(toposort(both).size() == 3002);
  CHECK(toposort(Vars{middle}).size() == 1501);
  CHECK(toposort(one).back() == one[0].owner_ptr());
  CHECK(in_order(toposort(both)));
  CHECK(toposort(Vars{}).empty());
}

TEST_CASE("the order of a graph in the place of a former one is its own") {
  for (int round = 0; round < 3; ++round) {
    const Var x = vector("x");
    const Vars roots{tanh_chain(x, 1200 + round)};
    const auto order = toposort(roots);
    CHECK(order.size() == static_cast<std::size_t>(1201 + round));
    CHECK(order.front() == x.owner_ptr());
  }
}

TEST_CASE("a table gives back what was stored for each of thousands of variables") {
  const Var x = vector("x");
  Vars all{x};
  for (int i = 1; i < 5000; ++i) all.push_back(tanh(all.back()));
  Table<int> table;
  CHECK(table.find(x) == nullptr);
  for (int i = 0; i < 5000; i += 2) table[all[static_cast<std::size_t>(i)]] = i;
  CHECK(table.size() == 2500);
  bool right = true;
  for (int i = 0; i < 5000; ++i) {
    const int* value = table.find(all[static_cast<std::size_t>(i)]);
    right = right && (i % 2 == 0 ? value != nullptr && *value == i : value == nullptr);
  }
  CHECK(right);
  CHECK(table.insert(x, 7) == std::pair{table.find(x), false});
  CHECK(table.at(x) == 0);
  CHECK_THROWS_AS(static_cast<void>(table.at(all[1])), std::out_of_range);
}

TEST_CASE("an op is told by its class and by no other") {
  const Var x = vector("x");
  CHECK(as<Input>(x) != nullptr);
  CHECK(as<Constant>(x) == nullptr);
  CHECK(as<Constant>(Arg(1.0).var()) != nullptr);
  CHECK(as<Op>(x) != nullptr);
}
