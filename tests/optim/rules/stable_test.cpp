#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>
#include <tuple>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/extended_math.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/order/sort.hpp>
#include <damo/ops/reduction/cumprod.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/rewriter.hpp>
#include "tests/support/rewrite.hpp"

// Values and gradients of what underflows or overflows when computed as written, at extremes.
using namespace damo;
using namespace damo::test;

namespace {

/// What an expression is at a point, and the derivative of its weighted sum; see stable_values.py.
struct Truth {
  std::string name;
  std::vector<double> at;
  std::vector<double> values;
  std::vector<double> slopes;
};
const std::vector<Truth> truths{
#include "tests/optim/rules/stable_values.inc"
};

/// An expression of a vector of four: `outer` of `inner`, which may stand on two sides of a loop's
/// border.
struct Expression {
  std::function<Var(const Var&)> inner;
  std::function<Var(const Var&)> outer;
  double tolerance = 1;  ///< Of rounding errors that are usual.
};

Var same_as(const Var& x) { return x; }
Var e(const Var& x) { return exp(x); }
Var s(const Var& x) { return sigmoid(x); }
Var rows(const Var& x) { return reshape(x, {2, 2}); }
Var numbers(const std::vector<double>& values, const Var& like) {
  return constant(array_of(values, like.dtype()));
}
Var table(const std::vector<double>& values, const Var& like, Shape shape) {
  return constant(Array::from(values, shape).cast(like.dtype()));
}
Range reversed() { return {Var{}, Var{}, Arg(-1).var(DType::int64)}; }

const std::map<std::string, Expression>& expressions() {
  using V = const Var&;
  static const std::map<std::string, Expression> all{
      {"log s", {s, [](V p) { return log(p); }}},
      {"(e - 2) / (e + 3)", {same_as, [](V x) { return (exp(x) - 2) / (exp(x) + 3); }}},
      {"(2 e + 1) / (1 - 3 e)", {same_as, [](V x) { return (2 * exp(x) + 1) / (1 - 3 * exp(x)); }}},
      {"(e - 1) / (e + 3)", {same_as, [](V x) { return (exp(x) - 1) / (exp(x) + 3); }}},
      {"(e - 2) / (1 + e)", {same_as, [](V x) { return (exp(x) - 2) / (1 + exp(x)); }}},
      {"e / (e - 3)", {same_as, [](V x) { return exp(x) / (exp(x) - 3); }}},
      {"e- sum e", {same_as, [](V x) { return exp(-x) * sum(exp(x)); }}},
      {"(e0 + e1) / e1", {same_as, [](V x) { return (exp(x[0]) + exp(x[1])) / exp(x[1]); }}},
      {"log(sum e - e[0])", {same_as, [](V x) { return log(sum(exp(x)) - exp(x[0])); }}},
      {"log (1 - s)", {s, [](V p) { return log(1 - p); }}},
      {"log (1 - s)[0]", {s, [](V p) { return log(1 - p[0]); }}},
      {"log (1 - s[range])", {s, [](V p) { return log(1 - p[range(0, 2)]); }}},
      {"log (1 - s[indices])",
       {s,
        [](V p) {
          return log(1 - take(p, constant(Array::from(std::vector<std::int64_t>{1, 0, 0}))));
        }}},
      {"log (1 - s[mask])",
       {s,
        [](V p) {
          const Var mask = numbers({1, 1, 0, 0}, p) > 0.5;
          return log(1 - p(mask));
        }}},
      {"log |s|", {s, [](V p) { return log(abs(p)); }}},
      {"log 1/s", {s, [](V p) { return log(reciprocal(p)); }}},
      {"log s^3", {s, [](V p) { return log(pow(p, 3)); }}},
      {"log sqrt s", {s, [](V p) { return log(sqrt(p)); }}},
      {"log c s", {s, [](V p) { return log(0.25 * p); }}},
      {"log scalar s", {same_as, [](V x) { return log(exp(x[3]) * sigmoid(x)); }}},
      {"log s s", {s, [](V p) { return log(p * p[reversed()]); }}},
      {"log s / (1 - s)", {s, [](V p) { return log(p / (1 - p)); }}},
      {"log (2 - 2 s)", {s, [](V p) { return log(2 - 2 * p); }}},
      {"log (s / 2 - 1 / 2)", {s, [](V p) { return log(-(0.5 * p - 0.5)); }}},
      {"log (1 - s s)", {s, [](V p) { return log(1 - sqr(p)); }}},
      {"log joined s",
       {s,
        [](V p) {
          return log(concatenate({p[range(0, 1)], p[from(1)]}, 0));
        }}},
      {"log joined (1 - s)",
       {s,
        [](V p) {
          return log(1 - concatenate({p[range(0, 1)], p[from(1)]}, 0));
        }}},
      {"log inc s", {s, [](V p) { return log(inc_subtensor(zeros_like(p)[range(0, 4)], p)); }}},
      {"log inc over",
       {s,
        [](V p) { return log(inc_subtensor((zeros_like(p) + 2)[range(0, 2)], p[range(0, 2)])); }}},
      {"log set s",
       {s,
        [](V p) { return log(set_subtensor((zeros_like(p) + 2)[range(0, 2)], p[range(0, 2)])); }}},
      {"log max s", {s, [](V p) { return log(max(p)); }}},
      {"log min s", {s, [](V p) { return log(min(p)); }}},
      {"log prod s", {s, [](V p) { return log(prod(p)); }}},
      {"log where s", {same_as, [](V x) { return log(where(x > 0, sigmoid(x), 1 - sigmoid(x))); }}},
      {"log maximum(s, 1 - s)", {s, [](V p) { return log(maximum(p, 1 - p)); }}},
      {"log sum s", {s, [](V p) { return log(sum(p)); }}},
      {"log mean s", {s, [](V p) { return log(mean(p)); }}},
      {"log2 s", {s, [](V p) { return log2(p); }}},
      {"log10 (1 - s)", {s, [](V p) { return log10(1 - p); }}},
      {"xlogy s", {s, [](V p) { return xlogy0(0.375, p); }}},
      {"cross entropy", {s, [](V p) { return -(0.75 * log(p) + (1 - 0.75) * log(1 - p)); }}},
      {"s (1 - s)", {s, [](V p) { return p * (1 - p); }}},
      {"1 - s", {s, [](V p) { return 1 - p; }}},
      {"log softmax by hand", {e, [](V p) { return log(p / sum(p)); }}},
      {"log softmax of rows",
       {e, [](V p) { return log(rows(p) / sum(rows(p), 1, {.keepdims = true})); }}},
      {"log_softmax", {same_as, [](V x) { return log_softmax(x)[0]; }}},
      {"log_softmax of rows", {same_as, [](V x) { return log_softmax(rows(x), {1}); }}},
      {"softmax of rows itself", {same_as, [](V x) { return softmax(rows(x), {1}); }}},
      {"x0 - logsumexp", {same_as, [](V x) { return x[0] - logsumexp(x); }}},
      {"entropy",
       {[](V x) { return exp(x) / sum(exp(x)); }, [](V p) { return -sum(p * log(p)); }, 1000}},
      {"e / norm e", {e, [](V p) { return p / sqrt(sum(sqr(p))); }, 100}},
      {"e / (1 + e)", {e, [](V p) { return log(p / (1 + p)); }}},
      {"(e - e') / (e + e')", {e, [](V p) { return (p[0] - p[1]) / (p[0] + p[1]); }, 100}},
      {"softmax by hand", {e, [](V p) { return p / sum(p); }}},
      {"softmax of rows", {e, [](V p) { return rows(p) / sum(rows(p), 1, {.keepdims = true}); }}},
      {"-log p[0]", {[](V x) { return exp(x) / sum(exp(x)); }, [](V p) { return -log(p[0]); }}},
      {"sum p w",
       {[](V x) { return exp(x) / sum(exp(x)); },
        [](V p) {
          return sum(p * numbers({1, 2, -3, 4}, p));
        }}},
      {"dot(w, e) / sum e",
       {e,
        [](V p) {
          return dot(numbers({1, 2, -3, 4}, p), p) / sum(p);
        }}},
      {"sum(w e) / sum e",
       {e,
        [](V p) {
          return sum(numbers({1, 2, -3, 4}, p) * p) / sum(p);
        }}},
      {"log sum e", {e, [](V p) { return log(sum(p)); }}},
      {"log sum e flat", {same_as, [](V x) { return log(sum(exp(flatten(rows(x))))); }}},
      {"log sum e.T", {e, [](V p) { return log(sum(rows(p).T(), 0)); }}},
      {"log sum e[range]", {e, [](V p) { return log(sum(p[from(1)])); }}},
      {"log sum e[indices]",
       {e,
        [](V p) {
          return log(sum(take(p, constant(Array::from(std::vector<std::int64_t>{0, 2, 2})))));
        }}},
      {"log sum joined e",
       {same_as,
        [](V x) {
          return log(sum(concatenate({exp(x), exp(-x)}, 0)));
        }}},
      {"log sum cast e", {e, [](V p) { return log(sum(cast(p, float64))); }}},
      {"log mean e rows", {e, [](V p) { return log(mean(rows(p), 1)); }}},
      {"log(1 + sum e)", {e, [](V p) { return log(1 + sum(p)); }}},
      {"log1p sum e", {e, [](V p) { return log1p(sum(p)); }}},
      {"log dot(w, e)",
       {e,
        [](V p) {
          return log(dot(numbers({1, 2, 0, 0.5}, p), p));
        },
        100}},
      {"log dot(W, e)",
       {e,
        [](V p) {
          return log(dot(table({1, 2, 0, 0.5, 0, 0, 3, 1}, p, Shape{2, 4}), p));
        },
        100}},
      {"log dot(e, W)",
       {e,
        [](V p) {
          return log(dot(p, table({1, 0, 2, 0, 0, 3, 0.5, 1}, p, Shape{4, 2})));
        },
        100}},
      {"log dot(e, e)", {e, [](V p) { return log(dot(p, p)); }}},
      {"log sum w e",
       {e,
        [](V p) {
          return log(sum(numbers({1, 2, 0.25, 0.5}, p) * p));
        },
        100}},
      {"log e^2", {e, [](V p) { return log(sum(sqr(p))); }}},
      {"log(e + e' + e'')", {e, [](V p) { return log(p[0] + p[1] + p[2]); }, 100}},
      {"log(1 + e + e')", {e, [](V p) { return log(1 + p[0] + p[1]); }}},
      {"e / (e0 + e1)", {e, [](V p) { return p / (p[0] + p[1]); }}},
      {"e0 / (e0 + e1 + e2)", {e, [](V p) { return p[0] / (p[0] + p[1] + p[2]); }}},
      {"e / dot(w, e)",
       {e,
        [](V p) {
          return p / dot(numbers({1, 2, 0, 0.5}, p), p);
        },
        100}},
      {"e(x) / sum e(2x)", {same_as, [](V x) { return exp(x) / sum(exp(0.5 * x)); }}},
      {"e(x) / e(x - 1)", {same_as, [](V x) { return exp(x) / exp(x - 1); }}},
      {"log cumsum e", {e, [](V p) { return log(cumsum(p)); }}},
      {"log cumsum e of rows", {e, [](V p) { return log(cumsum(rows(p), 1)); }}},
      {"log cumsum e[-1]", {e, [](V p) { return log(cumsum(p)[-1]); }}},
      {"log cumsum e[range]", {e, [](V p) { return log(cumsum(p)[range(1, 3)]); }}},
      {"log cumsum s", {s, [](V p) { return log(cumsum(p)); }, 100}},
      {"log cumprod (1 - s)", {s, [](V p) { return log(cumprod(1 - p)); }}},
      {"log batched_dot(e, w)",
       {e,
        [](V p) {
          return log(batched_dot(reshape(p, {2, 1, 2}), table({1, 2, 0.5, 3}, p, Shape{2, 2, 1})));
        },
        100}},
      {"log sorted e", {e, [](V p) { return log(sort(p)); }}},
      {"log median e", {e, [](V p) { return log(sort(p)[range(1, 3)]); }}},
      {"log max e", {e, [](V p) { return log(max(p)); }}},
      {"log prod(1 + e)", {e, [](V p) { return log(prod(1 + p)); }}},
      {"log(1 + e)", {e, [](V p) { return log(1 + p); }}},
      {"log(3 + e)", {e, [](V p) { return log(3 + p); }}},
      {"log(2 + 3 e)", {e, [](V p) { return log(2 + 3 * p); }, 10}},
      {"log(e - 1)", {e, [](V p) { return log(p - 1); }}},
      {"log |e - 1|", {e, [](V p) { return log(abs(p - 1)); }}},
      {"log |e - 3|", {e, [](V p) { return log(abs(3 - p)); }, 10}},
      {"log |e - e'|", {e, [](V p) { return log(abs(p[0] - p[1])); }}},
      {"log expm1", {same_as, [](V x) { return log(expm1(x)); }}},
      {"log(1 - e)", {[](V x) { return exp(-x); }, [](V p) { return log(1 - p); }}},
      {"log(1 + 2^x)", {[](V x) { return pow(2, x); }, [](V p) { return log(1 + p); }, 200}},
      {"log exp2", {same_as, [](V x) { return log(exp2(x)); }}},
      {"log2 exp2", {same_as, [](V x) { return log2(exp2(x)); }}},
      {"log(1 + exp2)", {[](V x) { return exp2(x); }, [](V p) { return log(1 + p); }, 200}},
      {"log2 sum exp2", {[](V x) { return exp2(x); }, [](V p) { return log2(sum(p)); }, 100}},
      {"exp2 / sum exp2", {[](V x) { return exp2(x); }, [](V p) { return p / sum(p); }, 200}},
      {"log pow(e, 3)", {e, [](V p) { return log(pow(p, 3)); }}},
      {"log cosh", {same_as, [](V x) { return log(cosh(x)); }}},
      {"log 2 cosh", {same_as, [](V x) { return log(2 * cosh(x)); }}},
      {"log(1 + 2 cosh)", {same_as, [](V x) { return log(1 + 2 * cosh(x)); }}},
      {"log sinh", {same_as, [](V x) { return log(sinh(x)); }}},
      {"tanh", {same_as, [](V x) { return tanh(x); }, 10}},
      {"1 - tanh^2", {[](V x) { return tanh(x); }, [](V y) { return 1 - sqr(y); }, 10}},
      {"log(1 - tanh^2)", {[](V x) { return tanh(x); }, [](V y) { return log(1 - y * y); }}},
      {"tanh by hand", {same_as, [](V x) { return (exp(x) - exp(-x)) / (exp(x) + exp(-x)); }, 10}},
      {"log tanh", {same_as, [](V x) { return log(tanh(x)); }}},
      {"log(1 - tanh)", {[](V x) { return tanh(x); }, [](V y) { return log(1 - y); }}},
      {"log (e - 1) / x", {same_as, [](V x) { return log((exp(x) - 1) / x); }}},
      {"log (1 - e(-x)) / x", {same_as, [](V x) { return log((1 - exp(-x)) / x); }}},
      {"log x / (e - 1)", {same_as, [](V x) { return log(x / (exp(x) - 1)); }, 10}},
      {"log sinh / x", {same_as, [](V x) { return log(sinh(x) / x); }, 100}},
      {"log x / sinh", {same_as, [](V x) { return log(x / sinh(x)); }, 100}},
      {"log(e - 1 + c)", {e, [](V p) { return log(p - 1 + 0x1p-20); }, 10}},
      {"log(sinh + c)", {same_as, [](V x) { return log(sinh(x) + 0x1p-20); }, 10}},
      {"1 / cosh", {same_as, [](V x) { return 1 / cosh(x); }, 100}},
      {"x / cosh", {same_as, [](V x) { return x / cosh(x); }, 100}},
      {"x / sinh", {same_as, [](V x) { return x / sinh(x); }, 100}},
      {"sinh / cosh", {same_as, [](V x) { return sinh(x) / cosh(x); }, 10}},
      {"cosh / sinh", {same_as, [](V x) { return cosh(x) / sinh(x); }, 10}},
      {"1 / cosh^2", {same_as, [](V x) { return 1 / sqr(cosh(x)); }, 10}},
      {"1 / sinh^2", {same_as, [](V x) { return 1 / sqr(sinh(x)); }, 10}},
      {"x / (2 sinh)", {same_as, [](V x) { return x / (2 * sinh(x)); }, 100}},
      {"1 / (2 + cosh)", {same_as, [](V x) { return 1 / (2 + cosh(x)); }, 100}},
      {"sinh / (1 + cosh)", {same_as, [](V x) { return sinh(x) / (1 + cosh(x)); }, 10}},
      {"1 / (e - 1)", {e, [](V p) { return 1 / (p - 1); }, 100}},
      {"x / (e - 1)", {same_as, [](V x) { return x / (exp(x) - 1); }, 100}},
      {"x e / (e - 1)", {same_as, [](V x) { return x * exp(x) / (exp(x) - 1); }, 100}},
      {"(e - 1) / (e + 1)", {e, [](V p) { return (p - 1) / (p + 1); }, 10}},
      {"(e + 1) / (e - 1)", {same_as, [](V x) { return (exp(x) + 1) / (exp(x) - 1); }, 10}},
      {"log1p -softmax", {[](V x) { return softmax(x); }, [](V p) { return log1p(-p); }, 2}},
      {"log(1 - softmax)", {same_as, [](V x) { return log(1 - softmax(x)); }, 100}},
      {"log(1 - softmax)[0]", {same_as, [](V x) { return log(1 - softmax(x)[0]); }, 100}},
      {"log(1 - e / sum e)", {e, [](V p) { return log(1 - p / sum(p)); }, 100}},
      {"e(2 x) e(1 - 2 x)", {same_as, [](V x) { return exp(2 * x) * exp(1 - 2 * x); }}},
      {"e(x) e(-3 x)", {same_as, [](V x) { return exp(x) * exp(-3 * x); }, 100}},
      {"log softplus", {[](V x) { return softplus(x); }, [](V y) { return log(y); }}},
      {"elu", {same_as, [](V x) { return where(x > 0, x, exp(x) - 1); }}},
      {"softplus by hand", {same_as, [](V x) { return log(1 + exp(x)); }}},
      {"logit", {s, [](V p) { return log(p) - log(1 - p); }}},
      {"log erfc", {same_as, [](V x) { return log(erfc(x)); }}},
      {"log(1 - erf)", {same_as, [](V x) { return log(1 - erf(x)); }}},
      {"log erfc / 2", {same_as, [](V x) { return log(erfc(x) / 2); }}},
      {"log_ndtr", {same_as, [](V x) { return log(0.5 * erfc(-x * std::sqrt(0.5))); }}},
      {"log1p expm1", {same_as, [](V x) { return log1p(expm1(x)); }}},
      {"log2", {same_as, [](V x) { return log2(x); }}},
      {"log10", {same_as, [](V x) { return log10(x); }}},
      {"log 1/x", {same_as, [](V x) { return log(1 / x); }}},
      {"sqrt x^2", {same_as, [](V x) { return sqrt(sqr(x)); }}},
  };
  return all;
}

bool fits_float32(const Truth& t) {
  for (const double v : t.at) {
    if (static_cast<double>(static_cast<float>(v)) != v) return false;
  }
  return true;
}

bool close(double actual, double truth, DType dtype, double tolerance) {
  const bool single = dtype == DType::float32;
  const double tiny = single ? 1e-37 : 1e-300;
  const double unit = (single ? 2e-6 : 4e-15) * tolerance;
  if (single && std::abs(truth) > 3.4e38) return std::isinf(actual) && (actual > 0) == (truth > 0);
  if (std::isinf(truth)) return actual == truth;
  return std::abs(actual - truth) <= unit * std::abs(truth) + tiny;
}

Var weighted(const Var& y) {
  const Var flat = flatten(y);
  const Var weights = numbers({1, -0.5, 0.25, 0.75, 2, -1.5, 1, 1}, y);
  return sum(flat * weights[range(0, flat.shape(0))]);
}

/// The ways to write the expression: in straight lines, in a loop, on both sides of its border.
std::vector<std::pair<std::string, Var>> spellings(const Expression& f, const Var& x) {
  std::vector<std::pair<std::string, Var>> all{{"plain", f.outer(f.inner(x))}};
  const Var both = stack({x, x}, 0);
  const auto last = [&](const std::function<Var(Var)>& step) {
    return map(step, {both}).outputs[0];
  };
  all.emplace_back("in a loop", last([&](Var v) { return f.outer(f.inner(v)); })[-1]);
  all.emplace_back("after a loop's last step", f.outer(last(f.inner)[-1]));
  return all;
}

void check_all(const std::string& what, const std::vector<double>& truth, const Array& actual,
               double tolerance) {
  const auto values = values_of(actual);
  REQUIRE(values.size() == truth.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    INFO(what, " ", i, ": ", values[i], ", truth ", truth[i]);
    CHECK(close(values[i], truth[i], actual.dtype(), tolerance));
  }
}

void check_truth(const Truth& t, DType dtype) {
  const Expression& f = expressions().at(t.name);
  const Var x = vector("x", dtype);
  for (const auto& [spelling, y] : spellings(f, x)) {
    for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
      const Vars out = rewritten({y, grad(weighted(y), x)}, mode);
      INFO(t.name, " ", name(dtype), ", ", spelling, ", ", mode.text(), " at ", t.at[0], " ",
           t.at[1]);
      const auto values =
          evaluate(out, std::vector<std::pair<Var, Array>>{{x, array_of(t.at, dtype)}});
      check_all("value", t.values, values[0], f.tolerance);
      check_all("slope", t.slopes, values[1], f.tolerance);
    }
  }
}

}  // namespace

