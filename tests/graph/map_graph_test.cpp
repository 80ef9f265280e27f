#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include <damo/graph/map_graph.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/control/op_from_graph.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>

using namespace damo;

namespace {

/// Every sine becomes a cosine.
std::optional<Vars> sines_to_cosines(const Apply& node, const Apply&) {
  if (node.op().name() != "sin") return std::nullopt;
  return Vars{cos(node.input(0))};
}

std::size_t count(const Vars& outputs, const std::string& name) {
  std::size_t n = 0;
  for (const Apply* node : toposort(outputs)) {
    n += node->op().name() == name ? 1 : 0;
    if (node->op().body() != nullptr) n += count(node->op().body()->outputs, name);
  }
  return n;
}

}  // namespace

TEST_CASE("map_graph: each node is visited once, after those it reads, with them rebuilt") {
  const Var x = vector("x");
  const Var a = sin(x), b = a * a, c = b + sin(b);
  std::vector<const Apply*> seen;
  const Vars out = map_graph(Vars{c, a}, [&](const Apply& node, const Apply& before) {
    seen.push_back(&before);
    for (std::size_t i = 0; i < node.inputs().size(); ++i)
      CHECK(count({node.input(i)}, "sin") == 0);
    return sines_to_cosines(node, before);
  });
  CHECK(seen == toposort(Vars{c, a}));
  const Var wave = cos(x), square = wave * wave;
  CHECK(same_graph(out[0], square + cos(square)));
  CHECK(same(out[1], out[0].inputs()[0].inputs()[0]));
}

TEST_CASE("map_graph: what nothing changes stays the same nodes") {
  const Var x = vector("x"), y = vector("y");
  const Var kept = exp(x) + 1.0, changed = sin(y) * kept;
  const Vars out = map_graph(Vars{kept, changed}, sines_to_cosines);
  CHECK(same(out[0], kept));
  CHECK_FALSE(same(out[1], changed));
  CHECK(same(out[1].inputs()[1], kept));
}

TEST_CASE("map_graph: new nodes take over names, and those of others stay as they are") {
  const Var x = vector("x");
  const Var older = cos(x);
  const Var named = sin(x).named("wave");
  const Var around = exp(named).named("around");
  const Vars out = map_graph(Vars{around}, sines_to_cosines);
  CHECK(out[0].name() == "around");
  CHECK(out[0].inputs()[0].name() == "wave");
  const Vars swapped = map_graph(Vars{named}, [&](const Apply& node, const Apply&) {
    return node.op().name() == "sin" ? std::optional(Vars{older}) : std::nullopt;
  });
  CHECK(same(swapped[0], older));
  CHECK(older.name().empty());
}

TEST_CASE("map_graph: what is known is not visited, nor what only it needs") {
  const Var x = vector("x"), y = vector("y");
  const Var hidden = sin(x), top = hidden + y;
  const Vars out = map_graph(Vars{top},
                             [&](const Apply& node, const Apply&) {
                               CHECK(node.op().name() != "sin");
                               return std::optional<Vars>{};
                             },
                             {{hidden, exp(y)}});
  CHECK(same_graph(out[0], exp(y) + y));
}

TEST_CASE("map_graph: bodies change by with_changed_body, of loops and of graphs as ops") {
  const Var xs = vector("xs"), x = scalar("x");
  const Var loop = damo::scan([](const Var& v) { return sin(v); }, {.sequences = {xs}}).outputs[0];
  const Var a = scalar("a");
  const Var boxed = OpFromGraph({a}, {sin(a)})(Vars{x})[0];
  const Visit inside = [&](const Apply& node, const Apply&) {
    return with_changed_body(
        node, [](const FunctionGraph& body) { return map_graph(body, sines_to_cosines); });
  };
  const Vars before{loop, boxed, exp(x)};
  const Vars out = map_graph(before, inside);
  CHECK(count(before, "sin") == 2);
  CHECK(count(out, "sin") == 0);
  CHECK(count(out, "cos") == 2);
  CHECK(same(out[2], before[2]));
  CHECK(same(map_graph(out, inside)[0], out[0]));  // nothing left to change
}

TEST_CASE("map_graph: a chain of a hundred thousand nodes is rebuilt") {
  Var v = scalar("x");
  for (int i = 0; i < 100000; ++i) v = i % 1000 == 0 ? sin(v) : -v;
  const Vars out = map_graph(Vars{v}, sines_to_cosines);
  CHECK(count(out, "sin") == 0);
  CHECK(count(out, "cos") == 100);
}
