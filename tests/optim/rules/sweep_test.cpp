#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <unordered_map>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/rewriter.hpp>
#include <damo/optim/language/placeholder.hpp>
#include "tests/support/rewrite.hpp"

using namespace damo;
using namespace damo::test;

namespace {

using Real = long double;

Real log_cosh_of(Real x) {
  const Real half = std::sinh(x / 2);
  if (std::abs(x) < 1) return std::log1p(2 * half * half);
  return std::abs(x) + std::log1p(std::exp(-2 * std::abs(x))) - std::log(Real(2));
}

Real log_ndtr_of(Real x) {
  const Real tail = std::erfc(std::abs(x) / std::sqrt(Real(2))) / 2;
  if (x > 0) return std::log1p(-tail);
  if (x > -100) return std::log(tail);
  const Real z = 1 / (x * x);  // Abramowitz and Stegun 26.2.12
  const Real series = 1 - z * (1 - 3 * z * (1 - 5 * z * (1 - 7 * z)));
  return -x * x / 2 - std::log(-x) - std::log(2 * std::acos(Real(-1))) / 2 + std::log(series);
}

Real softplus_of(Real x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
Real log1mexp_of(Real x) {
  return x > -0.69L ? std::log(-std::expm1(x)) : std::log1p(-std::exp(x));
}
Real logaddexp_of(Real a, Real b) {
  if (a == b) return a + std::log(2.0L);
  return std::max(a, b) + std::log1p(std::exp(-std::abs(a - b)));
}

using Function = std::function<Real(const std::vector<Real>&)>;

/// The elementwise functions that rules are made of, in long double.
const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> all{
      {"add", [](const auto& x) { return x[0] + x[1]; }},
      {"sub", [](const auto& x) { return x[0] - x[1]; }},
      {"mul", [](const auto& x) { return x[0] * x[1]; }},
      {"div", [](const auto& x) { return x[0] / x[1]; }},
      {"neg", [](const auto& x) { return -x[0]; }},
      {"sqr", [](const auto& x) { return x[0] * x[0]; }},
      {"exp", [](const auto& x) { return std::exp(x[0]); }},
      {"log", [](const auto& x) { return std::log(x[0]); }},
      {"log1p", [](const auto& x) { return std::log1p(x[0]); }},
      {"expm1", [](const auto& x) { return std::expm1(x[0]); }},
      {"sigmoid", [](const auto& x) { return 1 / (1 + std::exp(-x[0])); }},
      {"softplus", [](const auto& x) { return softplus_of(x[0]); }},
      {"tanh", [](const auto& x) { return std::tanh(x[0]); }},
      {"log1mexp", [](const auto& x) { return log1mexp_of(x[0]); }},
      {"logaddexp", [](const auto& x) { return logaddexp_of(x[0], x[1]); }},
      {"where", [](const auto& x) { return x[0] != 0 ? x[1] : x[2]; }},
      {"eq", [](const auto& x) { return Real(x[0] == x[1]); }},
      {"isnan", [](const auto& x) { return Real(std::isnan(x[0])); }},
      {"abs", [](const auto& x) { return std::abs(x[0]); }},
      {"reciprocal", [](const auto& x) { return 1 / x[0]; }},
      {"pow", [](const auto& x) { return std::pow(x[0], x[1]); }},
      {"maximum", [](const auto& x) { return std::max(x[0], x[1]); }},
      {"minimum", [](const auto& x) { return std::min(x[0], x[1]); }},
      {"and_", [](const auto& x) { return Real(x[0] != 0 && x[1] != 0); }},
      {"less", [](const auto& x) { return Real(x[0] < x[1]); }},
      {"less_equal", [](const auto& x) { return Real(x[0] <= x[1]); }},
      {"greater_equal", [](const auto& x) { return Real(x[0] >= x[1]); }},
      {"sqrt", [](const auto& x) { return std::sqrt(x[0]); }},
      {"cosh", [](const auto& x) { return std::cosh(x[0]); }},
      {"sinh", [](const auto& x) { return std::sinh(x[0]); }},
      {"erf", [](const auto& x) { return std::erf(x[0]); }},
      {"erfc", [](const auto& x) { return std::erfc(x[0]); }},
      {"log_cosh", [](const auto& x) { return log_cosh_of(x[0]); }},
      {"log_erfc",
       [](const auto& x) {
         return x[0] < 0.5L ? std::log1p(-std::erf(x[0]))
                            : log_ndtr_of(-x[0] * std::sqrt(Real(2))) + std::log(Real(2));
       }},
      {"log_ndtr", [](const auto& x) { return log_ndtr_of(x[0]); }},
      {"sech_squared", [](const auto& x) { return 1 / (std::cosh(x[0]) * std::cosh(x[0])); }},
      {"cast", [](const auto& x) { return x[0]; }},
  };
  return all;
}

using Assignment = std::vector<std::pair<Var, double>>;

/// A rule's side in long double.
Real exactly(const Var& side, const Assignment& at) {
  std::unordered_map<const Apply*, Real> values;
  for (const Apply* node : toposort(std::span(&side, 1))) {
    const Var v = node->output();
    if (const auto c = scalar_constant(v)) {
      values[node] = *c;
      continue;
    }
    const auto given =
        std::find_if(at.begin(), at.end(), [&](const auto& a) { return same(a.first, v); });
    if (given != at.end()) {
      values[node] = given->second;
      continue;
    }
    std::vector<Real> in;
    for (const Var& i : node->inputs()) in.push_back(values.at(i.owner_ptr()));
    values[node] = functions().at(node->op().name())(in);
  }
  return values.at(side.owner_ptr());
}

Vars placeholders(const Var& side) {
  Vars found;
  for (const Apply* node : toposort(std::span(&side, 1))) {
    if (as<optim::Wildcard>(node->output()) != nullptr) found.push_back(node->output());
  }
  return found;
}

/// `side` with its placeholders replaced by inputs of `dtype`, and the inputs.
Var with_inputs_for(const Var& side, const Vars& wild, const Vars& inputs) {
  std::unordered_map<const Apply*, Var> built;
  for (std::size_t i = 0; i < wild.size(); ++i) built[wild[i].owner_ptr()] = inputs[i];
  for (const Apply* node : toposort(std::span(&side, 1))) {
    if (built.contains(node)) continue;
    if (const auto c = scalar_constant(node->output())) {
      const bool flag = node->output().dtype() == DType::boolean;
      built[node] = flag ? node->output() : Arg(*c).var(inputs[0].dtype());
      continue;
    }
    Vars in;
    for (const Var& i : node->inputs()) in.push_back(built.at(i.owner_ptr()));
    if (node->op().name() == "cast") {
      built[node] = in[0];
    } else {
      built[node] = make_var(node->op_ptr(), in);
    }
  }
  return built.at(side.owner_ptr());
}

/// Whether the rule is one of elementwise functions of any numbers; lines of its own check others.
bool is_of_numbers(const optim::Rule& rule) {
  if (!rule.left().defined()) return false;
  const auto order = toposort(std::span(&rule.left(), 1));
  return std::all_of(order.begin(), order.end(), [](const Apply* node) {
    const auto* wildcard = as<optim::Wildcard>(node->output());
    if (wildcard != nullptr) return wildcard->dtype() != DType::boolean && !wildcard->condition();
    return node->inputs().empty() || functions().contains(node->op().name());
  });
}

/// How much a side changes when its placeholders are one unit in the last place off, and a factor
/// of it underflows.
Real sensitivity(const Var& side, const Assignment& at, DType dtype) {
  const Real truth = exactly(side, at);
  const Real least = dtype == DType::float32 ? std::numeric_limits<float>::min()
                                             : std::numeric_limits<double>::min();
  Real total = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    total += least * std::max<Real>(1, std::abs(at[i].second));
    Assignment off = at;
    off[i].second *= 1 + (dtype == DType::float32 ? 1.2e-7 : 2.3e-16);
    const Real change = std::abs(exactly(side, off) - truth);
    if (std::isfinite(change)) total += change;
  }
  return total;
}

