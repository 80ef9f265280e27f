#include <cxxabi.h>
#include <fmt/format.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <regex>
#include <set>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>
#include "tests/support/op_samples.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::bindings_of;
using test::check_close;
using test::draw_values;
using test::inputs_for;
using test::Known;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace fs = std::filesystem;

namespace {

constexpr int shapes_per_op = 20;

Array transposed(const Array& a) {
  const Var x = input({a.dtype(), a.shape()});
  const Bindings at{{x, a}};
  return evaluate(x.T(), at);
}

/// Shapes as the op's rules have them against those of the value.
void check_shapes(const OpSample& entry, const Var& out, const Bindings& at, const Array& value) {
  CHECK(compatible(TensorType{value.dtype(), value.shape()}, out.type()));
  if (is_leaf(out)) return;
  const Apply& node = out.owner();
  std::vector<Vars> shapes;
  for (const Var& v : node.inputs()) shapes.push_back(sizes(v));
  const auto rule = node.op().shape_rule(node, shapes)[out.index()];
  REQUIRE(rule.has_value() == entry.shape_known);
  if (!rule) return;
  REQUIRE(rule->size() == value.rank());
  for (std::size_t axis = 0; axis < value.rank(); ++axis) {
    CHECK((*rule)[axis].type() == TensorType{int64, {}});
    CHECK(evaluate((*rule)[axis], at).item<std::int64_t>() == value.shape()[axis]);
  }
}

/// Where a size is said to come from, it is that of the input there.
void check_sources(const Var& out, const Vars& in, const std::vector<Array>& values,
                   const Array& value) {
  for (std::size_t axis = 0; axis < out.ndim(); ++axis) {
    const auto [leaf, of] = source_of_size(out, axis);
    for (std::size_t i = 0; leaf.defined() && i < in.size(); ++i) {
      if (same(leaf, in[i])) CHECK(values[i].shape()[of] == value.shape()[axis]);
    }
  }
}

/// The same op on operands that are views: transposed in memory.
void check_strided(const OpSample& entry, const std::vector<Array>& values, const Array& expected) {
  Vars given;
  Vars seen;
  std::vector<Array> stored;
  for (const Array& a : values) {
    stored.push_back(transposed(a));
    TensorType type{a.dtype(), stored.back().shape()};
    given.push_back(input(type));
    seen.push_back(given.back().T());
  }
  check_close(evaluate(entry.apply(seen), bindings_of(given, stored)), expected, 1e-14);
}

void check_float32(const OpSample& entry, const std::vector<Array>& values, const Array& expected) {
  if (!entry.differentiable) return;
  std::vector<Array> narrow;
  for (const Array& a : values) narrow.push_back(a.dtype() == float64 ? a.cast(float32) : a);
  const Vars in = inputs_for(entry, narrow, Known::only_ones);
  const Var out = entry.apply(in);
  CHECK(out.dtype() == float32);
  check_close(evaluate(out, bindings_of(in, narrow)), expected, 1e-4);
}

void check_derivatives(const OpSample& entry, const Var& out, const Vars& in,
                       const std::vector<Array>& values, int round) {
  const Apply& node = out.owner();
  for (const Var& t : node.op().push_forward(node, Vars(node.inputs().size())))
    CHECK_FALSE(t.defined());
  if (entry.differentiable) {
    verify_grad(out, in, values,
                {.seed = static_cast<std::uint64_t>(round) + 1,
                 .projections = round < 6 ? 2 : 1,
                 .elements = round < 6 ? 40 : 0,
                 .second_order = entry.twice_differentiable,
                 .forward_mode = true});
    return;
  }
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!is_float(in[i].dtype())) continue;
    const Var cost = sum(cast(out, float64));
    try {
      const Var g = grad(cost, in[i], {.disconnected_inputs = Disconnected::ignore});
      CHECK(g.ndim() == in[i].ndim());
    } catch (const GradError&) {  // says that there is none
    }
  }
}

