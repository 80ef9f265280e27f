#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include <damo/core.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/control/ifelse.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

namespace {

using Real = long double;

Real true_softplus(Real x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}
Real true_sigmoid(Real x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
Real log_sigmoid(Real x) { return -true_softplus(-x); }
Real log_sigmoid_slope(Real x) { return true_sigmoid(-x); }

const std::vector<double>& points() {
  static const std::vector<double> all{-1000, -745,  -700, -104, -88, -37, -17, -2.5,
                                       -0.3,  -1e-8, 0,    1e-8, 0.3, 1,   2.5, 17,
                                       37,    88,    104,  700,  745, 1000};
  return all;
}

struct Case {
  std::string name;
  std::function<Var(const Var&)> f;  // of a vector; a vector whose first elements are checked
  std::function<Real(Real)> value;
  std::function<Real(Real)> slope;
};

/// The value and the gradient of each case at each point, against long double.
void check_case(const Case& c, DType dtype, const Mode& mode) {
  const Var x = vector("x", dtype);
  const Var y = c.f(x);
  const auto n = static_cast<long>(points().size());
  const Var total = sum(y.ndim() == 1 ? y[range(n)] : ravel(y)[range(n)]);
  const Var slope = grad(total, x);
  const Vars out = rewritten(Vars{y.ndim() == 1 ? y : ravel(y), slope}, mode);
  const Array at = array_of(points(), dtype);
  const auto result = evaluate(out, std::vector<std::pair<Var, Array>>{{x, at}});
  const auto values = values_of(result[0]);
  const auto slopes = values_of(result[1]);
  const auto exact = values_of(at);
  INFO(c.name, " in ", std::string(name(dtype)), ", mode ", mode.text());
  INFO("value    ", pprint(out[0]));
  INFO("gradient ", pprint(out[1], 20));
  for (std::size_t i = 0; i < exact.size(); ++i) {
    INFO("x = ", exact[i], ": ", values[i], " and ", slopes[i], ", truth ",
         static_cast<double>(c.value(exact[i])), " and ", static_cast<double>(c.slope(exact[i])));
    CHECK(ulps(values[i], c.value(exact[i]), dtype) <= 2);
    CHECK(ulps(slopes[i], c.slope(exact[i]), dtype) <= 4);
  }
}

std::vector<Case> cases() {
  const auto plain = [](std::string name, std::function<Var(const Var&)> f) {
    return Case{std::move(name), std::move(f), log_sigmoid, log_sigmoid_slope};
  };
  const auto minus = [](std::string name, std::function<Var(const Var&)> f) {
    return Case{std::move(name), std::move(f), [](Real x) { return log_sigmoid(-x); },
                [](Real x) { return -true_sigmoid(x); }};
  };
  const long n = static_cast<long>(points().size());
  std::vector<Case> all{
      plain("log(s)", [](const Var& x) { return log(sigmoid(x)); }),
      plain("transposed",
            [](const Var& x) {
              return log(dimshuffle(sigmoid(x), {newaxis, 0}).T());
            }),
      plain("reshaped",
            [n](const Var& x) {
              return log(reshape(sigmoid(x), {1, n}));
            }),
      plain("flattened",
            [](const Var& x) {
              return log(flatten(dimshuffle(sigmoid(x), {newaxis, 0})));
            }),
      plain("sliced", [](const Var& x) { return log(sigmoid(x)[range(0, 100)]); }),
      plain("gathered",
            [n](const Var& x) {
              std::vector<std::int64_t> order;
              for (long i = 0; i < n; ++i) order.push_back(i);
              return log(take(sigmoid(x), constant(Array::from(order)), 0));
            }),
      plain("cast", [](const Var& x) { return log(cast(cast(sigmoid(x), float64), x.dtype())); }),
      plain("concatenated",
            [](const Var& x) {
              return log(concatenate({sigmoid(x), sigmoid(2 * x)},
                                     0))[range(static_cast<long>(points().size()))];
            }),
      plain("stacked",
            [](const Var& x) {
              return log(stack({sigmoid(x), sigmoid(3 * x)}, 0))[0];
            }),
      plain("tiled",
            [](const Var& x) {
              return log(tile(sigmoid(x), {2}))[range(static_cast<long>(points().size()))];
            }),
      plain("sliced after a join",
            [n](const Var& x) {
              return log(concatenate({sigmoid(x), sigmoid(2 * x)}, 0)[range(n)]);
            }),
      plain("sliced twice",
            [](const Var& x) { return log(sigmoid(x)[range(0, 200)][range(0, 100)]); }),
      plain("set in",
            [n](const Var& x) {
              return log(set_subtensor(sigmoid(concatenate({x, x}))[from(n)], 0.5))[range(n)];
            }),
      plain("chosen", [](const Var& x) { return log(where(x < 2000, sigmoid(x), 0.5)); }),
      plain("taken",
            [](const Var& x) { return log(ifelse(x[0] < 2000, sigmoid(x), full_like(x, 0.5))); }),
      plain("taken otherwise",
            [](const Var& x) { return log(ifelse(x[0] > 2000, full_like(x, 0.5), sigmoid(x))); }),
      plain("clipped", [](const Var& x) { return log(clip(sigmoid(x), 0.0, 1.0)); }),
      plain("s + 0", [](const Var& x) { return log(sigmoid(x) + 0); }),
      plain("-s + 1", [](const Var& x) { return log(-sigmoid(-x) + 1); }),
      plain("1/(1+e)", [](const Var& x) { return log(1 / (1 + exp(-x))); }),
      plain("e/(1+e)", [](const Var& x) { return log(exp(x) / (1 + exp(x))); }),
      plain("tanh form", [](const Var& x) { return log(0.5 * tanh(x / 2) + 0.5); }),
      plain("xlogy0(1, s)", [](const Var& x) { return xlogy0(1.0, sigmoid(x)); }),
      plain("specified", [n](const Var& x) { return log(specify_shape(sigmoid(x), {n})); }),
      minus("log(1 - s)", [](const Var& x) { return log(1 - sigmoid(x)); }),
      minus("log1p(-s)", [](const Var& x) { return log1p(-sigmoid(x)); }),
      minus("log(1 - transposed)",
            [](const Var& x) {
              return log(1 - dimshuffle(sigmoid(x), {newaxis, 0}).T());
            }),
      minus("log(1 - stacked)",
            [](const Var& x) {
              return log(1 - stack({sigmoid(x), sigmoid(3 * x)}, 0))[0];
            }),
      minus(
          "log(1 - taken)",
          [](const Var& x) { return log(1 - ifelse(x[0] < 2000, sigmoid(x), full_like(x, 0.5))); }),
      minus("log1p(-stacked)",
            [](const Var& x) {
              return log1p(-stack({sigmoid(x), sigmoid(3 * x)}, 0))[0];
            }),
      minus("xlogy0(1, 1 - s)", [](const Var& x) { return xlogy0(1.0, 1 - sigmoid(x)); }),
      {"0.5 * s", [](const Var& x) { return log(0.5 * sigmoid(x)); },
       [](Real x) { return log_sigmoid(x) + std::log(0.5L); }, log_sigmoid_slope},
      {"s / 2", [](const Var& x) { return log(sigmoid(x) / 2); },
       [](Real x) { return log_sigmoid(x) + std::log(0.5L); }, log_sigmoid_slope},
      {"s * s", [](const Var& x) { return log(sigmoid(x) * sigmoid(x)); },
       [](Real x) { return 2 * log_sigmoid(x); }, [](Real x) { return 2 * true_sigmoid(-x); }},
      {"sqr(s)", [](const Var& x) { return log(sqr(sigmoid(x))); },
       [](Real x) { return 2 * log_sigmoid(x); }, [](Real x) { return 2 * true_sigmoid(-x); }},
      {"pow(s, 3)", [](const Var& x) { return log(pow(sigmoid(x), 3)); },
       [](Real x) { return 3 * log_sigmoid(x); }, [](Real x) { return 3 * true_sigmoid(-x); }},
      {"pow(s, 2.5)", [](const Var& x) { return log(pow(sigmoid(x), 2.5)); },
       [](Real x) { return 2.5L * log_sigmoid(x); },
       [](Real x) { return 2.5L * true_sigmoid(-x); }},
      {"sqrt(s)", [](const Var& x) { return log(sqrt(sigmoid(x))); },
       [](Real x) { return log_sigmoid(x) / 2; }, [](Real x) { return true_sigmoid(-x) / 2; }},
      {"log2", [](const Var& x) { return log2(sigmoid(x)); },
       [](Real x) { return log_sigmoid(x) / std::log(2.0L); },
       [](Real x) { return true_sigmoid(-x) / std::log(2.0L); }},
      {"log10", [](const Var& x) { return log10(sigmoid(x)); },
       [](Real x) { return log_sigmoid(x) / std::log(10.0L); },
       [](Real x) { return true_sigmoid(-x) / std::log(10.0L); }},
      {"odds", [](const Var& x) { return log(sigmoid(x) / (1 - sigmoid(x))); },
       [](Real x) { return x; }, [](Real) { return Real{1}; }},
      {"log(1 + e)", [](const Var& x) { return log(1 + exp(x)); }, true_softplus, true_sigmoid},
      {"log1p(e)", [](const Var& x) { return log1p(exp(x)); }, true_softplus, true_sigmoid},
      {"cross entropy of 0.25",
       [](const Var& x) { return -(0.25 * log(sigmoid(x)) + 0.75 * log(1 - sigmoid(x))); },
       [](Real x) { return -(0.25L * log_sigmoid(x) + 0.75L * log_sigmoid(-x)); },
       [](Real x) { return -(0.25L * true_sigmoid(-x) - 0.75L * true_sigmoid(x)); }},
      {"cross entropy of a variable",
       [](const Var& x) {
         const Var t = where(x > 0.1, 0.0, 1.0);
         return -(t * log(sigmoid(x)) + (1 - t) * log(1 - sigmoid(x)));
       },
       [](Real x) { return x > 0.1L ? true_softplus(x) : true_softplus(-x); },
       [](Real x) { return x > 0.1L ? true_sigmoid(x) : -true_sigmoid(-x); }},
      {"e * (1 - s)", [](const Var& x) { return exp(-x) * sigmoid(x); },
       [](Real x) { return true_sigmoid(-x); },
       [](Real x) { return -true_sigmoid(x) * true_sigmoid(-x); }},
      {"-e/((1+e)(1+1/e))", [](const Var& x) { return -exp(x) / ((1 + exp(x)) * (1 + exp(-x))); },
       [](Real x) { return -true_sigmoid(x) * true_sigmoid(x); },
       [](Real x) { return -2 * true_sigmoid(x) * true_sigmoid(x) * true_sigmoid(-x); }},
      {"log odds as a difference",
       [](const Var& x) { return log(sigmoid(x)) - log(1 - sigmoid(x)); }, [](Real x) { return x; },
       [](Real) { return Real{1}; }},
      {"sigmoid of the log odds",
       [](const Var& x) {
         const Var p = sigmoid(x);
         return sigmoid(log(p / (1 - p)));
       },
       true_sigmoid, [](Real x) { return true_sigmoid(x) * true_sigmoid(-x); }},
      {"log(e^x + e^2x)", [](const Var& x) { return log(exp(x) + exp(2 * x)); },
       [](Real x) { return x + true_softplus(x); }, [](Real x) { return 1 + true_sigmoid(x); }},
      {"logsumexp with 0",
       [](const Var& x) {
         return logsumexp(stack({x, zeros_like(x)}), 0);
       },
       true_softplus, true_sigmoid},
      {"log(1 - s) there and back",
       [n](const Var& x) {
         return log(reshape(1 - sigmoid(reshape(x, {n, 1})), {n}));
       },
       [](Real x) { return -true_softplus(x); }, [](Real x) { return -true_sigmoid(x); }},
      {"xlogy0 cross entropy",
       [](const Var& x) {
         const Var t = where(x > 0.1, 0.0, 1.0);
         return -(xlogy0(t, sigmoid(x)) + xlogy0(1 - t, 1 - sigmoid(x)));
       },
       [](Real x) { return x > 0.1L ? true_softplus(x) : true_softplus(-x); },
       [](Real x) { return x > 0.1L ? true_sigmoid(x) : -true_sigmoid(-x); }},
  };
  return all;
}

RuleCases logarithm_cases() {
  const Var x = vector("x", float64);
  const Var y = vector("y", float64);
  const Var s = sigmoid(x);
  return {
      {"into_join", log(concatenate({s, y}, 0)), log(concatenate({x, y}, 0))},
      {"into_clip", log(clip(s, 1e-7, 0.9)), log(clip(s, 0.9, 1e-7))},
      {"other_base", log2(s), log2(x)},
      {"log1p_of_join", log1p(-concatenate({s, y}, 0)), log1p(-concatenate({x, y}, 0))},
      {"log1p_of_minus", log1p(-softmax(x)), log1p(softmax(x))},
      {"xlogy_of_stable", xlogy0(y, s), xlogy0(y, x)},
  };
}

const RuleTheme logarithms(logarithm_cases);

}  // namespace

TEST_CASE("rules: of logarithms across joins and bounds apply where they should and nowhere else") {
  check_cases(logarithm_cases());
}

TEST_CASE("the logarithm of a sigmoid is accurate behind every barrier with its gradient") {
  for (const Case& c : cases()) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      check_case(c, dtype, Mode::fast());
      check_case(c, dtype, Mode::fast_compile());
    }
  }
}