bool near(Real a, Real b, Real tolerance) {
  return std::abs(a - b) <= tolerance * std::max<Real>(1, std::max(std::abs(a), std::abs(b)));
}

/// How far off long double itself may be where a side loses digits, as far as that is known.
Real own_doubt(const Var& side, const Assignment& at) {
  Vars wild;
  Vars inputs;
  WideEvaluation::Bindings bindings;
  for (const auto& [v, value] : at) {
    wild.push_back(v);
    inputs.push_back(scalar("", DType::float64));
    const Array bound = Array::scalar(static_cast<double>(value));
    bindings.emplace_back(inputs.back(), WideArray(bound.view()));
  }
  WideEvaluation evaluation(std::move(bindings));
  const Real doubt = evaluation.value(with_inputs_for(side, wild, inputs))[0].doubt;
  return std::isfinite(doubt) ? doubt : 0;
}

void check_identity(const optim::Rule& rule, const Assignment& at) {
  const Real left = exactly(rule.left(), at);
  const Real right = exactly(rule.right(), at);
  INFO(rule.name(), ": ", rule.equation(), " at ", at[0].second, ", ", at.back().second, ": ",
       static_cast<double>(left), " and ", static_cast<double>(right));
  // In exact arithmetic both are equal; where the left side is finite, so is the right one.
  if (!std::isfinite(left)) return;
  CHECK(near(left, right, 1e-10L));
  if (near(left, right, 1e-12L)) return;
  CHECK(std::abs(left - right) <= own_doubt(rule.left(), at) + own_doubt(rule.right(), at));
}

