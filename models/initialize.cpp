#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/evaluate.hpp>
#include <damo/graph/text/print.hpp>
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

namespace {

void check_shape(const char* model, const char* what, const SharedVar& given, const Shape& wanted,
                 const std::string& line) {
  if (!given.defined() || given.value().shape() == wanted) return;
  throw ShapeError(fmt::format("{}: {} has shape {}, expected {}; it is {}, the model made at {}",
                               model, what, to_string(given.value().shape()), to_string(wanted),
                               describe(given), line));
}

}  // namespace

void check_layer(const char* name, const Var& input, std::int64_t n_visible, std::int64_t n_hidden,
                 const SharedVar& W, const SharedVar& hbias, const SharedVar& vbias, Site site) {
  const std::string line = to_string(SiteScope::or_else(site));
  if (n_visible < 1 || n_hidden < 1) {
    throw ShapeError(
        fmt::format("{}: {} visible and {} hidden units; there must be one of each, at {}", name,
                    n_visible, n_hidden, line));
  }
  const std::int64_t width = input.ndim() == 2 ? input.type().dims[1] : 0;
  if (input.ndim() != 2 || (width != unknown && width != n_visible)) {
    throw ShapeError(
        fmt::format("{}: the input is a matrix of {} columns, one for each visible unit, "
                    "got {}, at {}",
                    name, n_visible, describe(input), line));
  }
  check_shape(name, "W", W, {n_visible, n_hidden}, line);
  check_shape(name, "the bias of hidden units", hbias, {n_hidden}, line);
  check_shape(name, "the bias of visible units", vbias, {n_visible}, line);
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
