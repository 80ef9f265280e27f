#include <doctest/doctest.h>

#include <set>

#include <damo/optim/engine/catalogue.hpp>
#include "tests/support/rule_cases.hpp"

using namespace damo;
using namespace damo::test;

TEST_CASE("rules: each has a line where it fires and a near miss") {
  std::set<std::string> covered;
  for (const RuleCase& c : RuleTheme::all()) covered.insert(c.rule);
  for (const optim::Rule* rule : optim::all_rules()) {
    INFO(rule->name(), " (", rule->equation(), ") has no line in tests/optim/rules");
    CHECK(covered.contains(rule->name()));
  }
}

TEST_CASE("rules: most are identities") {
  std::size_t identities = 0;
  for (const optim::Rule* rule : optim::all_rules()) identities += rule->left().defined() ? 1 : 0;
  CHECK(identities >= 90);
}
