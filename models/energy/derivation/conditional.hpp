#pragma once
#include <string>

#include <damo/models/energy/derivation/derivation.hpp>

namespace damo::energy {

/// The distribution of a unit given all others: p(x) = base(x) exp(parameters . statistics(x) -
/// log_normaliser()). All of it are ordinary expressions of the other units' states.
class Conditional {
 public:
  Conditional(Unit unit, Derivation derivation);

  const Unit& unit() const { return unit_; }
  /// "bernoulli", "spin", "categorical", "normal", "multivariate normal", "rectified normal",
  /// "truncated exponential", "binomial" or "multinomial".
  std::string family() const;
  /// The natural parameters, one for each sufficient statistic: of x, (rows, n) or (rows, n,
  /// classes); of normal and rectified normal ones also of x^2 (minus half the inverse variance);
  /// of a multivariate normal also of x x' (minus half the precision, (rows or 1, n, n)).
  Vars parameters() const;
  /// Of the unit's shape.
  Var mean() const;
  /// A draw, of the unit's shape.
  Var sample(RandomStream rng) const;
  /// One number a row. States outside the support get the value that the formula gives.
  Var log_prob(const Var& x) const;
  /// The log of the sum (integral) of base(x) exp(parameters . statistics(x)); one number a row.
  Var log_normaliser() const;
  /// log_normaliser() less that of the same unit's distribution at other parameters: the difference
  /// is taken site by site, which keeps its digits where the two are near.
  Var log_normaliser_gain(const Conditional& from) const;
  /// The part of the energy that squares of the unit's spins make, one number a row; 0 of most.
  Var offset() const;
  /// What the derivation could not see in the rewritten graph and tried on random states instead;
  /// "" for nothing.
  const std::string& tried() const { return derivation_.sampled; }

 private:
  Var factor() const;
  Var over_sites(const Var& v) const;
  Var log_base(const Var& x) const;
  Unit unit_;
  Derivation derivation_;
};

/// `state` as the state of the unit: of its dtype (whole numbers and bools are converted) and
/// shape, sizes that are not known being checked when the function runs. Throws TypeError or
/// ShapeError.
Var as_state(const Unit& unit, const Var& state);

}  // namespace damo::energy
