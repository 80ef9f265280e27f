#pragma once
#include <cstdint>
#include <limits>
#include <type_traits>

#include <damo/ops/kernels/machine/isa.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>

// What reductions of floats are made of, for those who compute the elements part by part: put
// together as `reduce` does, they give its bits.
namespace damo {

/// Elements in a row (rows under each other) that are taken one after the other; the results of
/// such runs are combined pairwise, which keeps rounding errors at the logarithm of the count.
constexpr std::int64_t reduce_leaf = 128;
constexpr std::int64_t reduce_run_leaf = 8192;
constexpr int reduce_levels = 48;

/// Rows reduced into one: `inner` of them, inner_stride apart, `outer` times.
struct ReducedRows {
  std::int64_t inner;
  std::int64_t inner_stride;
  std::int64_t outer;
  std::int64_t outer_stride;
};

/// What a reduction of no elements gives.
template <Reduction R, class T>
constexpr T identity() {
  using Limits = std::numeric_limits<T>;
  if constexpr (R == Reduction::sum) return T{0};
  if constexpr (R == Reduction::prod) return T{1};
  if constexpr (R == Reduction::max) {
    return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  }
  return Limits::has_infinity ? Limits::infinity() : Limits::max();
}

/// One step of a reduction. NaN wins in max and min.
template <Reduction R, class T>
DAMO_INLINE T fold(T a, T x) {
  if constexpr (std::is_integral_v<T> && R <= Reduction::prod) {  // wraps around
    const auto left = static_cast<std::uint64_t>(a);
    const auto right = static_cast<std::uint64_t>(x);
    return static_cast<T>(R == Reduction::sum ? left + right : left * right);
  } else if constexpr (R == Reduction::sum) {
    return a + x;
  } else if constexpr (R == Reduction::prod) {
    return a * x;
  } else {
    const T best = R == Reduction::max ? (x > a ? x : a) : (x < a ? x : a);
    return x != x ? x : best;
  }
}

/// The 64 (float32) or 32 (float64) slots that a run is dealt out to: element i goes to slot i
/// modulo that number, whatever the width of a register. Shorter runs are taken one by one.
template <class T>
inline constexpr int reduce_slots = 256 / sizeof(T);
constexpr std::int64_t shortest_in_slots = 16;

/// Combines values pairwise as they come.
template <Reduction R, class T>
class Cascade {
 public:
  void push(T value) {
    for (std::int64_t bits = count_++; (bits & 1) != 0; bits >>= 1) {
      value = fold<R>(pending_[--levels_], value);
    }
    pending_[levels_++] = value;
  }
  T result() const {
    if (levels_ == 0) return identity<R, T>();
    T value = pending_[levels_ - 1];
    for (int i = levels_ - 1; i-- > 0;) value = fold<R>(pending_[i], value);
    return value;
  }

 private:
  T pending_[reduce_levels];
  int levels_ = 0;
  std::int64_t count_ = 0;
};

template <class T>
struct FloatKernels {
  /// Reduces n neighbours, reduce_run_leaf at most.
  T (*run)(const T* x, std::int64_t n);
  /// The products of neighbours.
  T (*run_products)(const T* x, const T* y, std::int64_t n);
  /// Deals n neighbours of a run out to its slots: a multiple of their number, but at its end.
  void (*add)(T* slots, const T* x, std::int64_t n);
  /// What the slots of a run come to.
  T (*finish)(const T* slots);
  /// out[j] = fold(out[j], the reduction of column j) over rows of `cols` neighbours.
  void (*rows)(const T* x, const ReducedRows& rows, std::int64_t cols, T* out);
  /// out[j] = fold(a[j], b[j]).
  void (*fold)(const T* a, const T* b, std::int64_t n, T* out);
  /// out[j] = fold(out[j], x[j] y[j]).
  void (*fold_products)(const T* x, const T* y, std::int64_t n, T* out);
};
/// Those of the instruction set in use.
template <Reduction R, class T>
FloatKernels<T> float_kernels();

/// Calls `f` with sum, prod, max or min as a constant.
template <class F>
void for_reduction(Reduction reduction, F&& f) {
  switch (reduction) {
    case Reduction::prod:
      return f(std::integral_constant<Reduction, Reduction::prod>{});
    case Reduction::max:
      return f(std::integral_constant<Reduction, Reduction::max>{});
    case Reduction::min:
      return f(std::integral_constant<Reduction, Reduction::min>{});
    default:
      return f(std::integral_constant<Reduction, Reduction::sum>{});
  }
}

}  // namespace damo
