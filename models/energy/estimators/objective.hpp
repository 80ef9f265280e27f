#pragma once
#include <damo/models/energy/energy_model.hpp>

namespace damo::energy {

/// What an estimator of the likelihood makes of a model and data: something to go down.
struct Objective {
  Var cost;         ///< a scalar, whose gradient is the estimator's; its value need not mean much
  Vars held;        ///< states that the cost counts as constants: ends of chains, mean fields
  Var monitor;      ///< a scalar to watch
  Updates updates;  ///< of chains and random streams; to be merged with the parameters'

  /// Of the cost. States that are held count as constants here and in `grad(cost, ...)` too.
  Vars gradients(const VarsOf& params) const;
};

struct CdOptions {
  Arg k = 1;                          ///< sweeps
  std::optional<RandomStream> rng{};  ///< must be given
};
/// CD-k (Hinton 2002): mean F(x) - mean F(end of a chain from x). The monitor is the mean
/// log-probability of the data given the hidden units' means, one visible unit at a time.
Objective contrastive_divergence(const EnergyModel& model, const VarsOf& data,
                                 const CdOptions& options);

struct PcdOptions {
  Arg k = 1;
  std::int64_t chains = 100;          ///< that go on from update to update
  std::optional<RandomStream> rng{};  ///< must be given
  double fast_lr = 0.01;              ///< of the fast weights (`fast_persistent_cd`)
  double fast_decay = 0.95;           ///< what is left of them after an update
};
/// PCD-k (Younes 1999; Tieleman 2008). The chains are shared variables that `updates` moves.
Objective persistent_cd(const EnergyModel& model, const VarsOf& data, const PcdOptions& options);
/// PCD whose chains run in a model with fast weights added to the parameters (Tieleman and Hinton
/// 2009).
Objective fast_persistent_cd(const EnergyModel& model, const VarsOf& data,
                             const PcdOptions& options);

struct TemperedCdOptions {
  Arg k = 1;
  std::int64_t chains = 100;
  std::optional<RandomStream> rng{};  ///< must be given
  /// From 1 downwards. Left out: `temperatures` numbers from 1 to 0, evenly spaced.
  std::vector<double> betas{};
  std::int64_t temperatures = 10;
};
/// PCD whose chains exchange states with chains at other temperatures (Desjardins et al. 2010).
/// The monitor is the least rate of accepted exchanges between neighbours.
Objective tempered_cd(const EnergyModel& model, const VarsOf& data,
                      const TemperedCdOptions& options);

struct MeanFieldPcdOptions {
  Arg k = 1;
  std::int64_t chains = 100;
  std::optional<RandomStream> rng{};  ///< must be given
  Arg steps = 30;                     ///< mean-field sweeps
  Arg damping = 0.0;
};
/// For hidden units that cannot be summed out (Salakhutdinov and Hinton 2009, deep Boltzmann
/// machines): the energy at the hidden units' mean field given the data, less that of persistent
/// chains. The monitor is the mean of the first. Throws GraphError for hidden gaussian or relu
/// units, whose mean does not give their mean energy.
Objective mean_field_pcd(const EnergyModel& model, const VarsOf& data,
                         const MeanFieldPcdOptions& options);

/// The exact mean of -log p(data): mean F + log Z, for models whose log Z can be computed.
Objective exact_likelihood(const EnergyModel& model, const VarsOf& data);

/// Minus the log of each site's probability given all others, summed over sites (Besag 1975), for
/// units of finitely many states.
Objective pseudo_likelihood(const EnergyModel& model, const VarsOf& data);
/// Hyvarinen 2007, for units of two states.
Objective ratio_matching(const EnergyModel& model, const VarsOf& data);
/// Flow from data to states that differ in one site (Sohl-Dickstein et al. 2011), for units of two
/// states.
Objective minimum_probability_flow(const EnergyModel& model, const VarsOf& data);

/// Hyvarinen 2005, for visible units that are real numbers: mean over rows of |dF/dx|^2 / 2 less
/// the sum of d2F/dx_i^2. Costs one Hessian-vector product a site.
Objective score_matching(const EnergyModel& model, const VarsOf& data);
struct DenoisingOptions {
  double sigma = 0.1;                 ///< of the noise added to the data
  std::optional<RandomStream> rng{};  ///< must be given
};
/// Vincent 2011: the score at a noisy state points back to the data.
Objective denoising_score_matching(const EnergyModel& model, const VarsOf& data,
                                   const DenoisingOptions& options);
struct SlicedOptions {
  std::int64_t projections = 1;
  std::optional<RandomStream> rng{};  ///< must be given
};
/// Song et al. 2019: score matching along random directions, one Hessian-vector product each.
Objective sliced_score_matching(const EnergyModel& model, const VarsOf& data,
                                const SlicedOptions& options);

/// A distribution that can be drawn from and whose density is known.
struct Noise {
  /// Of a model whose units do not interact, so that they are drawn at once. Throws GraphError for
  /// any other.
  Noise(const EnergyModel& independent);
  Noise(std::function<Vars(const Var& rows, RandomStream)> sampler,
        std::function<Var(const Vars&)> density)
      : sample(std::move(sampler)), log_prob(std::move(density)) {}
  /// States of all visible units, as many rows as asked for (an int64 scalar).
  std::function<Vars(const Var& rows, RandomStream)> sample;
  /// One number a row.
  std::function<Var(const Vars& states)> log_prob;
};
struct NoiseContrastiveOptions {
  std::int64_t ratio = 1;             ///< noise states for each of the data
  std::optional<RandomStream> rng{};  ///< left out: one of its own
  /// log Z, a scalar that can be learnt as a parameter; 0 when left out.
  Var log_z{};
};
/// Gutmann and Hyvarinen 2010: telling data from noise. The monitor is the share told right.
Objective noise_contrastive(const EnergyModel& model, const VarsOf& data, const Noise& noise,
                            const NoiseContrastiveOptions& options = {});

}  // namespace damo::energy
