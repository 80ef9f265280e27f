#include <doctest/doctest.h>

#include <fmt/format.h>
#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/facts.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/pipeline.hpp>
#include "tests/support/op_samples.hpp"
#include "tests/support/values.hpp"

// What ops say of their values (`Op::facts`) and of where these come from (`Op::origin`), held
// against the values.

using namespace damo;

namespace {

using Bindings = std::vector<std::pair<Var, Array>>;

/// What is true of all elements; NaN is ruled out by `finite` alone and left out elsewhere.
Fact measured(const Array& a) {
  const Array wide = a.cast(float64);
  Fact f{
      .nonnegative = true, .positive = true, .at_most_one = true, .integer = true, .finite = true};
  for (const double v : wide.values<double>()) {
    f.finite = f.finite && std::isfinite(v);
    if (std::isnan(v)) continue;
    f.nonnegative = f.nonnegative && v >= 0;
    f.positive = f.positive && v > 0;
    f.at_most_one = f.at_most_one && v <= 1;
    f.integer = f.integer && std::floor(v) == v;
  }
  return f;
}

/// Whether all that is said in `said` is so. What is positive may underflow.
bool holds(const Fact& said, const Fact& is, bool extreme) {
  return (!said.nonnegative || is.nonnegative) &&
         (!said.positive || (extreme ? is.nonnegative : is.positive)) &&
         (!said.at_most_one || is.at_most_one) && (!said.integer || is.integer) &&
         (!said.finite || is.finite);
}

std::string text(const Fact& f) {
  return fmt::format("{}{}{}{}{}", f.nonnegative ? "nonnegative " : "",
                     f.positive ? "positive " : "", f.at_most_one ? "at most one " : "",
                     f.integer ? "integer " : "", f.finite ? "finite" : "");
}

/// What floats are made into before an op gets them.
using Profile = double (*)(double);
constexpr Profile profiles[] = {
    [](double v) { return v; },
    [](double v) { return std::abs(v); },
    [](double v) { return std::abs(v) + 0.01; },
    [](double v) { return std::abs(std::sin(v)); },
    [](double v) { return -std::abs(v); },
    [](double v) { return std::floor(3 * v); },
    [](double v) { return std::floor(v) == 0.0 ? 1.0 : 0.0; },
    [](double v) { return std::cos(9 * v) > 0 ? 1.0 : 0.0; },
    [](double v) { return v > 1    ? INFINITY
                          : v < -1 ? -INFINITY
                                   : v; },
    [](double v) { return v > 0.5 ? NAN : std::abs(v); },
    [](double v) { return 1e200 * v; },
};

void apply(Profile profile, Array& a) {
  if (a.dtype() != float64) return;
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<double>()[i] = profile(a.data<double>()[i]);
}

/// Facts of the op's result that were said, of `rounds` applications to random values.
int check_facts(const OpSample& entry, Profile profile, int rounds) {
  std::mt19937 rng(5);
  int said = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Array> values = test::draw_values(entry, rng);
    const Vars in = test::inputs_for(entry, values, test::Known::only_ones);
    Facts facts;
    for (std::size_t i = 0; i < in.size(); ++i) {
      apply(profile, values[i]);
      facts.assume(in[i], measured(values[i]));
    }
    const Var out = entry.apply(in);
    const Fact fact = facts.of(out);
    said += fact.nonnegative + fact.positive + fact.at_most_one + fact.integer;
    Fact is;
    try {
      is = measured(evaluate(out, test::bindings_of(in, values)));
    } catch (const Error&) {
      continue;  // outside the op's domain
    }
    CAPTURE(text(fact));
    CAPTURE(text(is));
    CHECK(holds(fact, is, profile == profiles[8] || profile == profiles[10]));
  }
  return said;
}

template <class F>
void each_op(F&& f) {
  for (const OpSample& entry : op_samples()) {
    CAPTURE(entry.name);
    try {
      f(entry);
    } catch (const Error& e) {
      FAIL_CHECK(std::string(e.what()));
    }
  }
}

