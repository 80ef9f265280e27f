#pragma once
#include <set>
#include <source_location>
#include <string>
#include <vector>

#include <damo/graph/var.hpp>

namespace damo::test {

/// An expression in which a rule of the catalogue applies, and one like it in which it must not.
struct RuleCase {
  std::string rule;
  Var fires;
  Var misses;
};
using RuleCases = std::vector<RuleCase>;

/// Makes the cases of a theme known to the test that no rule is without one. A theme is a file of
/// rules; its cases stand in the test file of that name.
class RuleTheme {
 public:
  explicit RuleTheme(RuleCases (*make)(),
                     std::source_location here = std::source_location::current());
  /// The cases of all themes.
  static RuleCases all();
  /// The rules that have a case in "<theme>_test.cpp".
  static std::set<std::string> covered(const std::string& theme);
};

/// Checks that the rules apply where they should and nowhere else; and that those which say that
/// they keep every bit do so there, at zeros of both signs, infinities, NaN and numbers of all
/// sizes.
void check_cases(const RuleCases& cases);

}  // namespace damo::test
