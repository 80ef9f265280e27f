#include <doctest/doctest.h>

#include <optional>

#include <damo/damo.hpp>
#include "tests/support/random_expression.hpp"
#include "tests/support/slopes.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::Numbers;

namespace {

/// Random values and conditions that choices share in all ways, some of which raise when they are
/// computed for an index out of range.
class Choices {
 public:
  Choices(const Var& x, const Vars& indices, const Vars& conditions, Numbers& r)
      : x_(x), indices_(indices), values_{x[0], sum(x)}, conditions_(conditions), r_(r) {}

  Var grown(std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) grow();
    Var all = values_.back();
    for (std::size_t k = 2; k < 4; ++k) all = all + values_[values_.size() - k];
    return all;
  }

 private:
  const Var& any(const Vars& from) { return from[from.size() - 1 - r_.below(from.size())]; }
  void grow() {
    const Var a = any(values_), b = any(values_);
    switch (r_.below(8)) {
      case 0:
        values_.push_back(x_[any(indices_)] * a);
        break;
      case 1:
        values_.push_back(sin(a) + 0.5 * b);
        break;
      case 2:
        conditions_.push_back(a > b);
        break;
      case 3:
        conditions_.push_back(or_(any(conditions_), x_[any(indices_)] > 0.2));
        break;
      case 4:
        values_.push_back(sum(tanh(x_(range(any(indices_), 3)) * a)));
        break;
      default:
        values_.push_back(ifelse(any(conditions_), a, b));
    }
  }

  Var x_;
  Vars indices_;
  Vars values_;
  Vars conditions_;
  Numbers& r_;
};

/// What comes of something that may fail.
template <class F>
std::optional<std::vector<double>> outcome(const F& compute) {
  try {
    return compute();
  } catch (const Error&) {
    return std::nullopt;
  }
}

void agree(const std::optional<std::vector<double>>& a,
           const std::optional<std::vector<double>>& b) {
  REQUIRE(a.has_value() == b.has_value());
  if (!a) return;
  for (std::size_t i = 0; i < a->size(); ++i)
    CHECK((*a)[i] == doctest::Approx((*b)[i]).epsilon(1e-9));
}

struct Program {
  Var x = dvector("x"), i = lscalar("i"), j = lscalar("j"), a = bscalar("a"), b = bscalar("b");
  Vars inputs{x, i, j, a, b};
  Vars outputs;

  /// By turns, inputs all of which are in range, some, or none.
  std::vector<Array> values(Numbers& r) const {
    const auto at = [&] { return Array::scalar(static_cast<std::int64_t>(r.below(5))); };
    return {test::vector({0.3, -0.8, 0.6}), at(), at(), Array::scalar(r.below(2) == 0),
            Array::scalar(r.below(2) == 0)};
  }
};

std::vector<double> numbers(const std::vector<Array>& arrays) {
  std::vector<double> all;
  for (const Array& a : arrays) {
    for (std::int64_t k = 0; k < a.elements(); ++k) all.push_back(a.data<double>()[k]);
  }
  return all;
}

/// Holds compiled functions to `evaluate`, which computes on demand.
void hold_to_demand(const Program& p, Numbers& r, int& failed, int& fine) {
  std::vector<Function> functions;
  for (const Mode& mode : test::all_modes())
    functions.push_back(
        function(p.inputs, p.outputs, {.mode = mode, .on_unused_input = Unused::ignore}));
  for (int call = 0; call < 6; ++call) {
    const auto at = p.values(r);
    std::vector<std::pair<Var, Array>> bindings;
    for (std::size_t k = 0; k < at.size(); ++k) bindings.emplace_back(p.inputs[k], at[k]);
    const auto expected = outcome([&] { return numbers(evaluate(p.outputs, bindings)); });
    ++(expected ? fine : failed);
    for (Function& f : functions) {
      agree(outcome([&] {
              const Outputs out = f(at[0], at[1], at[2], at[3], at[4]);
              std::vector<Array> arrays;
              for (std::size_t k = 0; k < out.size(); ++k) arrays.push_back(out[k]);
              return numbers(arrays);
            }),
            expected);
    }
  }
}

}  // namespace

TEST_CASE("lazy choices: what several choices share fails only where one of them takes it") {
  const Var a = bscalar("a"), b = bscalar("b"), x = dvector("x"), i = lscalar("i");
  const Var shared = exp(x[i]);
  const Var out = ifelse(a, shared, 1.0) + ifelse(b, sum(x) * shared, 2.0);
  for (const Mode& mode : test::all_modes()) {
    Function f = function({a, b, x, i}, {out, grad(out, x)}, {.mode = mode});
    const auto at = test::vector({0.0, 1.0});
    CHECK(f(false, false, at, 5)[0].item<double>() == 3);
    CHECK(f(false, false, at, 5)[1].data<double>()[1] == 0);
    CHECK(f(true, false, at, 0)[0].item<double>() == 3);
    CHECK(f(true, false, at, 0)[1].data<double>()[0] == 1);
    CHECK(f(false, true, at, 0)[0].item<double>() == 2);
    CHECK(f(true, true, at, 0)[0].item<double>() == 2);
    CHECK_THROWS_AS(f(true, false, at, 5), Error);
    CHECK_THROWS_AS(f(false, true, at, 5), Error);
  }
}

TEST_CASE("lazy choices: random graphs of choices compute and raise what demand asks for") {
  int failed = 0, fine = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Numbers r{seed};
    Program p;
    const Var y = Choices(p.x, {p.i, p.j}, {p.a, p.b}, r).grown(14);
    p.outputs = {y};
    hold_to_demand(p, r, failed, fine);
  }
  CHECK(failed > 40);
  CHECK(fine > 40);
}

TEST_CASE("lazy choices: gradients of random graphs raise only what the graph does") {
  int failed = 0, fine = 0;
  for (std::uint64_t seed = 101; seed <= 140; ++seed) {
    CAPTURE(seed);
    Numbers r{seed};
    Program p;
    const Var y = Choices(p.x, {p.i, p.j}, {p.a, p.b}, r).grown(10);
    p.outputs = {y, grad(y, p.x)};
    hold_to_demand(p, r, failed, fine);
    for (int call = 0; call < 6; ++call) {
      const auto at = p.values(r);
      std::vector<std::pair<Var, Array>> bindings;
      for (std::size_t k = 0; k < at.size(); ++k) bindings.emplace_back(p.inputs[k], at[k]);
      const auto value = outcome([&] { return numbers(evaluate(Vars{y}, bindings)); });
      const auto both = outcome([&] { return numbers(evaluate(p.outputs, bindings)); });
      CHECK(value.has_value() == both.has_value());
    }
  }
  CHECK(failed > 40);
  CHECK(fine > 40);
}

TEST_CASE("lazy choices: steps of a loop compute and raise what demand asks for") {
  int failed = 0, fine = 0;
  for (std::uint64_t seed = 201; seed <= 230; ++seed) {
    CAPTURE(seed);
    Numbers r{seed};
    Program p;
    const auto step = [&](const Var& k, const Var& h) {
      return 0.5 * Choices(p.x * h, {p.i, k}, {p.a, eq(k, p.j), p.b}, r).grown(10);
    };
    const Var y = scan(step, {.sequences = {arange(3)}, .outputs_info = {p.x[0]}}).outputs[0];
    p.outputs = {y[-1]};
    hold_to_demand(p, r, failed, fine);
  }
  CHECK(failed > 20);
  CHECK(fine > 20);
}
