#pragma once
#include <cmath>
#include <cstdint>

#include <damo/ops/kernels/machine/scratch.hpp>

// Sums that left the range of their type on the way: numbers of either sign may go beyond the
// largest one in some order and not in another, and what they come to is the same. No rewrite that
// changes an order can then lose a finite sum.
namespace damo {

/// Whether none of `n` numbers is infinite or NaN.
bool all_finite(const float* x, std::int64_t n);
bool all_finite(const double* x, std::int64_t n);

/// Takes `n` sums, which are infinite or NaN in places, again from their terms; one at a time on a
/// thread.
template <class T>
class SumsAgain {
 public:
  SumsAgain(T* sums, std::int64_t n) : sums_(sums), n_(n), totals_(memory().reserve<Total>(n)) {
    for (std::int64_t i = 0; i < n; ++i) {
      totals_[i] = 0;
      open_ += std::isfinite(sums[i]) ? 0 : 1;
    }
  }

  bool wanted(std::int64_t i) const { return !std::isfinite(sums_[i]) && !std::isnan(totals_[i]); }
  /// One more term of a wanted sum, in row-major order.
  void add(std::int64_t i, T term) {
    totals_[i] += term;
    if (std::isnan(totals_[i])) --open_;
  }
  /// Whether no further term changes anything: all that is left is NaN.
  bool settled() const { return open_ == 0; }
  void finish() {
    for (std::int64_t i = 0; i < n_; ++i) {
      if (!std::isfinite(sums_[i])) sums_[i] = static_cast<T>(totals_[i]);
    }
  }

 private:
  using Total = long double;  // its exponents reach far enough for any sum of doubles
  static Scratch& memory() {
    static thread_local Scratch scratch;
    return scratch;
  }

  T* sums_;
  std::int64_t n_;
  Total* totals_;
  std::int64_t open_ = 0;
};

}  // namespace damo
