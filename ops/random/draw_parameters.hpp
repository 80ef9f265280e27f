#pragma once
#include <fmt/format.h>

#include <cmath>
#include <span>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/values/tensor.hpp>
#include <damo/graph/values/workspace.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/random/distribution.hpp>

// How the kernels of draws see their parameters.
namespace damo::detail {

/// The draw that a Philox stream's state names.
PhiloxKey key_of(const Tensor& state);

/// Scratch memory handed out piece by piece.
class Room {
 public:
  /// Enough for `pieces` of together `items` numbers of 8 bytes.
  Room(Workspace& scratch, std::size_t pieces, std::int64_t items)
      : at_(scratch.bytes(static_cast<std::size_t>(items) * 8 + pieces * 64)) {}
  template <class T>
  std::span<T> take(std::int64_t n) {
    const auto count = static_cast<std::size_t>(n);
    T* piece = reinterpret_cast<T*>(at_);
    at_ += (count * sizeof(T) + 63) / 64 * 64;
    return {piece, count};
  }

 private:
  std::byte* at_;
};

/// `in` stretched to `shape`.
inline Tensor stretched(const Tensor& in, const Shape& shape) {
  Tensor wide{in.data, in.dtype, shape, {}};
  wide.strides.resize(shape.rank(), 0);
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if (in.rank() == shape.rank() && in.shape[i] == shape[i]) {
      if (in.shape[i] != 1) wide.strides[i] = in.strides[i];
    } else if (in.rank() != shape.rank() || in.shape[i] != 1) {
      throw ShapeError(fmt::format("a parameter of shape {} does not fit the size {}",
                                   to_string(in.shape), to_string(shape)));
    }
  }
  return wide;
}

/// A parameter as float64 numbers (int64 ones for randint): one an element of the sample, or one
/// for all.
template <class T>
struct Numbers {
  const T* data;
  std::int64_t step;
  T operator[](std::int64_t i) const { return data[i * step]; }
  std::span<const T> row(std::int64_t first, std::int64_t n) const {
    return {data + first * step, static_cast<std::size_t>(n)};
  }
};

/// All elements of `in` without gaps.
template <class T>
std::span<T> packed(const Tensor& in, Room& room) {
  const std::span<T> all = room.take<T>(in.elements());
  copy(in, {reinterpret_cast<std::byte*>(all.data()), dtype_of<T>(), in.shape,
            contiguous_strides(in.shape)});
  return all;
}

template <class T>
Numbers<T> numbers(const Tensor& in, const Shape& shape, Room& room) {
  if (in.rank() == 0) return {packed<T>(in, room).data(), 0};
  return {packed<T>(stretched(in, shape), room).data(), 1};
}

/// The sum of weights; throws NumericError when one is out of range or none is positive.
inline double checked_total(std::span<const double> weights, std::int64_t row) {
  double total = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0) || std::isinf(weights[i])) {
      throw NumericError(
          fmt::format("probability {} of row {} is {}: it must be at least 0", i, row, weights[i]));
    }
    total += weights[i];
  }
  if (!(total > 0)) {
    throw NumericError(
        fmt::format("none of the {} probabilities of row {} is positive", weights.size(), row));
  }
  return total;
}

/// NumPy asks that probabilities add up to 1 within the square root of their dtype's precision.
inline void check_sum(std::span<const double> p, DType dtype, std::int64_t row) {
  const double total = checked_total(p, row);
  const double tolerance = dtype == DType::float32 ? 3.5e-4 : 1.5e-8;
  if (std::abs(total - 1) > tolerance) {
    throw NumericError(fmt::format("the probabilities of row {} add up to {}, not 1", row, total));
  }
}

/// Throws NumericError when `count` rows cannot be drawn without replacement from `rows`.
inline void check_enough(std::int64_t count, std::int64_t rows, const char* which) {
  if (count > rows) {
    throw NumericError(
        fmt::format("{} rows are to be drawn without replacement from {}{}", count, rows, which));
  }
}

/// Memory for all that the samplers take.
Room room_for(const Distribution& distribution, TensorsIn parameters, const Shape& sample,
              Workspace& scratch);

/// Throws the NumericError of parameters out of range: what they are, and what is asked of them.
[[noreturn]] void refuse(const Distribution& distribution, std::int64_t element,
                         std::span<const double> parameters);

}  // namespace damo::detail
