#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include <damo/damo.hpp>
#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/text/graph_text.hpp>
#include <damo/optim/language/rule.hpp>
#include "tests/support/random_expression.hpp"
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

namespace {

bool same_bits(const Array& a, const Array& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

/// Checks that the graph comes back from its text; returns what came back.
FunctionGraph check_round_trip(const FunctionGraph& graph, const ParseOptions& options = {}) {
  const std::string text = print(graph);
  CAPTURE(text);
  FunctionGraph back = parse(text, options);
  CHECK(back == graph);
  CHECK(print(back) == text);  // names and lines too
  back.check();
  return back;
}

FunctionGraph graph_of(const Vars& outputs) {
  FunctionGraph graph;
  graph.outputs = outputs;
  for (const Var& v : leaves(outputs)) {
    if (is_input(v)) graph.inputs.push_back(v);
  }
  return graph;
}

void check_function(const Function& f) {
  CAPTURE(f.name());
  check_round_trip(f.asked());
  check_round_trip(f.graph());
}

Var constant_of(const std::vector<double>& values, DType dtype) {
  return constant(Array::from(values).cast(dtype));
}

/// A loop over rows whose step is a random expression, with loops of its own.
Var loop_of_random(const Vars& in, Numbers& r) {
  const auto step = [&](Var row) {
    return random_expression({in[0] * row, in[1] + row, row, in[3]}, r, 8);
  };
  return sum(map(step, {in[0]}).outputs[0]);
}

}  // namespace

TEST_CASE("graph text: every op comes back from its text") {
  for (const OpSample& entry : op_samples()) {
    CAPTURE(entry.name);
    const Var out = example(entry);
    const OpReader* reader = op_reader(out.op().name());
    if (reader != nullptr && !reader->refusal.empty()) continue;
    check_round_trip(graph_of({out}));
    const Vars more = sizes(out);
    check_round_trip(graph_of(more));
    if (!entry.differentiable) continue;
    check_round_trip(graph_of(grad(sum(out), entry.inputs.empty() ? Vars{} : leaves(Vars{out}),
                                   {.disconnected_inputs = Disconnected::ignore})));
  }
}

TEST_CASE("graph text: every class of op has a reader or says why not") {
  std::set<std::string> seen;
  for (const OpSample& entry : op_samples()) {
    const Var out = example(entry);
    for (const Apply* node : toposort(Vars{out})) {
      const std::string name = node->op().name();
      CAPTURE(name);
      if (is_leaf(node->output()) || !seen.insert(name).second) continue;
      const OpReader* reader = op_reader(name);
      REQUIRE_MESSAGE(reader != nullptr, "say in its file's DAMO_OPS how it is read");
      CHECK((reader->read != nullptr) == reader->refusal.empty());
    }
  }
  CHECK(seen.size() > 90);
}

TEST_CASE("graph text: parameters that printing abbreviates are complete") {
  const Var x = tensor3("x", float64), i = lscalar("i");
  const Var v = vector("v", float64);
  check_round_trip(graph_of(
      {x(all(), range(i, 5)), x[1], x(newaxis, from(i)), x(all(), all(), range(-1, -9, -2)),
       grad_clip(v, -0.1, std::numeric_limits<double>::infinity()), grad_scale(v, 1.0 / 3),
       grad_undefined(v, "it's a \\ \n\x01 reason"), disconnected_grad(v), zero_grad(v),
       reshape(x, {-1, 2}), specify_shape(x, {-1, 3, i}), concatenate({v, v}), cast(v, float32),
       cast(v, int64), cast(v, boolean), sum(x, {0, 2}, {.keepdims = true})}));
}

TEST_CASE("graph text: constants keep every bit") {
  const float payload = std::bit_cast<float>(0x7fc01234U);
  const float negative_nan = std::bit_cast<float>(0xffc00000U);
  const double tiny = std::numeric_limits<double>::denorm_min();
  Array many(float32, {50, 41});
  Numbers r{7};
  for (std::int64_t i = 0; i < many.elements(); ++i)
    many.data<float>()[i] = std::bit_cast<float>(static_cast<std::uint32_t>(r.below(0xffffffff)));
  const std::vector<Array> values{
      many,
      Array::from<float>({0.1F, -0.0F, INFINITY, -INFINITY, NAN, payload, negative_nan}),
      Array::from<double>({0.1, -0.0, tiny, 1.7976931348623157e308, NAN, 1e22, 5e-324}),
      Array::from<std::int64_t>({0, -1, INT64_MAX, INT64_MIN}),
      Array::from(std::vector<bool>{true, false}),
      Array::scalar(2.5F),
      Array(float64, {3, 0, 2}),
  };
  for (const Array& a : values) {
    const Vars made = check_round_trip(graph_of({constant(a)})).outputs;
    CHECK(same_bits(*constant_value(made[0]), a));
  }
}

TEST_CASE("graph text: is what the documents say it is") {
  const Var x = input({float32, {20, 3}}, "x", Site{"/a/b/model.cpp", 7});
  const SharedVar W = shared(Array::from<float>({1, 2, 3}), "W", Site{"model.cpp", 8});
  const SiteScope scope(Site{"model.cpp", 9});
  FunctionGraph graph{{x}, {log(dot(x, W)).named("y")}, {}, "f"};
  graph.updates.emplace_back(W, W * constant(Array::scalar(0.5F)));
  CHECK(print(graph) == R"(damo graph 1 'f' {
  %0 = input : float32 (20, 3) 'x' at model.cpp:7
  %1 = shared : float32 (?,) 'W' at model.cpp:8
  %2 = dot(%0, %1) : float32 (20,) at model.cpp:9
  %3 = log(%2) : float32 (20,) 'y' at model.cpp:9
  %4 = constant{0.5} : float32 () at model.cpp:9
  %5 = mul(%1, %4) : float32 (?,) at model.cpp:9
  outputs %3
  update %1 = %5
}
)");
  CHECK(print(graph, {.shared_values = true}).find("shared{(3,): 1, 2, 3} : float32 (?,) 'W'") !=
        std::string::npos);
}

