#pragma once
#include <vector>

#include <damo/graph/updates.hpp>
#include <damo/ops/random/numpy_random_state.hpp>
#include <damo/ops/random/random_stream.hpp>

namespace damo::models {

struct RbmGraph {
  Var v_sample;     ///< the end of the Gibbs chain, of v's shape
  Var cost;         ///< whose gradient, with v_sample considered constant, is that of CD-k
  Var monitor;      ///< log pseudo-likelihood of the frames under one more mean-field step
  Updates updates;  ///< of the random streams
};
/// The k-step Gibbs chain of an RBM started at `v`, and its CD-k cost. `v` is a matrix of frames or
/// one frame; the biases are vectors, or matrices with one row a frame. The draws come in the order
/// of the classic program, hidden before visible: first the chain's, then those of the monitor's
/// step. They are of v's dtype.
RbmGraph build_rbm(const Var& v, const Var& W, const Var& bv, const Var& bh, const Arg& k,
                   RandomStream rng);

/// The parameters of an RNN-RBM and the recurrence they define: the state u after each frame sets
/// the biases of the next frame's RBM.
struct RnnRbmParameters {
  SharedVar W;    ///< (n_visible, n_hidden)
  SharedVar bv;   ///< (n_visible,)
  SharedVar bh;   ///< (n_hidden,)
  SharedVar Wuh;  ///< (n_hidden_recurrent, n_hidden)
  SharedVar Wuv;  ///< (n_hidden_recurrent, n_visible)
  SharedVar Wvu;  ///< (n_visible, n_hidden_recurrent)
  SharedVar Wuu;  ///< (n_hidden_recurrent, n_hidden_recurrent)
  SharedVar bu;   ///< (n_hidden_recurrent,)

  /// W normal with standard deviation 0.01, the other matrices with 0.0001, the biases zero.
  static RnnRbmParameters create(std::int64_t n_visible, std::int64_t n_hidden,
                                 std::int64_t n_hidden_recurrent, std::uint64_t seed, DType dtype);
  /// The same from NumPy's generator, with the numbers of the classic program.
  static RnnRbmParameters create(std::int64_t n_visible, std::int64_t n_hidden,
                                 std::int64_t n_hidden_recurrent, NumpyRandomState& numpy_rng,
                                 DType dtype);
  /// W, bv, bh, Wuh, Wuv, Wvu, Wuu, bu.
  std::vector<SharedVar> list() const;
  std::int64_t n_visible() const { return W.value().shape()[0]; }
  std::int64_t n_hidden_recurrent() const { return bu.value().shape()[0]; }

  Var bv_at(const Var& u_tm1) const;
  Var bh_at(const Var& u_tm1) const;
  Var next_u(const Var& v_t, const Var& u_tm1) const;
};

/// What the recurrence gives along a sequence.
struct RecurrenceGraph {
  Var u_t;   ///< (time, n_hidden_recurrent): the state after each frame
  Var bv_t;  ///< (time, n_visible): the biases of each frame's RBM, set by the frames before it
  Var bh_t;  ///< (time, n_hidden)
};
/// `v` is (time, n_visible), `u0` the state before the first frame.
RecurrenceGraph build_recurrence(const RnnRbmParameters& params, const Var& v, const Var& u0);

struct GenerationOptions {
  Arg k = 25;           ///< Gibbs steps for each frame
  Arg n_steps = 200;    ///< frames
  Arg temperature = 1;  ///< T: frames are drawn from the RBMs with energies divided by T
  Var v0{};  ///< (n_visible,): where given, the chain of the first frame starts here and that of
             ///< each other frame at the frame before; left out, all start at the empty frame
  /// (any, n_visible): where given, each chain starts at one of these frames instead, drawn by its
  /// mass under the frame's RBM. So modes come as often as they should however rarely Gibbs steps
  /// go from one to another.
  Var known{};
};
struct GenerationGraph {
  Var v_t;  ///< (n_steps, n_visible)
  Updates updates;
};
/// Draws a sequence after the state `u0`: a loop over frames that holds the loop of Gibbs steps.
GenerationGraph build_generation(const RnnRbmParameters& params, const Var& u0, RandomStream rng,
                                 const GenerationOptions& options = {});

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
  Arg k = 15;                             ///< Gibbs steps in training
  Arg k_generate = 25;                    ///< and for each generated frame
  Arg generation_steps = 200;             ///< frames to generate
  std::uint64_t seed = 1;                 ///< of the initial parameters
  DType dtype = floatX();                 ///< of parameters and frames
  NumpyRandomState* numpy_rng = nullptr;  ///< where given, the initial parameters come from it
  Site site = Site::here();               ///< the line that errors about parameters name
};
/// The recurrent temporal RBM of Boulanger-Lewandowski, Bengio and Vincent (ICML 2012): an RNN
/// whose state, zero at first, sets the biases of an RBM for each frame.
RnnRbmGraph build_rnnrbm(std::int64_t n_visible, std::int64_t n_hidden,
                         std::int64_t n_hidden_recurrent, const RandomStream& rng,
                         const RnnRbmGraphOptions& options = {});

}  // namespace damo::models
