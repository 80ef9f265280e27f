#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/random/numpy_samplers.hpp>
#include <damo/ops/random/numpy_random_state.hpp>

namespace damo {
namespace {

template <class T, class F>
Array filled(const Shape& size, F&& next) {
  Array a(dtype_of<T>(), size);
  std::generate_n(a.data<T>(), a.elements(), next);
  return a;
}

}  // namespace

Mt19937 detail::numpy_generator(std::uint64_t seed) {
  if (seed > 0xFFFFFFFFU) {
    throw NumericError(
        fmt::format("a seed of NumPy's RandomState is at most 4294967295, got {}", seed));
  }
  return Mt19937(static_cast<std::uint32_t>(seed));
}

NumpyRandomState::NumpyRandomState(std::uint64_t seed) : g_(detail::numpy_generator(seed)) {}

void NumpyRandomState::seed(std::uint64_t seed) { g_ = detail::numpy_generator(seed); }

double NumpyRandomState::uniform(double low, double high) {
  return low + (high - low) * g_.uniform();
}

Array NumpyRandomState::uniform(double low, double high, const Shape& size) {
  return filled<double>(size, [&] { return uniform(low, high); });
}

double NumpyRandomState::normal(double mean, double stddev) {
  if (!(stddev >= 0))
    throw NumericError(fmt::format("normal: the standard deviation {} is negative", stddev));
  return mean + stddev * g_.normal();
}

Array NumpyRandomState::normal(double mean, double stddev, const Shape& size) {
  return filled<double>(size, [&] { return normal(mean, stddev); });
}

std::int64_t NumpyRandomState::randint(std::int64_t high) { return randint(0, high); }

std::int64_t NumpyRandomState::randint(std::int64_t low, std::int64_t high) {
  if (high <= low)
    throw NumericError(fmt::format("randint: no integer lies in [{}, {})", low, high));
  const auto first = static_cast<std::uint64_t>(low);
  return static_cast<std::int64_t>(first +
                                   g_.integer(static_cast<std::uint64_t>(high) - first - 1));
}

Array NumpyRandomState::randint(std::int64_t low, std::int64_t high, const Shape& size) {
  return filled<std::int64_t>(size, [&] { return randint(low, high); });
}

std::int64_t NumpyRandomState::binomial(std::int64_t n, double p) {
  if (n < 0 || !(p >= 0) || !(p <= 1))
    throw NumericError(fmt::format("binomial: n = {} and p = {} are out of range", n, p));
  return numpy_binomial(g_, n, p);
}

Array NumpyRandomState::binomial(std::int64_t n, double p, const Shape& size) {
  return filled<std::int64_t>(size, [&] { return binomial(n, p); });
}

Array NumpyRandomState::permutation(std::int64_t n) {
  Array order(DType::int64, Shape{n});
  numpy_permutation(g_, {order.data<std::int64_t>(), static_cast<std::size_t>(n)});
  return order;
}

void NumpyRandomState::shuffle(Array& rows) {
  if (rows.rank() == 0) throw ShapeError("shuffle: a scalar has no rows");
  const Array order = permutation(rows.shape()[0]);
  const Array from = rows;
  const std::size_t width =
      rows.elements() == 0 ? 0 : rows.bytes() / static_cast<std::size_t>(rows.shape()[0]);
  std::byte* to = rows.raw();
  for (const std::int64_t row : order.values<std::int64_t>())
    to = std::copy_n(from.raw() + static_cast<std::size_t>(row) * width, width, to);
}

Array NumpyRandomState::state() const {
  Array packed(DType::int64, Shape{Mt19937::packed_size});
  g_.pack(packed.data<std::int64_t>());
  return packed;
}

void NumpyRandomState::set_state(const Array& state) {
  if (state.dtype() != DType::int64 || !(state.shape() == Shape{Mt19937::packed_size})) {
    throw ShapeError(fmt::format("a state of NumPy's RandomState is int64 ({},), got {} {}",
                                 Mt19937::packed_size, name(state.dtype()),
                                 to_string(state.shape())));
  }
  g_ = Mt19937(state.data<std::int64_t>());
}

}  // namespace damo
