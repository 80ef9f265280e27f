#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

// Sums that left the range of their type on the way: numbers of either sign may go beyond the
// largest one in some order and not in another, and what they come to is the same. No rewrite that
// changes an order can then lose a finite sum.
namespace damo {

/// Whether none of `n` numbers is infinite or NaN.
bool all_finite(const float* x, std::int64_t n);
bool all_finite(const double* x, std::int64_t n);

/// Takes `n` sums, which are to be infinite or NaN in places, again from their terms.
template <class T>
class SumsAgain {
 public:
  SumsAgain(T* sums, std::int64_t n) : sums_(sums), totals_(static_cast<std::size_t>(n), 0.0L) {}

  bool wanted(std::int64_t i) const { return !std::isfinite(sums_[i]); }
  /// One more term of a wanted sum, in row-major order.
  void add(std::int64_t i, T term) { totals_[static_cast<std::size_t>(i)] += term; }
  void finish() {
    for (std::size_t i = 0; i < totals_.size(); ++i) {
      if (!std::isfinite(sums_[i])) sums_[i] = static_cast<T>(totals_[i]);
    }
  }

 private:
  T* sums_;
  // Its exponents reach far enough for any sum of doubles.
  std::vector<long double> totals_;
};

}  // namespace damo
