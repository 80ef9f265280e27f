#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/engine/rewriter.hpp>
#include "tests/support/rewrite.hpp"
#include "tests/support/rule_cases.hpp"

namespace damo::test {
namespace {

using optim::Soundness;
using Values = std::vector<std::pair<Var, Array>>;

struct Theme {
  RuleCases (*make)();
  std::string file;
};

std::vector<Theme>& themes() {
  static std::vector<Theme> all;
  return all;
}

const optim::Rule* rule_named(const std::string& name) {
  for (const optim::Rule* rule : optim::all_rules()) {
    if (rule->name() == name) return rule;
  }
  return nullptr;
}

Vars inputs_of(const Var& v) {
  Vars found;
  for (const Var& leaf : leaves(std::span(&v, 1))) {
    if (is_input(leaf)) found.push_back(leaf);
  }
  return found;
}

/// What the rule did to `v`: alone, or else among all others.
std::vector<Trace::Applied> applied(const optim::Rule& rule, const Var& v) {
  Trace alone;
  const optim::RuleIndex index({&rule});
  optim::Rewriter rewriter(index, {.pass = "alone", .trace = &alone});
  FunctionGraph graph;
  graph.inputs = inputs_of(v);
  graph.outputs = {v};
  static_cast<void>(rewriter.run(graph));
  Trace all;
  if (!alone.fired(rule.name())) static_cast<void>(rewritten(v, Mode::fast(), &all));
  if (!alone.fired(rule.name()) && !all.fired(rule.name())) {
    const optim::RuleIndex every(optim::all_rules());
    optim::Rewriter with_every(every, {.pass = "before grad", .trace = &all});
    static_cast<void>(with_every.run(graph));
  }
  std::vector<Trace::Applied> found;
  for (const Trace* trace : {&alone, &all}) {
    for (const Trace::Applied& a : trace->applied()) {
      if (a.rule == rule.name()) found.push_back(a);
    }
  }
  return found;
}

constexpr std::int64_t length = 30;

/// Numbers of all sizes in the shape of `v`, another order for each `shift`.
Array sample(const Var& v, std::size_t shift) {
  Shape shape;
  for (const std::int64_t d : v.type().dims) shape.push_back(d == unknown ? length : d);
  const auto numbers = adversarial();
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    const std::size_t at = static_cast<std::size_t>(i) * 7 + shift * 11;
    if (v.dtype() == DType::int64) {
      values.push_back(static_cast<double>(at % 3));
    } else if (v.dtype() == DType::boolean) {
      values.push_back(at / 3 % 2 == 0 ? 1 : 0);
    } else {
      values.push_back(numbers[at % numbers.size()]);
    }
  }
  return Array::from(values, shape).cast(v.dtype());
}

bool kept(double before, double after, bool signs) {
  if (std::isnan(before)) return std::isnan(after);
  return before == after && (!signs || before != 0 || std::signbit(before) == std::signbit(after));
}

void check_bits(const Trace::Applied& a, bool signs) {
  const Vars sides{a.before, a.after};
  Vars inputs;
  for (const Var& leaf : leaves(sides)) {
    if (is_input(leaf)) inputs.push_back(leaf);
  }
  for (std::size_t shift = 0; shift < 12; ++shift) {
    Values at;
    for (std::size_t k = 0; k < inputs.size(); ++k)
      at.emplace_back(inputs[k], sample(inputs[k], shift * (k + 1) + k));
    std::vector<Array> both;
    try {
      both = evaluate(sides, at);
    } catch (const Error&) {
      continue;  // sizes that this expression does not take
    }
    INFO(a.rule, " in ", a.pass, ": ", pprint(a.before), " became ", pprint(a.after));
    REQUIRE(both[0].shape() == both[1].shape());
    const auto before = values_of(both[0]);
    const auto after = values_of(both[1]);
    for (std::size_t i = 0; i < before.size(); ++i) {
      INFO("element ", i, ": ", before[i], " became ", after[i]);
      CHECK(kept(before[i], after[i], signs));
    }
  }
}

}  // namespace

RuleTheme::RuleTheme(RuleCases (*make)(), std::source_location here) {
  const std::string path = here.file_name();
  themes().push_back({make, path.substr(path.rfind('/') + 1)});
}

RuleCases RuleTheme::all() {
  RuleCases all;
  for (const Theme& t : themes()) {
    for (RuleCase& c : t.make()) all.push_back(std::move(c));
  }
  return all;
}

std::set<std::string> RuleTheme::covered(const std::string& theme) {
  std::set<std::string> rules;
  for (const Theme& t : themes()) {
    if (t.file != theme + "_test.cpp") continue;
    for (const RuleCase& c : t.make()) rules.insert(c.rule);
  }
  return rules;
}

void check_cases(const RuleCases& cases) {
  for (const RuleCase& c : cases) {
    INFO(c.rule, ": ", pprint(c.fires), " and ", pprint(c.misses));
    const optim::Rule* rule = rule_named(c.rule);
    REQUIRE(rule != nullptr);
    const auto where = applied(*rule, c.fires);
    CHECK_FALSE(where.empty());
    CHECK(applied(*rule, c.misses).empty());
    const bool exact = rule->soundness() == Soundness::bit_exact;
    if (!exact && rule->soundness() != Soundness::zero_sign) continue;
    for (const Trace::Applied& a : where) check_bits(a, exact);
  }
}

}  // namespace damo::test
