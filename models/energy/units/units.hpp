#pragma once
#include <memory>
#include <string>
#include <vector>

#include <damo/graph/variables.hpp>
#include <damo/models/energy/units/unit_kind.hpp>

namespace damo::energy {

/// A layer of units of one kind: a symbolic matrix (rows, n), or (rows, n, classes) one-hot, that
/// knows its support. It stands for the layer's state in an energy, as any input does.
class Unit : public Var {
 public:
  /// A layer of `n` units of any kind; with `classes`, one-hot.
  Unit(std::shared_ptr<const UnitKind> kind, std::string name, std::int64_t n,
       std::int64_t classes = 0, DType dtype = floatX(), Site site = Site::here());
  /// A layer whose number of sites, an integer scalar, is known when a function runs: for energies
  /// whose derivation does not have to try or to enumerate states.
  Unit(std::shared_ptr<const UnitKind> kind, std::string name, const Var& sites,
       DType dtype = floatX(), Site site = Site::here());

  const UnitKind& kind() const { return *kind_; }
  /// Sites of the layer. Throws GraphError where they are not known yet.
  std::int64_t n() const;
  bool n_known() const { return !sites_.defined(); }
  /// The same for graphs: a number, or what the layer was made with.
  Arg sites() const { return n_known() ? Arg(n()) : Arg(sites_); }
  /// Of a one-hot layer; 0 of others.
  std::int64_t classes() const { return ndim() == 3 ? type().dims[2] : 0; }
  /// The sum of each row of a `counts` layer, where it was given; else 0.
  std::int64_t total() const { return total_; }
  bool finite() const { return kind_->support.finite(); }

 private:
  friend Unit counts(std::string, std::int64_t, std::int64_t, DType, Site);
  std::shared_ptr<const UnitKind> kind_;
  std::int64_t total_ = 0;
  Var sites_;
};
using Units = std::vector<Unit>;

/// 0 or 1.
Unit bernoulli(std::string name, std::int64_t n, DType dtype = floatX(), Site site = Site::here());
/// -1 or 1.
Unit spin(std::string name, std::int64_t n, DType dtype = floatX(), Site site = Site::here());
/// One of `classes`, as a one-hot row: (rows, n, classes).
Unit categorical(std::string name, std::int64_t n, std::int64_t classes, DType dtype = floatX(),
                 Site site = Site::here());
/// A real number in which the energy is quadratic.
Unit gaussian(std::string name, std::int64_t n, DType dtype = floatX(), Site site = Site::here());
/// x >= 0, in which the energy is quadratic (a normal cut at 0) or linear (an exponential).
Unit relu(std::string name, std::int64_t n, DType dtype = floatX(), Site site = Site::here());
/// A number in [0, 1] in which the energy is linear.
Unit truncated_exponential(std::string name, std::int64_t n, DType dtype = floatX(),
                           Site site = Site::here());
/// The number of successes of `trials`, each state weighted by its binomial coefficient, so that
/// the conditional distribution is binomial (Teh and Hinton 2001).
Unit binomial(std::string name, std::int64_t n, std::int64_t trials, DType dtype = floatX(),
              Site site = Site::here());
/// Counts of `n` words, each state weighted by its multinomial coefficient: the replicated softmax
/// (Salakhutdinov and Hinton 2009). A draw keeps the row's sum of the present state, or has
/// `total`, which enumeration needs.
Unit counts(std::string name, std::int64_t n, DType dtype = floatX(), Site site = Site::here());
Unit counts(std::string name, std::int64_t n, std::int64_t total, DType dtype = floatX(),
            Site site = Site::here());

}  // namespace damo::energy
