#include <doctest/doctest.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/models/rbm.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/loop/scan_op.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

namespace {

Array matrix_of(std::int64_t rows, std::int64_t cols, bool binary) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    const auto r = static_cast<float>((i * 7919 + 13) % 101) / 101.0F;
    values.push_back(binary ? (r > 0.5F ? 1.0F : 0.0F) : r - 0.5F);
  }
  return Array::from(values, Shape{rows, cols});
}

FunctionGraph rbm_training(bool persistent) {
  models::RBM rbm({.n_visible = 6, .n_hidden = 4});
  rbm.W.set_array(matrix_of(6, 4, false));
  models::CostOptions options{.lr = 0.1, .k = 3};
  if (persistent) options.persistent = shared(matrix_of(5, 4, true), "chain");
  const auto training = rbm.get_cost_updates(options);
  FunctionGraph graph{{rbm.input}, {training.monitor}, {}, "train"};
  for (const auto& [target, value] : training.updates) graph.updates.emplace_back(target, value);
  return graph;
}

void check_same_values(const FunctionGraph& a, const FunctionGraph& b,
                       const std::vector<std::pair<Var, Array>>& bindings) {
  const auto x = evaluate(a.roots(), bindings);
  const auto y = evaluate(b.roots(), bindings);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto u = values_of(x[i]);
    const auto v = values_of(y[i]);
    REQUIRE(x[i].shape() == y[i].shape());
    for (std::size_t k = 0; k < u.size(); ++k) CHECK(v[k] == doctest::Approx(u[k]).epsilon(1e-4));
  }
}

}  // namespace

TEST_CASE("rewritten RBM training computes what the written one does") {
  for (const bool persistent : {false, true}) {
    const FunctionGraph graph = rbm_training(persistent);
    Trace trace;
    const FunctionGraph fast = optimize(graph, Mode::fast(), &trace);
    fast.check();
    INFO(debugprint(fast));
    check_same_values(graph, fast, {{graph.inputs[0], matrix_of(5, 6, true)}});
    check_same_values(graph, optimize(graph, Mode::fast_compile()),
                      {{graph.inputs[0], matrix_of(5, 6, true)}});
    CHECK(trace.fired("gemm_accumulate"));
    CHECK(trace.fired("scan_keep_what_is_read"));
    CHECK(trace.fired("scan_hoist_invariants"));
    CHECK(trace.fired("binary_product"));
  }
}

TEST_CASE("nothing is rewritten in mode none") {
  const FunctionGraph graph = rbm_training(true);
  const FunctionGraph kept = optimize(graph, Mode::none());
  const Vars before = graph.roots();
  const Vars after = kept.roots();
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(same(before[i], after[i]));
}

TEST_CASE("the classic RBM update is one chain of products into W and drops the unused traces") {
  const FunctionGraph fast = optimize(rbm_training(true));
  std::size_t scans = 0;
  for (const Apply* node : fast.order()) {
    const auto* scan = dynamic_cast<const Scan*>(&node->op());
    if (scan == nullptr) continue;
    ++scans;
    for (const auto& out : scan->spec().outputs) CHECK(out.keep >= Scan::Keep::last);
    for (const Apply* inner : scan->body()->order()) {
      CHECK(inner->op().name() != "shape");
      CHECK(inner->op().name() != "dimshuffle");
      CHECK(inner->op().name() != "bernoulli");
    }
  }
  CHECK(scans == 1);
  bool found = false;
  for (const auto& [target, value] : fast.updates) {
    if (target.name() != "W") continue;
    found = true;
    REQUIRE(value.op().name() == "gemm");
    CHECK(value.inputs().size() == 8);  // W, and two products with their factors
    CHECK(is_shared(value.inputs()[0]));
  }
  CHECK(found);
}

TEST_CASE("modes take names and tags and say what is near an unknown one") {
  const Var x = vector("x");
  const Var y = log(sigmoid(x));
  CHECK(same_graph(rewritten(y, Mode::fast().excluding("log_sigmoid")), y));
  CHECK_FALSE(applies(rewritten(y, Mode::fast().excluding("stabilize")), "softplus"));
  CHECK(applies(rewritten(y, Mode::none().including("stabilize")), "softplus"));
  CHECK(applies(rewritten(y, Mode::fast_compile()), "softplus"));
  CHECK_THROWS_WITH_AS(Mode::fast().excluding("log_sigmid"),
                       doctest::Contains("did you mean 'log_sigmoid'"), GraphError);
}

TEST_CASE("a trace names each applied rule with both sides and its line") {
  const Var x = vector("x");
  Trace trace;
  rewritten(log(1 + exp(x)), Mode::fast(), &trace);
  REQUIRE(trace.fired("log_one_plus_exp"));
  CHECK(trace.text().find("log(1 + exp(x))\n  -> softplus(x)") != std::string::npos);
  CHECK(trace.text().find("pipeline_test.cpp") != std::string::npos);
  CHECK(trace.json().find("\"rule\": \"log_one_plus_exp\"") != std::string::npos);
  CHECK(trace.dot().find("digraph") == 0);
}
