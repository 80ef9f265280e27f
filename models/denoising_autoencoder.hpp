#pragma once
#include <optional>

#include <damo/graph/updates.hpp>
#include <damo/ops/random/numpy_random_state.hpp>
#include <damo/ops/random/random_stream.hpp>

namespace damo::models {

/// What a dA is made from; parameters left out are created as the RBM's are.
struct DAOptions {
  Var input{};  ///< (batch, n_visible), values in [0, 1]; a new matrix when left out
  std::int64_t n_visible = 784;
  std::int64_t n_hidden = 500;
  SharedVar W{};     ///< (n_visible, n_hidden)
  SharedVar bhid{};  ///< (n_hidden,)
  SharedVar bvis{};  ///< (n_visible,)
  std::uint64_t seed = 123;
  std::optional<RandomStream> rng{};  ///< made from `seed` when left out
  /// Where given, the stream (if `rng` is left out) and then W (if left out) come from it, in the
  /// order and with the numbers of the classic program over NumPy: bit for bit its model and
  /// chains. It moves on as in Python.
  NumpyRandomState* numpy_rng = nullptr;
  Site site = Site::here();  ///< the line that errors about parameters name
};

/// A denoising autoencoder with tied weights (Vincent et al. 2008), as in the Deep Learning
/// Tutorials: the input with part of it set to zero is mapped to y = s(x W + b) and back to z = s(y
/// W' + b'), which should be the whole input.
class dA {
 public:
  explicit dA(const DAOptions& options);

  /// `input` with each element kept with probability 1 - level.
  Var get_corrupted_input(const Var& input, const Arg& level);
  Var get_hidden_values(const Var& input) const;
  Var get_reconstructed_input(const Var& hidden) const;

  struct Training {
    Var cost;  ///< mean cross-entropy between input and reconstruction
    Updates updates;
  };
  Training get_cost_updates(const Arg& corruption_level, const Arg& lr);

  Var x;
  std::int64_t n_visible;
  std::int64_t n_hidden;
  SharedVar W;
  SharedVar b;        ///< of the hidden units
  SharedVar b_prime;  ///< of the visible units
  RandomStream rng;
  std::vector<SharedVar> params;
};

}  // namespace damo::models
