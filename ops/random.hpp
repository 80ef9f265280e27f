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
