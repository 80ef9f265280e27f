#include <doctest/doctest.h>

#include <algorithm>

#include <damo/damo.hpp>
#include <damo/ops/loop/open_loop.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

/// The loop that `v` comes from.
const Apply& loop_of(const Var& v) {
  for (const Apply* node : toposort(Vars{v})) {
    if (as<Scan>(node->op()) != nullptr) return *node;
  }
  FAIL("no loop");
  std::abort();
}

const Scan& scan_of(const Apply& node) { return static_cast<const Scan&>(node.op()); }

}  // namespace

TEST_CASE("open loop: taking a loop apart and building it again gives an equal loop") {
  RandomStream stream(3);
  const Var xs = dmatrix("xs"), w = dmatrix("w"), h0 = dvector("h0");
  const Vars samples{
      damo::scan([&](Var x, Var h) { return tanh(dot(h, w) + x); },
                 {.sequences = {xs}, .outputs_info = {h0}})
          .outputs[0],
      damo::scan([&](Var h) { return h * stream.uniform({}, 0.0, 1.0, float64); },
                 {.outputs_info = {h0}, .n_steps = 4, .truncate_gradient = 2, .name = "drawn"})
          .outputs[0],
      damo::map([](Var x) { return sum(x); }, {xs}, {.mode = Mode::none()}).outputs[0],
      grad(sum(damo::scan([&](Var x, Var h) { return tanh(dot(h, w) + x); },
                          {.sequences = {xs}, .outputs_info = {h0}})
                   .outputs[0]),
           w),
  };
  for (const Var& v : samples) {
    const Apply& node = loop_of(v);
    const Vars again = OpenLoop::of(node).build();
    REQUIRE(again.size() == node.n_outputs());
    CHECK(again[0].op().equals(node.op()));
    CHECK(std::equal(node.inputs().begin(), node.inputs().end(), again[0].inputs().begin(),
                     VarSame{}));
    const Scan::Spec& a = scan_of(node).spec();
    const Scan::Spec& b = scan_of(again[0].owner()).spec();
    CHECK(a.carried == b.carried);
    CHECK(a.name == b.name);
    CHECK(a.profile == b.profile);
    CHECK(a.roles.size() == b.roles.size());
    CHECK(again[0].site().line == node.site().line);
  }
}

TEST_CASE("open loop: what carries a shared variable is known after an edit, and moves with it") {
  RandomStream stream(3);
  const Var h0 = dvector("h0");
  const auto step = [&](Var a, Var b) {
    return Vars{a * 2.0, b + stream.uniform({}, 0.0, 1.0, float64)};
  };
  const ScanResult r = damo::scan(step, {.outputs_info = {h0, h0}, .n_steps = 3});
  const Apply& node = loop_of(r.outputs[1]);
  REQUIRE(scan_of(node).spec().carried.size() == 1);
  OpenLoop loop = OpenLoop::of(node);
  REQUIRE(loop.carried == std::vector<std::size_t>{2});
  // Nothing reads the first state: the carried one gets another number.
  std::erase_if(loop.outputs, [](const OpenLoop::Output& o) { return o.of_state && o.index == 0; });
  loop.drop_unused();
  REQUIRE(loop.states.size() == 2);
  CHECK(loop.carried == std::vector<std::size_t>{1});
  const Var kept = loop.build()[0];
  const Apply& fresh = kept.owner();
  const auto updates = fresh.op().state_updates(fresh);
  REQUIRE(updates.size() == 1);
  CHECK(is_shared(updates[0].first));
  // Where its last value is not kept, nothing can say what it becomes.
  std::erase_if(loop.outputs, [](const OpenLoop::Output& o) { return o.keep == Scan::Keep::last; });
  const Var without = loop.build()[0];
  const Apply& less = without.owner();
  CHECK(less.op().state_updates(less).empty());
}

TEST_CASE("open loop: dropping keeps what the kept states read, and nothing else") {
  const Var xs = dvector("xs"), ys = dvector("ys"), u = dscalar("u"), v = dscalar("v");
  const auto step = [&](Var x, Var y, Var a, Var b, Var c) {
    return Vars{a + b * u, b + x, c * y * v};
  };
  const ScanResult r = damo::scan(step, {.sequences = {xs, ys}, .outputs_info = {0.0, 0.0, 0.0}});
  OpenLoop loop = OpenLoop::of(loop_of(r.outputs[0]));
  loop.outputs = {{true, 0, Scan::Keep::trace}};
  loop.drop_unused();
  CHECK(loop.states.size() == 2);
  CHECK(loop.sequences.size() == 1);
  REQUIRE(loop.non_sequences.size() == 1);
  CHECK(same(loop.non_sequences[0].outer, u));
  const Var trace = loop.build()[0];
  const std::vector<std::pair<Var, Array>> at{{xs, test::vector({1, 2, 3})},
                                              {ys, test::vector({1, 1, 1})},
                                              {u, test::number(2)},
                                              {v, test::number(5)}};
  test::check_close(evaluate(trace, at), evaluate(r.outputs[0], at), 0);
}

TEST_CASE("open loop: the whole of a loop has histories, traces and last values") {
  const Var n = lscalar("n"), x0 = dscalar("x0");
  OpenLoop loop{.n_steps = n};
  const Var x = dscalar("x");
  loop.states.push_back({x0, x, x * 2.0});
  loop.extras.push_back(x + 1.0);
  const OpenLoop::Whole whole = loop.build_whole({0});
  const std::vector<std::pair<Var, Array>> at{{n, Array::scalar(std::int64_t{3})},
                                              {x0, test::number(1)}};
  test::check_close(evaluate(whole.histories.at(0), at), test::vector({1, 2, 4, 8}), 0);
  test::check_close(evaluate(whole.traces.at(0), at), test::vector({2, 3, 5}), 0);
  test::check_close(evaluate(whole.lasts.at(0), at), test::number(8), 0);
  CHECK(whole.carried.empty());
  CHECK(OpenLoop{.n_steps = n}.build_whole().traces.empty());
}
