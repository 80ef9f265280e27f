#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/ops/kernels/random/mt19937.hpp>

namespace damo {

/// NumPy's legacy `numpy.random.RandomState(seed)`, bit for bit: a plain generator (no graph) for
/// what the classic programs draw outside their graphs, such as initial weights:
///
///     NumpyRandomState numpy_rng(123);
///     auto rng = RandomStream::numpy_compatible(numpy_rng.randint(1 << 30));
///     SharedVar W = shared(numpy_rng.uniform(-0.1, 0.1, {784, 500}).cast(floatX()), "W");
///
/// Arrays are filled row by row. Functions of `numpy.random` itself are those of one such object.
class NumpyRandomState {
 public:
  /// Throws NumericError for a seed above 2^32 - 1.
  explicit NumpyRandomState(std::uint64_t seed);

  /// In [low, high), float64.
  double uniform(double low = 0, double high = 1);
  Array uniform(double low, double high, const Shape& size);
  double normal(double mean = 0, double stddev = 1);
  Array normal(double mean, double stddev, const Shape& size);
  /// In [0, high), or in [low, high). Throws NumericError when there is none.
  std::int64_t randint(std::int64_t high);
  std::int64_t randint(std::int64_t low, std::int64_t high);
  Array randint(std::int64_t low, std::int64_t high, const Shape& size);
  /// Successes of n trials, int64. Throws NumericError for n < 0 and p outside [0, 1].
  std::int64_t binomial(std::int64_t n, double p);
  Array binomial(std::int64_t n, double p, const Shape& size);
  /// A random order of 0 .. n - 1, int64.
  Array permutation(std::int64_t n);
  /// Puts the items in random order.
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i-- > 1;) {
      const auto j = static_cast<std::size_t>(g_.integer(i));
      if (j != i) std::swap(items[i], items[j]);
    }
  }
  /// Puts the rows in random order.
  void shuffle(Array& rows);

  /// Starts anew.
  void seed(std::uint64_t seed);
  /// int64 numbers that hold the generator, for `set_state` and for files.
  Array state() const;
  void set_state(const Array& state);

 private:
  Mt19937 g_;
};

namespace detail {
/// The generator of a seed; throws NumericError above 2^32 - 1.
Mt19937 numpy_generator(std::uint64_t seed);
}  // namespace detail

}  // namespace damo