void sweep(const OpSample& entry) {
  const auto reference = test::references().find(entry.name);
  REQUIRE_MESSAGE(reference != test::references().end(), "no reference value");
  std::mt19937 rng(42);
  for (int round = 0; round < shapes_per_op; ++round) {
    // The first two: all sizes 0, all sizes 1.
    const auto size = round < 2 ? std::optional<std::int64_t>(round) : std::nullopt;
    const std::vector<Array> values = draw_values(entry, rng, size);
    std::string shapes;
    for (const Array& a : values) shapes += to_string(a.shape()) + " ";
    CAPTURE(shapes);
    const Vars in = inputs_for(entry, values, Known::only_ones);
    const Var out = entry.apply(in);
    const Bindings at = bindings_of(in, values);
    const Array value = evaluate(out, at);
    CHECK(value.dtype() == out.dtype());
    check_close(value, reference->second(values), 1e-12);
    check_shapes(entry, out, at, value);
    check_sources(out, in, values, value);
    const Vars fixed = inputs_for(entry, values, Known::all);
    const Var known = entry.apply(fixed);
    check_shapes(entry, known, bindings_of(fixed, values), value);
    check_close(evaluate(known, bindings_of(fixed, values)), value, 1e-14);
    check_strided(entry, values, value);
    check_float32(entry, values, value);
    check_derivatives(entry, out, in, values, round);
    CHECK_FALSE(pprint(out).empty());
  }
}

/// What a pattern's groups match in the sources below `folder`.
std::set<std::string> in_sources(const std::string& folder, const std::string& pattern) {
  std::set<std::string> found;
  const std::regex wanted(pattern);
  for (const auto& file : fs::recursive_directory_iterator(fs::path(DAMO_SOURCE_DIR) / folder)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    for (std::sregex_iterator at(text.begin(), text.end(), wanted), end; at != end; ++at) {
      for (std::size_t group = 1; group < at->size(); ++group) {
        if ((*at)[group].matched) found.insert((*at)[group]);
      }
    }
  }
  return found;
}

/// "Dot" of an op of the class damo::(anonymous namespace)::Dot.
std::string class_name(const Op& op) {
  int status = 0;
  char* text = abi::__cxa_demangle(typeid(op).name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? text : "";
  std::free(text);
  return name.substr(name.rfind(':') + 1);
}

}  // namespace

TEST_CASE("ops: each one agrees with plain loops and its rules agree with its values") {
  for (const OpSample& entry : op_samples()) {
    SUBCASE(entry.name.c_str()) {
      try {
        sweep(entry);
      } catch (const Error& e) {
        FAIL_CHECK(std::string(e.what()));
      } catch (...) {
        FAIL_CHECK("stopped");  // a REQUIRE; the other ops still have their turn
      }
    }
  }
}

TEST_CASE("ops: every class of op is among the samples") {
  std::set<std::string> checked;
  for (const OpSample& entry : op_samples()) {
    const Var out = example(entry);
    for (const Apply* node : toposort(std::span(&out, 1))) {
      const bool own = node == out.owner_ptr() || node->op().name() == entry.name;
      if (own) checked.insert(class_name(node->op()));
    }
  }
  const auto classes = in_sources("ops", R"(class (\w+) final : public OpOf<\1>)");
  CHECK(classes.size() > 30);
  for (const std::string& name : classes) {
    CAPTURE(name);
    CHECK(checked.contains(name));
  }
}

TEST_CASE("ops: every elementwise function is among the samples") {
  std::set<std::string> sampled;
  for (const ScalarOp* scalar : scalar_ops()) sampled.insert(scalar->name);
  const auto defined = in_sources(
      "ops/elementwise",
      R"re((?:real_unary|flat_unary|comparison<\w+>|logical<\w+>)\(\s*"(\w+)"|\.name = "(\w+)")re");
  CHECK(defined.size() > 60);
  for (const std::string& name : defined) {
    CAPTURE(name);
    CHECK(sampled.contains(name));
  }
}

TEST_CASE("ops: applying an op twice to the same operands gives equal nodes") {
  for (const OpSample& entry : op_samples()) {
    CAPTURE(entry.name);
    const Var out = example(entry);
    const Apply& node = out.owner();
    const Var again = make_var(node.op_ptr(), node.inputs());
    CHECK(node.op().equals(again.op()));
    CHECK(node.op().hash() == again.op().hash());
    CHECK(same_graph(node.output(), again));
  }
}
