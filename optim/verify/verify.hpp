#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <damo/optim/language/rule.hpp>
#include <damo/optim/verify/counterexample.hpp>

namespace damo::optim {

struct VerifyOptions {
  std::size_t graphs = 400;  ///< random graphs in which the rule is looked for
  std::uint64_t seed = 1;
  /// Expressions of inputs at which the rule is known to fire.
  Vars examples{};
};

/// What came of looking for a lie.
struct Verification {
  std::string rule, equation;
  /// How many rewrites were judged; 0: nothing was found at which the rule fires.
  std::size_t applied = 0;
  std::optional<Counterexample> lie{};
  /// An error that the rule led to while a graph was rewritten, or "".
  std::string error{};

  bool held() const { return !lie && error.empty(); }
  /// "rule 'x_over_x' (x / x = 1) lies:" and the counterexample, or that it held and how often.
  std::string text() const;
};

/// Computes both sides of a rule wherever it fires, at signed zeros, infinities, NaN, subnormal,
/// huge and tiny numbers, where exp and sigmoid saturate, at ties and for sizes 0 and 1, in float32
/// and float64, and judges them by the rule's class against long double: `bit_exact` to the bit,
/// signs of zeros included; others by what rounding explains, where NaN, inf and errors stay, or
/// become the true finite value. The rule fires in instances of its left side, and in random graphs
/// (the only place for a rewriter function), gradients and loops included. What lies is shrunk.
Verification verify(const Rule& rule, const VerifyOptions& options = {});

/// The same for many rules at once, in the same random graphs; `rules` are of the catalogue.
std::vector<Verification> verify(const std::vector<const Rule*>& rules,
                                 const VerifyOptions& options = {});

}  // namespace damo::optim