void check_accuracy(const optim::Rule& rule, const Vars& wild, const Assignment& at, DType dtype) {
  Vars inputs;
  std::vector<std::pair<Var, Array>> bindings;
  Assignment rounded;
  for (const auto& [v, value] : at) {
    inputs.push_back(scalar("", dtype));
    bindings.emplace_back(inputs.back(), Array::scalar(value).cast(dtype));
    rounded.emplace_back(v, bindings.back().second.item<double>());
  }
  const Var expression = with_inputs_for(rule.left(), wild, inputs);
  const Real truth = exactly(rule.right(), rounded);
  const double actual = evaluate(rewritten(expression), bindings).item<double>();
  INFO(rule.name(), ": ", pprint(rewritten(expression)), " in ", std::string(name(dtype)), " at ",
       rounded[0].second, ", ", rounded.back().second, ": ", actual, ", truth ",
       static_cast<double>(truth));
  if (std::isnan(truth) || ulps(actual, truth, dtype) <= 4) return;
  CHECK(std::abs(actual - truth) <= 4 * sensitivity(rule.right(), rounded, dtype));
}

/// Points in a rule's placeholders: the first takes each value, the second each of the others.
std::vector<Assignment> assignments(const Vars& wild, const std::vector<double>& values,
                                    const std::vector<double>& others) {
  std::vector<Assignment> all;
  for (const double first : values) {
    if (wild.size() == 1) {
      all.push_back({{wild[0], first}});
      continue;
    }
    for (const double second : others) all.push_back({{wild[0], first}, {wild[1], second}});
  }
  return all;
}

const std::vector<double>& ordinary() {
  static const std::vector<double> all{-12,  -3.5, -1,  -0.7, -0.2, -1e-3,
                                       1e-3, 0.2,  0.7, 1,    3.5,  12};
  return all;
}

std::vector<double> extreme() {
  std::vector<double> all;
  for (const double v : adversarial()) {
    if (std::isfinite(v)) all.push_back(v);
  }
  return all;
}

/// A linear congruential generator: the same graphs everywhere.
struct Numbers {
  std::uint64_t state;
  std::size_t below(std::size_t n) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>((state >> 33U) % n);
  }
};

}  // namespace

TEST_CASE("rules: both sides of every identity are equal and the right one is accurate") {
  std::size_t identities = 0;
  const std::vector<double> few{-10.0, -0.75, 0.5, 3.0, 10.0};
  for (const optim::Rule* rule : optim::all_rules()) {
    if (!is_of_numbers(*rule)) continue;
    ++identities;
    const Vars wild = placeholders(rule->left());
    for (const Assignment& at : assignments(wild, ordinary(), few)) check_identity(*rule, at);
    for (const Assignment& at : assignments(wild, extreme(), extreme())) {
      check_accuracy(*rule, wild, at, DType::float32);
      check_accuracy(*rule, wild, at, DType::float64);
    }
  }
  CHECK(identities >= 60);
}

TEST_CASE("rules: every rule has a name of its own and a tag and an equation") {
  std::vector<std::string> names;
  for (const optim::Rule* rule : optim::all_rules()) {
    CHECK_FALSE(rule->tags().empty());
    CHECK_FALSE(rule->equation().empty());
    names.push_back(rule->name());
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("rules: the order in which they are tried does not change what is stable") {
  const Var x = vector("x", float64);
  const Vars expressions{log(sigmoid(x)),
                         log(1 - sigmoid(x)),
                         log(1 + exp(x)),
                         log(exp(x) / (1 + exp(x))),
                         log(1 - 1 / (1 + exp(-x))),
                         -exp(x) / ((1 + exp(x)) * (1 + exp(-x))),
                         exp(x) * sigmoid(-x) * 3,
                         log(0.5 * sigmoid(x) * sigmoid(x))};
  const Array at = Array::from(std::vector<double>{-1000, -40, -1, 0, 1, 40, 1000});
  const auto reference =
      evaluate(rewritten(expressions), std::vector<std::pair<Var, Array>>{{x, at}});
  auto rules = optim::chosen_rules(Mode::fast(), {"stabilize", "canonicalize"});
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Numbers numbers{seed};
    for (std::size_t i = rules.size(); i > 1; --i) std::swap(rules[i - 1], rules[numbers.below(i)]);
    const optim::RuleIndex index(rules);
    optim::Rewriter rewriter(index, {"shuffled"});
    const FunctionGraph graph = rewriter.run({{x}, expressions, {}, ""});
    const auto result = evaluate(graph.outputs, std::vector<std::pair<Var, Array>>{{x, at}});
    for (std::size_t k = 0; k < result.size(); ++k) {
      INFO("seed ", seed, ": ", pprint(expressions[k]), " became ", pprint(graph.outputs[k]));
      const auto a = values_of(reference[k]);
      const auto b = values_of(result[k]);
      for (std::size_t i = 0; i < a.size(); ++i)
        CHECK(b[i] == doctest::Approx(a[i]).epsilon(1e-12));
    }
  }
}