TEST_CASE(
    "graph text: random graphs with loops and their gradients come back and compute the same") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Numbers r{seed * 99991};
    const Vars in = random_inputs();
    Vars outputs{random_expression(in, r, 12)};
    for (const Var& g : grad(outputs[0], in, {.disconnected_inputs = Disconnected::ignore}))
      outputs.push_back(g);
    if (seed % 4 == 0) outputs.push_back(grad(loop_of_random(in, r), in[0]));
    FunctionGraph graph{in, outputs, {}, ""};
    const FunctionGraph back = check_round_trip(graph);
    check_round_trip(optimize(graph));
    if (seed % 6 != 0) continue;
    auto at = random_values(in, r);
    const auto expected = evaluate(outputs, at);
    for (std::size_t i = 0; i < in.size(); ++i) at[i].first = back.inputs[i];
    const auto actual = evaluate(back.outputs, at);
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(same_bits(actual[i], expected[i]));
  }
}

TEST_CASE("graph text: a chain of many nodes comes back") {
  const Var x = scalar("x", float64);
  Var y = x;
  for (int i = 0; i < 30000; ++i) y = tanh(y);
  const FunctionGraph graph = graph_of({y});
  CHECK(parse(print(graph)) == graph);
}

TEST_CASE("graph text: loops in loops come back with taps and until and draws") {
  RandomStream rng(3);
  const Var x = matrix("x", float64), n = lscalar("n");
  const auto inner = [&](Var row) {
    auto [outs, updates] =
        scan([&](Var h) { return tanh(h + rng.normal({h.shape(0)}, 0.0, 1.0, float64)); },
             {.outputs_info = {row}, .n_steps = n, .truncate_gradient = 2, .name = "it's inner"});
    return StepResult(Vars{outs[0][-1]}, updates);
  };
  auto [outs, updates] = scan(inner, {.sequences = {x}, .name = "outer"});
  const Var sums = scan([](Var a, Var b) { return until(a + b, a + b > 10.0); },
                        {.outputs_info = {init(x[0], {-2, -1})}, .n_steps = 20})
                       .outputs[0];
  const Var cost = sum(outs[0]) + sum(sums);
  const Function f = function({x, n}, {cost, grad(cost, x)}, {.updates = updates});
  check_function(f);
  CHECK(print(f.asked()).find("carry") != std::string::npos);
}

