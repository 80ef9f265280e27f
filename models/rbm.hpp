#pragma once
#include <array>
#include <optional>

#include <damo/graph/updates.hpp>
#include <damo/models/energy/energy_model.hpp>
#include <damo/ops/random/numpy_random_state.hpp>
#include <damo/ops/random/random_stream.hpp>

namespace damo::models {

/// What an RBM is made from. Parameters left out are created: W uniform within 4 sqrt(6 /
/// (n_visible + n_hidden)), the biases zero, all of floatX.
struct RBMOptions {
  Var input{};  ///< (batch, n_visible), values in [0, 1]; a new matrix when left out
  std::int64_t n_visible = 784;
  std::int64_t n_hidden = 500;
  SharedVar W{};      ///< (n_visible, n_hidden); may be shared with another model
  SharedVar hbias{};  ///< (n_hidden,)
  SharedVar vbias{};  ///< (n_visible,)
  std::uint64_t seed = 1234;
  std::optional<RandomStream> rng{};  ///< made from `seed` when left out
  /// Where given, the stream (if `rng` is left out) and then W (if left out) come from it, in the
  /// order and with the numbers of the classic program over NumPy: bit for bit its model and
  /// chains. It moves on as in Python.
  NumpyRandomState* numpy_rng = nullptr;
  Site site = Site::here();  ///< the line that errors about parameters name
};

/// How `get_cost_updates` trains.
struct CostOptions {
  Arg lr = 0.1;
  SharedVar persistent{};    ///< the Markov chain's hidden samples (batch, n_hidden): PCD-k. Left
                             ///< out: CD-k.
  Arg k = 1;                 ///< Gibbs steps, at least 1
  Site site = Site::here();  ///< the line that errors name
};

/// A restricted Boltzmann machine with binary units (Smolensky 1986; Hinton 2002), as in the Deep
/// Learning Tutorials: energy E(v, h) = -v W h - vbias v - hbias h.
class RBM {
 public:
  explicit RBM(const RBMOptions& options);

  /// F(v) = -log sum_h e^-E(v, h), one value a row of `v`.
  Var free_energy(const Var& v) const;

  /// The same machine as a model given by its energy, on these parameters: to check, explain or
  /// evaluate it.
  energy::EnergyModel energy_model() const;

  struct Propagation {
    Var pre_sigmoid;
    Var mean;
  };
  struct Sampling {
    Var pre_sigmoid;
    Var mean;
    Var sample;
  };
  Propagation propup(const Var& v) const;
  Propagation propdown(const Var& h) const;
  Sampling sample_h_given_v(const Var& v) const;
  Sampling sample_v_given_h(const Var& h) const;
  /// One step of Gibbs sampling from the hidden units: pre_sigmoid_v, v_mean, v_sample,
  /// pre_sigmoid_h, h_mean, h_sample.
  std::array<Var, 6> gibbs_hvh(const Var& h) const;
  /// The same from the visible units: pre_sigmoid_h, h_mean, h_sample, pre_sigmoid_v, v_mean,
  /// v_sample.
  std::array<Var, 6> gibbs_vhv(const Var& v) const;

  struct Training {
    Var monitor;  ///< pseudo-likelihood with a persistent chain, reconstruction cost without; both
                  ///< better the higher
    Updates updates;
  };
  /// One step of CD-k (Hinton 2002) or PCD-k (Tieleman 2008).
  Training get_cost_updates(const CostOptions& options = {});
  /// Stochastic approximation to the log pseudo-likelihood: one visible unit a call, in turn (its
  /// index joins `updates`).
  Var get_pseudo_likelihood_cost(Updates& updates) const;
  /// Mean log-probability of the input under the reconstruction: less than 0, and the higher the
  /// better, as in Theano's tutorial. Their cross-entropy is minus this.
  Var get_reconstruction_cost(const Updates& updates, const Var& pre_sigmoid_nv) const;

  /// The exact log pseudo-likelihood: every visible unit, mean over the rows of `v`. Costs
  /// n_visible free energies.
  Var log_pseudo_likelihood(const Var& v) const;
  /// The exact log Z, all states of the smaller side enumerated: up to 2^30 (GraphError for more).
  Var log_partition() const;

  Var input;
  std::int64_t n_visible;
  std::int64_t n_hidden;
  SharedVar W;
  SharedVar hbias;
  SharedVar vbias;
  RandomStream rng;
  std::vector<SharedVar> params;
};

}  // namespace damo::models
