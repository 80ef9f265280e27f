#pragma once
#include <cstdint>
#include <vector>

#include <damo/graph/values/array.hpp>

namespace damo::optim {

/// A linear congruential generator (Knuth's MMIX): the same graphs and values everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 1) { below(2); }
  std::size_t below(std::size_t n) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>((state_ >> 33U) % n);
  }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[below(list.size())];
  }

 private:
  std::uint64_t state_;
};

/// Signed zeros, infinities, NaN, subnormal, huge and tiny numbers, and the sizes at which exp,
/// sigmoid and softplus saturate in float32 and float64.
const std::vector<double>& adversarial_numbers();
/// Values of moderate size, ties among them.
const std::vector<double>& ordinary_numbers();

/// An array of such numbers, small integers, or booleans. `extreme`: how many of ten are
/// adversarial.
Array drawn(Dice& dice, DType dtype, const Shape& shape, std::size_t extreme);

}  // namespace damo::optim