/// The bits of the elements of an array, in row-major order.
std::vector<std::uint64_t> bits(const Array& a) {
  std::vector<std::uint64_t> all;
  const Array wide = a.cast(float64);
  for (const double v : wide.values<double>()) all.push_back(std::bit_cast<std::uint64_t>(v));
  return all;
}

/// A function of one number that no op commutes with unless it leaves the numbers alone.
Array scrambled(const Array& a) {
  if (!is_float(a.dtype())) return a;
  Array result = a.cast(float64);
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    double& v = result.data<double>()[i];
    v = std::cos(100 * v);
  }
  return result.cast(a.dtype());
}

/// The op's node on given values, as values.
std::vector<Array> computed(const Apply& node, const std::vector<Array>& values) {
  Vars in;
  for (std::size_t i = 0; i < values.size(); ++i)
    in.push_back(input(node.input(i).type(), fmt::format("x{}", i)));
  return evaluate(make_node(node.op_ptr(), in), test::bindings_of(in, values));
}

/// The values of the node's inputs when the entry's operands have these.
std::vector<Array> operands(const Apply& node, const Vars& in, const std::vector<Array>& values) {
  return evaluate(node.inputs(), test::bindings_of(in, values));
}

bool all_among(const Array& out, const std::vector<Array>& in, std::size_t first, std::size_t end) {
  std::set<std::uint64_t> known;
  for (std::size_t i = first; i < end; ++i) {
    if (in[i].dtype() != out.dtype()) continue;
    for (const std::uint64_t v : bits(in[i])) known.insert(v);
  }
  const auto found = bits(out);
  return std::all_of(found.begin(), found.end(),
                     [&](std::uint64_t v) { return known.contains(v); });
}

/// Whether output `k` on scrambled inputs is the scrambled output on the inputs.
bool commutes(const Apply& node, const std::vector<Array>& in, const Array& out, std::size_t k,
              std::size_t first, std::size_t end) {
  std::vector<Array> other = in;
  for (std::size_t i = first; i < end; ++i) other[i] = scrambled(other[i]);
  return bits(computed(node, other)[k]) == bits(scrambled(out));
}

}  // namespace

TEST_CASE("facts: what an op says of its values holds of random values of every kind") {
  int said = 0;
  each_op([&](const OpSample& entry) {
    for (std::size_t i = 0; i < std::size(profiles); ++i) {
      CAPTURE(i);
      said += check_facts(entry, profiles[i], 6);
    }
  });
  CHECK(said > 4000);
}

TEST_CASE("facts: elements that an op says come from its inputs do, wherever functions go") {
  std::set<std::string> movers, others;
  each_op([&](const OpSample& entry) {
    std::mt19937 rng(11);
    bool looks_moved = true;
    std::int64_t elements = 0;
    bool declared = false;
    for (int round = 0; round < 12; ++round) {
      const std::vector<Array> values = test::draw_values(entry, rng);
      const Vars in = test::inputs_for(entry, values, test::Known::only_ones);
      const Var out = entry.apply(in);
      const Apply& node = out.owner();
      const std::vector<Array> given = operands(node, in, values);
      const Array result = computed(node, given)[out.index()];
      const Origin from = node.op().origin(node, out.index());
      REQUIRE(from.end <= node.inputs().size());
      declared = !from.none();
      elements += result.elements();
      if (!is_float(result.dtype())) looks_moved = false;
      if (declared) {
        CHECK(all_among(result, given, from.first, from.end));
        if (from.moves() && is_float(result.dtype()))
          CHECK(commutes(node, given, result, out.index(), from.first, from.end));
      }
      looks_moved = looks_moved && all_among(result, given, 0, given.size()) &&
                    commutes(node, given, result, out.index(), 0, given.size());
    }
    if (declared) movers.insert(entry.name);
    if (looks_moved && elements > 0 && !declared) others.insert(entry.name);
  });
  CHECK(movers.contains("advanced_set_subtensor"));
  CHECK(movers.contains("where"));
  CHECK(movers.size() > 20);
  // These move nothing, but a function may not be taken through them: the gradient of one is
  // another, and the other is there to be opaque.
  CHECK(others == std::set<std::string>{"disconnected_grad", "opaque"});
}

