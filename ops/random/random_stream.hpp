#pragma once
#include <memory>
#include <optional>
#include <vector>

#include <damo/graph/variables.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {

struct Distribution;

/// How `binomial` is asked for.
struct BinomialOptions {
  Arg n = 1;    ///< number of trials
  Arg p = 0.5;  ///< probability of each
  std::optional<Sizes> size =
      {};  ///< the sample's shape; that of `p` (stretched against `n`) when left out
  std::optional<DType> dtype = {};  ///< that of `p` when left out
};

/// A source of random tensors. Each call of a drawing member makes a node of its own, with a stream
/// of its own: an int64 shared variable (seed, stream, draw number) that every function using the
/// draw moves on by itself. One symbolic draw has one value in a call; inside `scan` it draws anew
/// at each step. The numbers depend on seed, order of creation and draw number alone: not on
/// threads, modes or fusion. Copies share their streams.
///
/// Parameters may be numbers or expressions, scalars or tensors that stretch to the size: one that
/// is larger than the sample is a ShapeError. A draw that is not asked for a dtype has the one in
/// which its float parameters meet; floatX where all are numbers or integers. Parameters that a
/// sampler cannot use (a negative rate, high <= low, ...) are NumericErrors of the call; where a
/// draw is arithmetic on a uniform or normal one, they are not looked at: a negative scale mirrors
/// the distribution, and `bernoulli` takes p below 0 for 0, above 1 for 1, NaN for 0. Numbers and
/// constant scalars among the parameters are checked when the draw is made.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed, Site site = Site::here());
  /// Theano's `RandomStreams(seed)`, bit for bit: each draw has its own MT19937 as NumPy's legacy
  /// RandomState, seeded in order of creation by `RandomState(seed).randint(2**30)`. It has all
  /// draws but truncated_normal, which RandomState lacks: GraphError. `categorical` is the class of
  /// a multinomial of one trial. Arithmetic is in float64, then cast. Probabilities are checked as
  /// NumPy does. Throws NumericError for a seed above 2^32 - 1.
  static RandomStream numpy_compatible(std::uint64_t seed, Site site = Site::here());

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
  /// Differentiable in location and scale.
  Var logistic(const Sizes& size, const Arg& location = 0.0, const Arg& scale = 1.0,
               std::optional<DType> dtype = {});
  /// Normal with mean and standard deviation, between `low` and `high`. Differentiable in all four.
  Var truncated_normal(const Sizes& size, const Arg& low, const Arg& high, const Arg& mean = 0.0,
                       const Arg& stddev = 1.0, std::optional<DType> dtype = {});
  /// Differentiable in scale, and in shape: the draw moves with it at its quantile (Figurnov et
  /// al., "Implicit reparameterization gradients", 2018). Shape derivatives exist to first order.
  Var gamma(const Sizes& size, const Arg& shape, const Arg& scale = 1.0,
            std::optional<DType> dtype = {});
  /// Differentiable in a and b, likewise.
  Var beta(const Sizes& size, const Arg& a, const Arg& b, std::optional<DType> dtype = {});
  /// e to a normal draw. Differentiable in both.
  Var lognormal(const Sizes& size, const Arg& mean = 0.0, const Arg& stddev = 1.0,
                std::optional<DType> dtype = {});
  /// Differentiable in the degrees of freedom.
  Var chisquare(const Sizes& size, const Arg& df, std::optional<DType> dtype = {});
  /// Differentiable in location and scale.
  Var cauchy(const Sizes& size, const Arg& location = 0.0, const Arg& scale = 1.0,
             std::optional<DType> dtype = {});
  /// Student's t. Differentiable in all three.
  Var t(const Sizes& size, const Arg& df, const Arg& location = 0.0, const Arg& scale = 1.0,
        std::optional<DType> dtype = {});
  /// Differentiable in shape and scale.
  Var weibull(const Sizes& size, const Arg& shape, const Arg& scale = 1.0,
              std::optional<DType> dtype = {});
  /// From 0 on, as NumPy's: Lomax. Add 1 for the classic one. Differentiable in the shape.
  Var pareto(const Sizes& size, const Arg& shape, std::optional<DType> dtype = {});
  /// Differentiable in scale.
  Var rayleigh(const Sizes& size, const Arg& scale = 1.0, std::optional<DType> dtype = {});
  /// `scale` over a gamma draw. Differentiable in both.
  Var inverse_gamma(const Sizes& size, const Arg& shape, const Arg& scale = 1.0,
                    std::optional<DType> dtype = {});
  /// lambda times a gamma draw of shape alpha / p to the power 1 / p. Differentiable in all three.
  Var generalized_gamma(const Sizes& size, const Arg& alpha, const Arg& p, const Arg& lambda = 1.0,
                        std::optional<DType> dtype = {});
  /// Differentiable in all three.
  Var triangular(const Sizes& size, const Arg& left, const Arg& mode, const Arg& right,
                 std::optional<DType> dtype = {});
  /// The size of a normal (Cauchy) draw around 0. Differentiable in scale.
  Var halfnormal(const Sizes& size, const Arg& scale = 1.0, std::optional<DType> dtype = {});
  Var halfcauchy(const Sizes& size, const Arg& scale = 1.0, std::optional<DType> dtype = {});
  /// Exponential, cut off at location + b scale. Differentiable in all three.
  Var truncated_exponential(const Sizes& size, const Arg& b, const Arg& location = 0.0,
                            const Arg& scale = 1.0, std::optional<DType> dtype = {});
  /// An angle in [-pi, pi] around `mean`. No derivative exists in `kappa`.
  Var vonmises(const Sizes& size, const Arg& mean, const Arg& kappa,
               std::optional<DType> dtype = {});
  /// Inverse Gaussian. No derivatives exist.
  Var wald(const Sizes& size, const Arg& mean, const Arg& scale, std::optional<DType> dtype = {});
  /// Probabilities along a new last axis, of the sizes of `alpha` there: `alpha` is a vector, or
  /// has the sample's shape. Differentiable in alpha.
  Var dirichlet(const Sizes& size, const Arg& alpha, std::optional<DType> dtype = {});
  /// Normal vectors along a new last axis: mean + L z for standard normal z and the Cholesky factor
  /// L of the covariance, of which the lower triangle is read. `mean` is a vector, or has the
  /// sample's shape; `cov` a matrix, or one for each vector. Differentiable in both. Throws
  /// NumericError when a run finds a covariance that is not positive definite; ShapeError for sizes
  /// that differ. A NumPy-compatible stream has RandomState's normal numbers, but NumPy takes the
  /// factor from singular values, so its vectors have the same distribution and other bits.
  Var multivariate_normal(const Sizes& size, const Arg& mean, const Arg& cov,
                          std::optional<DType> dtype = {});
  /// The number (int64) of the first success, from 1 on.
  Var geometric(const Sizes& size, const Arg& p);
  /// How many failures (int64) come before success number n; n may have a fraction.
  Var negative_binomial(const Sizes& size, const Arg& n, const Arg& p);
  /// Successes of n trials whose probability is a beta draw, int64.
  Var beta_binomial(const Sizes& size, const Arg& n, const Arg& a, const Arg& b);
  /// How many (int64) of `sample` taken out of good + bad are good.
  Var hypergeometric(const Sizes& size, const Arg& good, const Arg& bad, const Arg& sample);
  /// For each row of weights along the last axis of `p`, n class numbers (int64) drawn without
  /// replacement, the first first. Fewer than n positive weights are a ShapeError.
  Var multinomial_wo_replacement(const Arg& p, const Arg& n);
  /// The elements of each row, along the last axis, in a random order of its own.
  Var shuffle_row_elements(const Arg& x);
  /// Event counts as int64, of the rate's shape or of `size`.
  Var poisson(const Arg& rate);
  Var poisson(const Sizes& size, const Arg& rate);
  /// Class numbers (int64) drawn with the probabilities along the last axis of `p`, which need not
  /// add up to 1: of p's shape without its last axis.
  Var categorical(const Arg& p);
  /// The same as one-hot rows, in p's dtype and shape.
  Var multinomial(const Arg& p);
  /// How many of n trials fall into each class, in p's dtype and shape. `n`: a scalar, or of p's
  /// shape without its last axis.
  Var multinomial(const Arg& n, const Arg& p);
  /// int64 in [low, high).
  Var randint(const Sizes& size, const Arg& low, const Arg& high);
  /// A random order of 0 .. n - 1, int64.
  Var permutation(const Arg& n);
  /// The rows of `x` in random order.
  Var shuffle(const Arg& x);
  /// `count` rows of `x` (of 0 .. x - 1 for an integer), with or without replacement: each equally
  /// likely, or with the probabilities `p`, one a row (else a ShapeError), that may have any sum.
  /// More rows than can be had without replacement are a NumericError.
  Var choice(const Arg& x, const Arg& count, bool replace = true, const Var& p = {});

  /// Starts all streams anew from `seed`, at draw 0.
  void seed(std::uint64_t seed);
  /// One row a stream, in order of creation, int64: (seed, stream, draw number), or 316 numbers of
  /// a NumPy-compatible stream (the generator and its number of draws).
  Array state() const;
  /// Puts back what `state` returned; throws ShapeError when the number of streams differs.
  void set_state(const Array& state);
  /// How many draws each stream has made since its seed, in order of creation.
  std::vector<std::int64_t> draws() const;
  /// Puts every stream where it is before call `call` (from 0) of the function that draws from it:
  /// the numbers of that call come again. `per_call` is the number of draws of each stream in a
  /// call, as `draws()` says after the first one; 1 each when left out, which holds for draws
  /// outside loops. Throws GraphError for a NumPy-compatible stream, whose numbers have no
  /// addresses: keep its `state()`.
  void replay(std::int64_t call, const std::vector<std::int64_t>& per_call = {});
  /// The streams made so far.
  const std::vector<SharedVar>& streams() const;

 private:
  struct Streams;
  SharedVar new_stream();
  bool numpy() const;
  /// A uniform draw inside (0, 1), whose logarithms are finite.
  Var open_uniform(const Sizes& size, std::optional<DType> dtype);
  /// A draw of `distribution` by NumPy, or the standard one, shifted and scaled.
  Var located(const Distribution& distribution, const Sizes& size, const Arg& location,
              const Arg& scale, std::optional<DType> dtype, const char* who,
              Var (RandomStream::*standard)(const Sizes&, DType));
  Var standard_gumbel(const Sizes& size, DType dtype);
  Var standard_laplace(const Sizes& size, DType dtype);
  Var standard_logistic(const Sizes& size, DType dtype);
  Var standard_cauchy(const Sizes& size, DType dtype);
  /// Of a gamma or beta draw.
  Var shape_parameter(const Arg& parameter, const Sizes& size, DType dtype, const char* who) const;
  void refuse_numpy(const char* what) const;
  std::shared_ptr<Streams> streams_;
};

}  // namespace damo
