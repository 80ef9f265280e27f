#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/merge_table.hpp>

using namespace damo;
using namespace damo::optim;

namespace {

// What makes two nodes one, found another way: the kind of the node, and its inputs, in any order
// where that does not matter.
struct Made {
  int kind;
  std::vector<std::size_t> inputs;
  auto operator<=>(const Made&) const = default;
};

Var make(int kind, const Var& x, const Var& y) {
  switch (kind) {
    case 0:
      return x + y;
    case 1:
      return x * y;
    case 2:
      return x - y;
    case 3:
      return exp(x);
    case 4:
      return sum(x, 0, {.keepdims = true}) + 0 * y;
    default:
      return dimshuffle(x, {1, 0});
  }
}

}  // namespace

TEST_CASE("merge table: of random nodes exactly those of one op and one list of inputs are one") {
  std::mt19937 random(3);
  for (int graph = 0; graph < 20; ++graph) {
    MergeTable table;
    Vars known{dmatrix("x"), dmatrix("y"), dmatrix("z")};
    std::map<Made, const Apply*> expected;
    const std::vector<int> kinds{0, 1, 2, 3, 5};
    for (int i = 0; i < 300; ++i) {
      const int kind = kinds[random() % kinds.size()];
      const std::size_t a = random() % known.size(), b = random() % known.size();
      const Var v = make(kind, known[a], known[b]);
      Made made{kind, {a, b}};
      if (kind > 2) made.inputs.pop_back();
      if (kind < 2) std::sort(made.inputs.begin(), made.inputs.end());
      const auto [at, fresh] = expected.emplace(made, v.owner_ptr());
      CHECK((table.find(v.owner()) == nullptr) == fresh);
      CHECK(&table.insert(v.owner()) == at->second);
      CHECK(table.find(v.owner()) == at->second);
      if (fresh) known.push_back(v);
    }
    table.clear();
    CHECK(table.find(known.back().owner()) == nullptr);
  }
}

TEST_CASE("merge table: parameters of an op count, and so does the output that is read") {
  MergeTable table;
  const Var x = dmatrix("x");
  const Var rows = sum(x, 0), columns = sum(x, 1), kept = sum(x, 1, {.keepdims = true});
  for (const Var& v : {rows, columns, kept}) CHECK(&table.insert(v.owner()) == v.owner_ptr());
  const Var again = sum(x, 1);
  CHECK(&table.insert(again.owner()) == columns.owner_ptr());
}
