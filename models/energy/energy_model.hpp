#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <damo/graph/updates.hpp>
#include <damo/models/energy/derivation/conditional.hpp>

namespace damo::energy {

/// Parameters, or states of units: a list of variables or of shared ones, or one by itself.
class VarsOf {
 public:
  VarsOf() = default;
  VarsOf(std::initializer_list<Var> vars) : vars_(vars) {}
  VarsOf(const Var& v) : vars_{v} {}
  VarsOf(Vars vars) : vars_(std::move(vars)) {}
  template <std::derived_from<Var> V>
  VarsOf(const std::vector<V>& vars) : vars_(vars.begin(), vars.end()) {}
  const Vars& vars() const { return vars_; }

 private:
  Vars vars_;
};

struct EnergyModelOptions {
  /// What data give. May be several; a fully visible model has no others.
  Units visible{};
  /// What is summed out or sampled.
  Units hidden{};
  /// What training changes. What is tried on random states is tried on random values of these; of
  /// shared variables that are not named, zeros stay zeros (of those with other values).
  VarsOf params{};
  /// How units whose sites interact are drawn; left out: not at all, they are an error.
  Blocks blocks{};
  Site site = Site::here();
};

/// Units that are drawn together, given all others; of a unit whose sites interact, those of one
/// colour.
struct Block {
  Units units;
  /// Of a unit whose sites interact: which of its colours; -1 for whole units.
  int color = -1;
  std::size_t size() const { return units.size(); }
  const Unit& operator[](std::size_t i) const { return units[i]; }
  auto begin() const { return units.begin(); }
  auto end() const { return units.end(); }
};

struct GibbsOptions {
  Arg k = 1;                          ///< sweeps
  std::optional<RandomStream> rng{};  ///< must be given
  Units clamped{};                    ///< units that stay as they are
  Arg beta = 1.0;                     ///< of `tempered`
  Units mean_field{};                 ///< units that take their mean in place of a draw
};
/// `auto [state, updates] = model.gibbs(...)`.
struct GibbsChain {
  Vars state;       ///< of each unit, in the order of `units()`
  Updates updates;  ///< of the random streams
};

struct MeanFieldOptions {
  Units clamped{};    ///< units that stay as they are
  Arg steps = 30;     ///< sweeps
  Arg damping = 0.0;  ///< the share of the old value that stays
};

/// A model p(x) = exp(-E(x)) / Z given by its energy on the units' own placeholders, one number a
/// row, and the kinds of its units. Conditionals, free energies and samplers are derived by
/// rewriting the energy, when they are asked for; what is derived is read at other states by
/// substitution, so no gradient runs through a state that was computed from another. The energy may
/// read further inputs (history, labels) and any parameters. Copies share what has been derived.
///
/// Lists of states are in the order of `units()`, the visible ones first. They may be shorter where
/// that is clear: as long as the visible units, for example.
class EnergyModel {
 public:
  /// Throws ShapeError for an energy that is not one number a row, TypeError for one that is no
  /// float, GraphError for a unit or parameter that the energy does not read, or that is named
  /// twice.
  EnergyModel(const Var& energy, const EnergyModelOptions& options);

  /// All units: the visible ones, then the hidden ones.
  const Units& units() const;
  const Units& visible() const;
  const Units& hidden() const;
  const Vars& parameters() const;
  /// The parameters that are shared variables.
  std::vector<SharedVar> params() const;
  /// On the placeholders, as it was given.
  const Var& energy() const;
  /// At other states, of all units.
  Var energy(const VarsOf& states) const;

  /// An expression of the units' placeholders at other states.
  Var at_states(const Var& v, const VarsOf& states) const;
  /// The mean energy of independent sites with these means, where all kinds of units are linear
  /// (the energy at the means, once x^2 = x and the like are used).
  Var expected_energy(const VarsOf& means) const;

  /// The distribution of a unit given all others. Throws GraphError, naming the term and its line,
  /// where its sites interact or the energy has another form in it than its kind allows.
  Conditional conditional(const Unit& unit) const;
  /// At other states, of all units; the unit's own may be an empty Var.
  Conditional conditional(const Unit& unit, const VarsOf& states) const;
  /// Of the sites of one colour of a unit whose sites interact, given all other sites: see
  /// `blocks()`. What it says of other sites has no meaning.
  Conditional conditional(const Unit& unit, int color, const VarsOf& states = {}) const;

