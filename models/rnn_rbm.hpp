#pragma once
#include <functional>
#include <vector>

#include <damo/ops/random.hpp>
#include <damo/ops/updates.hpp>

namespace damo::models {

struct RbmGraph {
  Var v_sample;     ///< the end of the Gibbs chain, of v's shape
  Var cost;         ///< whose gradient, with v_sample considered constant, is that of CD-k
  Var monitor;      ///< log pseudo-likelihood of the frames under one more mean-field step
  Updates updates;  ///< of the random streams
};
/// The k-step Gibbs chain of an RBM started at `v`, and its CD-k cost. `v` is a matrix of frames or
/// one frame; the biases are vectors, or matrices with one row a frame.
RbmGraph build_rbm(const Var& v, const Var& W, const Var& bv, const Var& bh, const Arg& k,
                   RandomStream rng);

struct RnnRbmGraph {
  Var v;         ///< input: a sequence (time, n_visible)
  Var v_sample;  ///< the chain's end for each frame
  Var cost;
  Var monitor;
  std::vector<SharedVar> params;  ///< W, bv, bh, Wuh, Wuv, Wvu, Wuu, bu
  Updates updates_train;
  Var v_t;  ///< a generated sequence (generation_steps, n_visible)
  Updates updates_generate;
};
struct RnnRbmGraphOptions {
  Arg k = 15;                  ///< Gibbs steps in training
  Arg k_generate = 25;         ///< and for each generated frame
  Arg generation_steps = 200;  ///< frames to generate
};
/// The recurrent temporal RBM of Boulanger-Lewandowski, Bengio and Vincent (ICML 2012): an RNN
/// whose state sets the biases of an RBM for each frame.
RnnRbmGraph build_rnnrbm(std::int64_t n_visible, std::int64_t n_hidden,
                         std::int64_t n_hidden_recurrent, RandomStream rng,
                         const RnnRbmGraphOptions& options = {});

}  // namespace damo::models
