#pragma once
#include <memory>
#include <optional>
#include <vector>

#include <damo/graph/leaves.hpp>
#include <damo/ops/shape.hpp>

namespace damo {

/// How `binomial` is asked for.
struct BinomialOptions {
  Arg n = 1;    ///< number of trials
  Arg p = 0.5;  ///< probability of each
  std::optional<Sizes> size =
      {};  ///< the sample's shape; that of `p` (stretched against `n`) when left out
  std::optional<DType> dtype = {};  ///< floatX when left out
};

/// A source of random tensors. Each call of a drawing member makes a node of its own, with a stream
/// of its own: an int64 shared variable (seed, stream, draw number) that every function using the
/// draw moves on by itself. One symbolic draw has one value in a call; inside `scan` it draws anew
/// at each step. The numbers depend on seed, order of creation and draw number alone: not on
/// threads, modes or fusion. Copies share their streams.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed, Site site = Site::here());

  /// Uniform in [low, high). Differentiable in low and high.
  Var uniform(const Sizes& size, const Arg& low = 0.0, const Arg& high = 1.0,
              std::optional<DType> dtype = {});
  /// Normal with mean and standard deviation. Differentiable in both.
  Var normal(const Sizes& size, const Arg& mean = 0.0, const Arg& stddev = 1.0,
             std::optional<DType> dtype = {});
  /// 1 with probability p, else 0; of p's shape. No derivative exists in p.
  Var bernoulli(const Arg& p, std::optional<DType> dtype = {});
  Var bernoulli(const Arg& p, const Sizes& size, std::optional<DType> dtype = {});
  /// Number of successes.
  Var binomial(const BinomialOptions& options = {});

  /// Standard Gumbel, shifted and scaled: -log(-log U). Differentiable in both.
  Var gumbel(const Sizes& size, const Arg& location = 0.0, const Arg& scale = 1.0,
             std::optional<DType> dtype = {});
  /// Differentiable in its mean `scale`.
  Var exponential(const Sizes& size, const Arg& scale = 1.0, std::optional<DType> dtype = {});
  /// Differentiable in location and scale.
  Var laplace(const Sizes& size, const Arg& location = 0.0, const Arg& scale = 1.0,
              std::optional<DType> dtype = {});
  /// Normal with mean and standard deviation, between `low` and `high`.
  Var truncated_normal(const Sizes& size, const Arg& low, const Arg& high, const Arg& mean = 0.0,
                       const Arg& stddev = 1.0, std::optional<DType> dtype = {});
  /// Differentiable in scale.
  Var gamma(const Sizes& size, const Arg& shape, const Arg& scale = 1.0,
            std::optional<DType> dtype = {});
  Var beta(const Sizes& size, const Arg& a, const Arg& b, std::optional<DType> dtype = {});
  /// Event counts as int64, of the rate's shape or of `size`.
  Var poisson(const Arg& rate);
  Var poisson(const Sizes& size, const Arg& rate);
  /// Class numbers (int64) drawn with the probabilities along the last axis of `p`, which need not
  /// add up to 1: of p's shape without its last axis.
  Var categorical(const Var& p);
  /// The same as one-hot rows, in p's dtype and shape.
  Var multinomial(const Var& p);
  /// int64 in [low, high).
  Var randint(const Sizes& size, const Arg& low, const Arg& high);
  /// A random order of 0 .. n - 1, int64.
  Var permutation(const Arg& n);
  /// The rows of `x` in random order.
  Var shuffle(const Var& x);
  /// `count` rows of `x`, each equally likely, with or without replacement.
  Var choice(const Var& x, const Arg& count, bool replace = true);

  /// Starts all streams anew from `seed`, at draw 0.
  void seed(std::uint64_t seed);
  /// One row (seed, stream, draw number) a stream, in order of creation: int64 (streams, 3).
  Array state() const;
  /// Puts back what `state` returned; throws ShapeError when the number of streams differs.
  void set_state(const Array& state);
  /// The streams made so far.
  const std::vector<SharedVar>& streams() const;

 private:
  struct Streams;
  SharedVar new_stream();
  std::shared_ptr<Streams> streams_;
};

}  // namespace damo
