#pragma once
#include <optional>

#include <damo/models/energy/derivation/rewriting.hpp>

namespace damo::energy {

/// What the energy says of one unit given all others, in terms of the units' placeholders.
struct Derivation {
  /// Of the sites of the unit, or of those that `mask` holds, the others at their state.
  Natural natural;
  /// Of a multivariate normal unit: the precision (rows or 1, n, n); then `natural` is linear only.
  Var precision{};
  /// Of spins: what squares of theirs add to the energy, which their value at zero lacks; (rows,
  /// n).
  Var offset{};
  /// Where sites of the unit interact: which sites are drawn, a placeholder (1, n), or (1, n, 1) of
  /// a one-hot unit, of 0 and 1. Else empty.
  Var mask{};
  /// Where they do: one row a colour, of 0 and 1 (colours, n). Sites of a colour do not interact.
  Array colours{};
  /// The row of `colours` with that number.
  std::vector<double> sites_of(int color) const;
  /// Which question the rewritten graph left open, answered on random states; "" where none.
  std::string sampled{};
};

/// How sites of a unit that interact with each other are drawn.
struct Blocks {
  enum class How : std::uint8_t { whole, colored, one_site };
  How how = How::whole;
};
/// Sites that interact are drawn one group after the other: the groups come of colouring the
/// pattern of couplings, found by second derivatives on random states. Gaussian ones are drawn
/// together all the same, where they are a multivariate normal.
inline Blocks colored() { return {Blocks::How::colored}; }
/// One site after the other.
inline Blocks one_site_at_a_time() { return {Blocks::How::one_site}; }

/// The parts of a model that a derivation looks at.
struct DerivationInput {
  std::vector<Term> terms;  ///< of the energy, linear in units of two levels
  Units units;
  Vars params;
  Blocks blocks{};
};

/// The unit's natural parameters from the energy. Throws GraphError, naming the term and its line,
/// when the energy has another form in the unit than its kind allows.
Derivation derive(const DerivationInput& model, const Unit& unit, Trace& trace);

/// The energy where the units of `at_zero` are zero.
Var energy_at_zero(const std::vector<Term>& terms, const Units& units, const Units& at_zero,
                   Trace& trace);

}  // namespace damo::energy
