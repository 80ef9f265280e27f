#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/models/initialize.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/random/random_stream.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo::models {

SharedVar uniform_parameter(const Sizes& size, double bound, std::uint64_t seed, std::string name,
                            DType dtype, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  return shared(evaluate(RandomStream(seed).uniform(size, -bound, bound, dtype)), std::move(name));
}

SharedVar uniform_parameter(const Shape& size, double bound, NumpyRandomState& numpy_rng,
                            std::string name, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  return shared(numpy_rng.uniform(-bound, bound, size).cast(floatX()), std::move(name));
}

SharedVar normal_parameter(const Sizes& size, double stddev, std::uint64_t seed, std::string name,
                           DType dtype, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  return shared(evaluate(RandomStream(seed).normal(size, 0.0, stddev, dtype)), std::move(name));
}

SharedVar zero_parameter(const Sizes& size, std::string name, DType dtype, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  return shared(evaluate(zeros(size, dtype)), std::move(name));
}

SharedVar layer_weights(std::int64_t n_visible, std::int64_t n_hidden, NumpyRandomState* numpy_rng,
                        std::uint64_t seed, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  const double bound = 4 * std::sqrt(6.0 / static_cast<double>(n_hidden + n_visible));
  if (numpy_rng == nullptr) return uniform_parameter({n_visible, n_hidden}, bound, seed, "W");
  return uniform_parameter(Shape{n_visible, n_hidden}, bound, *numpy_rng, "W");
}

RandomStream stream_or(const std::optional<RandomStream>& given, NumpyRandomState* numpy_rng,
                       std::uint64_t seed, Site site) {
  if (given) return *given;
  if (numpy_rng == nullptr) return RandomStream(seed, site);
  return RandomStream::numpy_compatible(static_cast<std::uint64_t>(numpy_rng->randint(1L << 30)),
                                        site);
}

Var all_binary_states(std::int64_t n) {
  if (n < 1 || n > 20)
    throw ShapeError(fmt::format("all_binary_states: 1 to 20 units can be enumerated, not {}", n));
  const Var state = dimshuffle(arange(std::int64_t{1} << n), {0, newaxis});
  const Var unit = dimshuffle(pow(2, arange(n)), {newaxis, 0});
  return cast(floor_div(state, unit) % 2, floatX());
}

}  // namespace damo::models