TEST_CASE("graph text: a training function comes back and trains to the same bits") {
  const auto train = [](bool through_text) {
    const Var x = matrix("x"), index = lscalar("index");
    const SharedVar data =
        shared(evaluate(RandomStream(5).bernoulli(0.5 * ones({40, 12}))), "data");
    models::RBM rbm({.input = x, .n_visible = 12, .n_hidden = 7, .seed = 11});
    const SharedVar chain = shared(Array(floatX(), {10, 7}), "chain");
    auto [cost, updates] = rbm.get_cost_updates({.lr = 0.1, .persistent = chain, .k = 3});
    Function f = function({index}, {cost},
                          {.updates = updates,
                           .givens = {{x, data(range(index * 10, (index + 1) * 10))}},
                           .name = "train_rbm"});
    check_function(f);
    const FunctionGraph& asked = f.asked();
    if (through_text) {
      std::vector<SharedVar> given;
      for (const Var& v : leaves(asked.roots())) {
        if (is_shared(v)) given.emplace_back(v);
      }
      const FunctionGraph back = parse(print(asked), {.shared = given});
      Updates again;
      for (const auto& [target, value] : back.updates) again[SharedVar(target)] = value;
      f = function(back.inputs, back.outputs, {.updates = again, .name = back.name});
    }
    std::vector<Array> results;
    for (int i = 0; i < 8; ++i) results.push_back(f(i % 4)[0]);
    results.push_back(rbm.W.value());
    results.push_back(chain.value());
    return results;
  };
  const auto direct = train(false);
  const auto read = train(true);
  for (std::size_t i = 0; i < direct.size(); ++i) CHECK(same_bits(direct[i], read[i]));
}

TEST_CASE("graph text: the other models' functions come back") {
  const Var x = matrix("x");
  models::dA da({.input = x, .n_visible = 9, .n_hidden = 5});
  auto [cost, updates] = da.get_cost_updates(0.3, 0.1);
  check_function(function({x}, {cost}, {.updates = updates, .name = "da"}));
  RandomStream rng(1);
  const auto net = models::build_rnnrbm(8, 5, 4, rng, {.k = 2, .generation_steps = 3});
  const Vars wrt(net.params.begin(), net.params.end());
  Updates adam = net.updates_train;
  adam += models::adam(
      net.params,
      models::clip_by_norm(grad(net.cost, wrt, {.consider_constant = {net.v_sample}}), 5.0));
  check_function(function({net.v}, {net.monitor}, {.updates = adam, .name = "train"}));
  check_function(function({}, {net.v_t}, {.updates = net.updates_generate, .name = "generate"}));
}

TEST_CASE("graph text: shared variables are matched by name or made new") {
  const SharedVar a = shared(Array::from<double>({1, 2}), "w"),
                  b = shared(Array::from<double>({3}), "w");
  const SharedVar c = shared(Array::scalar(4.0), "c");
  const FunctionGraph graph = graph_of({a + 0 * c, b * c});
  const FunctionGraph matched = parse(print(graph), {.shared = {c, a, b}});
  CHECK(same_graph(matched.outputs, graph.outputs, {}));
  const FunctionGraph anew = parse(print(graph, {.shared_values = true}));
  CHECK(anew == graph);
  CHECK_FALSE(same_graph(anew.outputs, graph.outputs, {}));
  CHECK(evaluate(anew.outputs[1]).item<double>() == 12.0);
  const Vars bare = leaves(parse(print(graph)).outputs);
  CHECK(SharedVar(bare[0]).value().shape() == Shape{0});
  const SharedVar wrong = shared(Array::scalar(std::int64_t{1}), "c");
  CHECK_THROWS_WITH_AS(parse(print(graph), {.shared = {wrong}}),
                       doctest::Contains("instead of float64 ()"), GraphError);
}

TEST_CASE("graph text: graphs that differ in one thing differ") {
  const Var x = matrix("x", float64), y = matrix("y", float64);
  const FunctionGraph graph{{x, y}, {dot(x, y)}, {}, ""};
  CHECK(graph == FunctionGraph{{x, y}, {dot(x, y)}, {}, ""});
  CHECK_FALSE(graph == FunctionGraph{{x, y}, {dot(y, x)}, {}, ""});
  CHECK_FALSE(graph == FunctionGraph{{y, x}, {dot(x, y)}, {}, ""});
  CHECK_FALSE(graph == FunctionGraph{{x, y}, {dot(x, y), x}, {}, ""});
  CHECK_FALSE(graph_of({sum(x, 0)}) == graph_of({sum(x, 1)}));
  CHECK_FALSE(graph_of({x + constant_of({1}, float64)}) ==
              graph_of({x + constant_of({2}, float64)}));
  CHECK_FALSE(graph_of({x + x}) == graph_of({x + y}));
}

TEST_CASE("graph text: an op that only stands in rules is refused") {
  const FunctionGraph graph = graph_of({exp(optim::any("x"))});
  CHECK_THROWS_WITH_AS(print(graph), doctest::Contains("no text form"), GraphError);
}
