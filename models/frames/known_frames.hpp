#pragma once
#include <functional>
#include <vector>

#include <damo/ops/random/random_stream.hpp>
#include <damo/runtime/function/to_array.hpp>

namespace damo::models {

/// The distinct frames of sequences (time, width) of 0 and 1, as bytes (n, width): the most
/// frequent first, at most `most`; of equally frequent ones the first first.
Array distinct_frames(const std::vector<Array>& sequences, std::int64_t width, std::int64_t most);

/// RBMs that share `W` and have the rows of `bv` (n, n_visible) and `bh` (n, n_hidden) as biases,
/// and frames at which much of their mass is expected: the rows of `known`, all different, and for
/// each RBM its row of `own` (n, n_visible).
struct KnownFrames {
  Array known;  ///< 0 and 1, (m, n_visible), m at least 1
  Var W, bv, bh, own;
};

/// Numbers of frames (rows, n_visible) beside the own frames of their RBMs: (rows, any).
using FrameFeatures = std::function<Var(const Var& v, const Var& own)>;

/// Log Z of these RBMs, in three parts whose expectations add up to Z:
/// - the mass of the known frames and the own one, summed;
/// - that of the frames from which Gibbs steps come to one of these in less than `steps` steps. By
///   Kac's lemma it is to the first part as the number of steps is to 1 that chains spend away
///   which start there, drawn by mass, until they are back;
/// - that of the others, by annealed importance sampling (see build_ais), which thus need not find
///   again what is known: from base rates it misses sharp modes.
struct KnownLogZ {
  Var log_z;           ///< float64 (n,)
  Var standard_error;  ///< of log_z, from the spread of the chains and of the runs
  Var effective_runs;  ///< of the annealing as a whole, known frames included
  Var far;             ///< the third part's share of Z
  Var expected;        ///< means of the features under each RBM, float64 (n, any)
};
struct KnownLogZOptions {
  Var base_bias, betas;  ///< as build_ais has them
  Arg runs = 50;         ///< of annealing, and chains started at known frames
  Arg steps = 20;        ///< Gibbs steps in which a chain comes back
  FrameFeatures features{};
};
KnownLogZ build_known_log_z(const KnownFrames& frames, const KnownLogZOptions& how,
                            RandomStream rng);

/// A known frame drawn by its mass under the RBM with the biases `bv` and `bh`, vectors;
/// `known_hidden` is dot(known, W).
Var draw_known(const Var& known, const Var& known_hidden, const Var& bv, const Var& bh,
               RandomStream rng);

}  // namespace damo::models
