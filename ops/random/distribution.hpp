#pragma once
#include <damo/graph/op.hpp>
#include <damo/ops/kernels/random/philox.hpp>

namespace damo {

class OpList;
struct PhiloxSample;
struct NumpySample;

/// What a draw's numbers are distributed by: all that is known of it, said once. A function that is
/// null is none: no facts, no derivatives, no draws from that generator.
struct Distribution {
  enum class Dtypes : std::uint8_t { any, floats, int64 };
  enum class Ranks : std::uint8_t { any, one, at_least_one };

  const char* name = "";
  Dtypes dtypes = Dtypes::any;  ///< of samples
  Ranks ranks = Ranks::any;     ///< of samples
  std::size_t n_parameters = 0;
  /// Whether parameter `i` of that type fits a sample of that rank.
  bool (*takes)(std::size_t i, const TensorType& type, std::size_t rank) = takes_floats;
  /// What is asked of the parameters' values: "p between 0 and 1".
  const char* needs = "";
  Fact (*facts)(std::span<const Fact> parameters) = nullptr;
  /// Of a sample, in each parameter, while its quantile stays.
  Vars (*derivatives)(const Apply& node) = nullptr;
  /// Elements [first, first + n) from Philox, of a distribution without parameters, so that fused
  /// loops draw tile by tile.
  void (*fill)(const PhiloxKey& key, std::int64_t first, std::int64_t n, DType dtype,
               void* out) = nullptr;
  /// The same for a distribution with one float32 parameter, given for each element, and samples of
  /// float32.
  void (*fill_from)(const PhiloxKey& key, std::int64_t first, std::int64_t n,
                    const float* parameter, float* out) = nullptr;
  void (*philox)(PhiloxSample& sample) = nullptr;
  void (*numpy)(NumpySample& sample) = nullptr;
  /// Numbers of 8 bytes that samplers need beside their parameters. Throws NumericError for
  /// parameters that no sample can be drawn by.
  std::int64_t (*scratch)(TensorsIn parameters) = nullptr;

  // What many have.
  /// One number for all elements of a sample, or one for each.
  static bool fits_sample(const TensorType& type, std::size_t rank) {
    return type.rank() == 0 || type.rank() == rank;
  }
  static bool takes_floats(std::size_t i, const TensorType& type, std::size_t rank);
  static Fact whole_numbers(std::span<const Fact> parameters);

  /// Draws are told apart by the place of their distribution, so there are no copies.
  struct Unique {
    Unique() = default;
    Unique(const Unique&) = delete;
    Unique& operator=(const Unique&) = delete;
  };
  [[no_unique_address]] Unique unique{};
};

/// Those that rewrites and other draws know. The others are constants of the files that draw them.
extern const Distribution uniform_distribution;    ///< [0, 1)
extern const Distribution bernoulli_distribution;  ///< one parameter p: uniform < p
/// One parameter z: uniform < sigmoid(z). What rewriting makes of a Bernoulli draw.
extern const Distribution bernoulli_logit_distribution;
extern const Distribution randint_distribution;  ///< whole numbers in [low, high)

/// Makes the draws' text readable.
void add_draws(OpList& ops, const Distribution& distribution);

}  // namespace damo