TEST_CASE("stable: every expression has its true value and gradient at extremes") {
  for (const Truth& t : truths) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      if (dtype == DType::float64 || fits_float32(t)) {
        INFO(t.name);
        CHECK_NOTHROW(check_truth(t, dtype));
      }
    }
  }
}

TEST_CASE("stable: nothing that runs after stabilizing leaves it anything to do") {
  for (const auto& [name, f] : expressions()) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      const Var x = vector("x", dtype);
      for (const auto& [spelling, y] : spellings(f, x)) {
        for (const Mode& mode : {Mode::fast(), Mode::fast_compile()}) {
          const FunctionGraph graph{{x}, rewritten({y, grad(weighted(y), x)}, mode)};
          const optim::RuleIndex rules(optim::chosen_rules(mode, {"stabilize"}));
          Trace trace;
          optim::Rewriter again(rules, {.pass = "again", .trace = &trace});
          static_cast<void>(again.run(graph));
          INFO(name, ", ", spelling, ", ", mode.text(), ": ", trace.text());
          CHECK(again.applied() == 0);
        }
      }
    }
  }
}

TEST_CASE("stable: the deviation of equal numbers has slope 0") {
  const Var x = vector("x", float64);
  for (const Mode& mode : {Mode::none(), Mode::fast()}) {
    const Var g = rewritten(grad(damo::std(x), x), mode);
    const auto at = std::vector<std::pair<Var, Array>>{{x, array_of({2, 2, 2}, float64)}};
    CHECK(values_of(evaluate(g, at)) == std::vector<double>{0, 0, 0});
  }
}