  /// -log of the sum (integral) of exp(-E) over the hidden units, at states of the visible ones:
  /// one number a row. In closed form: hidden units that interact are summed out one after the
  /// other where that leads to closed forms. Throws GraphError where it does not.
  Var free_energy(const VarsOf& visible) const;
  Var free_energy() const;
  /// The same for any units. `states` are those of the other units, or of all (those of the summed
  /// ones are not looked at).
  Var marginal_energy(const Units& summed, const VarsOf& states = {}) const;

  /// Which units are drawn together, in the order of a sweep: hidden before visible.
  std::vector<Block> blocks() const;
  /// `k` sweeps of block Gibbs sampling, a scan. `start`: states of all units, or of the visible
  /// ones where a sweep sets the others before it reads them (else a GraphError).
  GibbsChain gibbs(const VarsOf& start, const GibbsOptions& options) const;
  /// Means of all units after sweeps in which each unit takes its mean given the others' means.
  /// Units that `start` leaves out start at the mean that they have in no field.
  Vars mean_field(const MeanFieldOptions& options, const VarsOf& start) const;
  /// One sweep, without a loop: a draw of each block given the others.
  Vars sweep(const VarsOf& states, RandomStream rng) const;
  /// Units whose state a sweep reads before it sets it: those a chain must keep.
  Units carried() const;
  /// States without interaction between units, drawn from the model at beta = 0.
  Vars random_state(const Arg& rows, RandomStream rng) const;

  /// The model with energy beta E + (1 - beta) E0, where E0 is that of independent units: 0 where
  /// that has a finite sum, x of a relu unit whose energy is linear in it, x^2 / 2 of other real
  /// units; or `base`, an energy on the same
  /// units. `beta` is a number, a scalar, or a vector with one number a row.
  EnergyModel tempered(const Arg& beta) const;
  EnergyModel tempered(const Arg& beta, const Var& base) const;
  /// Of `tempered(beta, base)` (`base` may be empty): the energy that is left at beta `from` when
  /// the units of a block are summed out, less that at `to`; one number a row. It is made of
  /// differences, so that it keeps its digits where the betas are near.
  Var tempering_gain(const Var& from, const Var& to, const Var& base, const Units& summed,
                     const VarsOf& states) const;
  /// E0 of `tempered`.
  Var base_energy() const;
  /// The model of these units with energy E0, or `base`: that of `tempered(0)`.
  EnergyModel base_model(const Var& base = {}) const;

  /// The log of the sum (integral) of exp(-E) over all states, exact: some finite units are
  /// enumerated, the rest is summed out in closed form. A scalar. Throws GraphError where more than
  /// 2^30 states would have to be enumerated, or units with infinitely many.
  Var log_z() const;

  /// What has been derived of a unit; what `explain` and `check` look at.
  const Derivation& derivation(const Unit& unit) const;
  /// What rewriting did to derive what has been asked for.
  const Trace& trace() const;
  /// The energy as a sum of terms, linear in units of two levels.
  const std::vector<Term>& terms() const;

 private:
  struct Data;
  /// Of parts that have been checked.
  EnergyModel() = default;
  Derivation mixed(const Unit& unit) const;
  Derivation derived(const Unit& unit, const Blocks& blocks) const;
  const Derivation& whole(const Unit& unit) const;
  bool couples(const Unit& unit) const;
  Var rest_of(const Units& summed) const;
  Var linear_energy(const Units& gone = {}) const;
  std::size_t index_of(const Unit& unit) const;
  Derivation derivation_at(const Unit& unit, const Vars& states, const Var& mask) const;
  Vars full_states(const VarsOf& states, const Units& left_out) const;
  Var put(const Var& v, const Vars& states) const;
  EnergyModel without(const Units& summed, const Var& energy) const;
  Var summed_at_once(const Units& summed) const;
  Var summed(const Units& units) const;
  Var log_sum_of(const Var& left, const Units& enumerated, const std::vector<bool>& rest,
                 const std::optional<Conditional>& sites) const;
  bool interact(const Unit& a, const Unit& b) const;
  std::vector<std::pair<Unit, int>> summable_colors(const Units& enumerated,
                                                    const Units& summed) const;
  Vars chain_start(const VarsOf& start, const GibbsOptions& options,
                   const std::vector<bool>& early) const;
  using Next = std::function<Var(const Unit&, const Conditional&)>;
  Vars swept(Vars states, const Next& next, const Units& clamped) const;
  Var swept_sites(const Unit& unit, const Vars& states, const Next& next) const;
  std::vector<bool> read_before_set(const Units& clamped) const;
  std::shared_ptr<Data> data_;
};

}  // namespace damo::energy
