#include <doctest/doctest.h>

#include <set>

#include <damo/optim/engine/catalogue.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

TEST_CASE("rules: each has a line where it fires and a near miss in its theme's test file") {
  using namespace optim;
  const std::pair<std::string, const Rules&> themes[] = {
      {"algebra", algebra_rules()},
      {"layout", layout_rules()},
      {"stabilize", stabilize_rules()},
      {"stabilize", log1p_rules()},
      {"softmax", softmax_rules()},
      {"quotients", quotient_rules()},
      {"log_of_parts", log_of_parts_rules()},
      {"log_of_sums", log_of_sum_rules()},
      {"logarithms", logarithm_rules()},
      {"log_through_scan", log_through_scan_rules()},
      {"cancel", cancel_rules()},
      {"powers", power_rules()},
      {"scatter", scatter_rules()},
      {"where", where_rules()},
      {"ifelse", ifelse_rules()},
      {"indexing", indexing_rules()},
      {"reductions", reduction_rules()},
      {"specialize", specialize_rules()},
      {"bernoulli", bernoulli_rules()},
      {"products", product_rules()},
      {"fold", fold_rules()},
      {"decompositions", decomposition_rules()},
      {"matrices", matrix_rules()},
  };
  std::size_t seen = 0;
  for (const auto& [theme, rules] : themes) {
    const auto covered = RuleTheme::covered(theme);
    for (const Rule& rule : rules) {
      INFO(rule.name(), " (", rule.equation(), ") has no line in ", theme, "_test.cpp");
      CHECK(covered.contains(rule.name()));
      ++seen;
    }
  }
  CHECK(seen == all_rules().size());
}

TEST_CASE("rules: most are identities") {
  std::size_t identities = 0;
  for (const optim::Rule* rule : optim::all_rules()) identities += rule->left().defined() ? 1 : 0;
  CHECK(identities >= 90);
}