TEST_CASE("facts: elements at their own place are what the input has there") {
  each_op([&](const OpSample& entry) {
    std::mt19937 rng(13);
    for (int round = 0; round < 8; ++round) {
      const std::vector<Array> values = test::draw_values(entry, rng);
      const Vars in = test::inputs_for(entry, values, test::Known::only_ones);
      const Var out = entry.apply(in);
      const Apply& node = out.owner();
      const Origin from = node.op().origin(node, out.index());
      if (from.none() || from.way != Origin::Way::same_place) return;
      const std::vector<Array> given = operands(node, in, values);
      const Array result = computed(node, given)[out.index()].cast(float64);
      for (std::int64_t i = 0; i < result.elements(); ++i) {
        bool found = false;
        for (std::size_t k = from.first; k < from.end; ++k) {
          const Var source = input(node.input(k).type());
          const Var wide = broadcast_to(source, Sizes(result.shape()));
          const Bindings at{{source, given[k]}};
          const Array there = evaluate(wide, at).cast(float64);
          found = found || there.data<double>()[i] == result.data<double>()[i];
        }
        CHECK(found);
      }
    }
  });
}

TEST_CASE("facts: rows of a binary matrix replaced by binary rows are multiplied as binary") {
  const Var x = dmatrix("x"), y = dmatrix("y"), w = dmatrix("w");
  const Var at = lvector("at");
  const Var v = set_subtensor((x > 0.5)[at], y > 0.5);
  const Var floats = set_subtensor(cast(x > 0.5, float64)[at], cast(y > 0.5, float64));
  Facts facts;
  CHECK(facts.of(floats).binary());
  CHECK(facts.of(v).binary());
  CHECK_FALSE(facts.of(set_subtensor(cast(x > 0.5, float64)[at], y)).binary());
  const FunctionGraph graph = optimize({{x, y, w, at}, {dot(floats, w)}, {}, ""});
  const auto order = graph.order();
  CHECK(std::any_of(order.begin(), order.end(),
                    [](const Apply* node) { return node->op().name() == "binary_dot"; }));
}

TEST_CASE("facts: huge, infinite and missing numbers among constants are no integers by accident") {
  const auto of = [](std::vector<double> values) {
    Facts facts;
    return facts.of(constant(Array::from(values)));
  };
  CHECK(of({1e300, 4}).integer);
  CHECK_FALSE(of({1e300, 4}).at_most_one);
  CHECK_FALSE(of({INFINITY}).integer);
  CHECK_FALSE(of({-INFINITY, 1}).integer);
  CHECK_FALSE(of({NAN}).nonnegative);
  CHECK_FALSE(of({NAN}).integer);
  CHECK_FALSE(of({NAN}).at_most_one);
  CHECK(of({0, 1, 1}).binary());
  CHECK_FALSE(of({0, 0.5}).binary());
  CHECK(of({-9.3e18}).integer);
}

TEST_CASE("facts: a loop keeps of a state what its initial value has and every step keeps") {
  const Var n = lscalar("n"), h = dvector("h"), p = dvector("p");
  const auto chain = [&](const Var& initial, auto step) {
    return damo::scan(step, {.outputs_info = {initial}, .n_steps = n}).outputs[0];
  };
  const auto flip = [](const Var& v) { return 1.0 - v; };
  const auto fact = [](const Var& v) {
    Facts facts;
    return facts.of(v);
  };
  CHECK(fact(chain(cast(h > 0, float64), flip)).binary());
  CHECK_FALSE(fact(chain(h, flip)).binary());
  CHECK(fact(chain(sqr(h), [](const Var& v) { return v + 1.0; })).nonnegative);
  CHECK_FALSE(fact(chain(sqr(h), [](const Var& v) { return v - 1.0; })).nonnegative);
  CHECK_FALSE(fact(chain(sigmoid(h), [](const Var& v) { return 2.0 * v; })).at_most_one);
}
