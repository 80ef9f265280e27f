#pragma once
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

/// Makes the cases of a theme known to the test that no rule is without one.
class RuleTheme {
 public:
  explicit RuleTheme(RuleCases (*make)());
  /// The cases of all themes.
  static RuleCases all();
};

/// Checks that the rules apply where they should and nowhere else; and that those which say that
/// they keep every bit do so there, at zeros of both signs, infinities, NaN and numbers of all
/// sizes.
void check_cases(const RuleCases& cases);

}  // namespace damo::test
