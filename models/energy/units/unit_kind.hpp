#pragma once
#include <functional>
#include <string>
#include <vector>

#include <damo/ops/random/random_stream.hpp>

namespace damo::energy {

/// The values that one site of a unit can take.
struct Support {
  enum class Set : std::uint8_t {
    levels,       ///< finitely many numbers
    one_hot,      ///< one of the classes of the last axis is 1, the others 0
    counts,       ///< the sites of a row are nonnegative integers with a given sum
    real,         ///< all real numbers
    nonnegative,  ///< x >= 0
    interval      ///< 0 <= x <= 1
  };
  Set set = Set::real;
  std::vector<double> levels{};
  bool finite() const { return set == Set::levels || set == Set::one_hot || set == Set::counts; }
};

/// What a unit's distribution given all other units is made from: p(x) is proportional to
/// base(x) exp(linear x + quadratic x^2), site by site.
struct Natural {
  Var linear;       ///< (rows, n), or (rows, n, classes)
  Var quadratic{};  ///< the same, or empty: 0
  Var total{};      ///< of counts: (rows,), the sum of each row
};

/// A kind of unit: all that Damo knows of it. `check` tests it.
struct UnitKind {
  std::string name;    ///< "bernoulli"
  std::string family;  ///< of the conditional distribution
  Support support;
  /// Whether x^2 is a sufficient statistic beside x. Without it the energy must be linear in x.
  bool squares = false;
  /// The log of the sum (integral) of base(x) exp(linear x + quadratic x^2) over the support of one
  /// site: (rows, n), or (rows, 1) where sites are not independent. Finite for every finite
  /// argument.
  std::function<Var(const Natural&)> log_normaliser;
  /// The mean, of the shape of `linear`.
  std::function<Var(const Natural&)> mean;
  /// A draw, of the shape of `linear`.
  std::function<Var(const Natural&, RandomStream&)> sample;
  /// log base(x), one number a row; empty: 0.
  std::function<Var(const Var& x)> log_base{};
  /// The energy (one number a row) of the distribution from which annealing starts; empty: 0, which
  /// must then have a finite normaliser.
  std::function<Var(const Var& x)> base_energy{};
};

}  // namespace damo::energy
