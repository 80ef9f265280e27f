#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <damo/graph/wide/wide.hpp>

namespace damo {
namespace {

constexpr long double infinite = std::numeric_limits<long double>::infinity();
constexpr long double own_smallest = std::numeric_limits<long double>::denorm_min();
constexpr long double own_unit = std::numeric_limits<long double>::epsilon();
/// How far from 0 a number may be that has underflowed, with room for what it is divided by.
constexpr long double underflow = 1e-4900L;
/// Library functions are within a few units in the last place.
constexpr long double units = 4;

bool equal(long double a, long double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// How far `f` is from `y` when operand `i` has another value.
long double moved(WideFunction f, std::span<long double> x, std::size_t i, long double to,
                  long double y) {
  const long double was = std::exchange(x[i], to);
  const long double other = f(x.data());
  x[i] = was;
  if (equal(other, y)) return 0;
  return std::isfinite(other) && std::isfinite(y) ? std::abs(other - y) : infinite;
}

/// Whether `f` is something else than `y` where the operands of which nothing is known are moved
/// together: the larger of two infinities in doubt is in doubt.
bool moved_together(WideFunction f, std::span<const std::size_t> unknown, std::span<long double> at,
                    long double y) {
  if (unknown.empty()) return !equal(f(at.data()), y);
  const std::size_t i = unknown.front();
  const long double was = at[i];
  bool moves = false;
  for (const long double to : {-infinite, 0.0L, infinite}) {
    at[i] = to;
    moves = moves || moved_together(f, unknown.subspan(1), at, y);
  }
  at[i] = was;
  return moves;
}

/// How far `f` is from `y` with all operands off at once, upwards or downwards: a product of two
/// that are 0 but for their errors is no more than those multiplied.
long double all_moved(WideFunction f, std::span<const Wide> x, long double Wide::*bound, int sign,
                      std::span<long double> at, long double y) {
  for (std::size_t i = 0; i < x.size(); ++i) at[i] = x[i].value + sign * x[i].*bound;
  const long double other = f(at.data());
  for (std::size_t i = 0; i < x.size(); ++i) at[i] = x[i].value;
  if (equal(other, y)) return 0;
  return std::isfinite(other) && std::isfinite(y) ? std::abs(other - y) : infinite;
}

/// How far the operands' errors move `f`.
long double spread(WideFunction f, std::span<const Wide> x, long double Wide::*bound,
                   std::span<long double> at, long double y) {
  long double total = 0;
  std::array<std::size_t, 4> unknown{};
  std::size_t n = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double e = x[i].*bound;
    if (e == 0) continue;
    if (std::isinf(e) || !std::isfinite(x[i].value)) {
      unknown[n++] = i;
      if (std::isnan(x[i].value) && std::isnan(y)) total = infinite;
    } else {
      total += std::max(moved(f, at, i, x[i].value - e, y), moved(f, at, i, x[i].value + e, y));
      if (std::abs(x[i].value) < e) total = std::max(total, moved(f, at, i, 0, y));  // a pole
    }
  }
  if (n > 0) return moved_together(f, std::span(unknown).first(n), at, y) ? infinite : total;
  return std::max({total, all_moved(f, x, bound, 1, at, y), all_moved(f, x, bound, -1, at, y)});
}

/// Whether `holds` of `f` wherever one operand is moved a little.
template <class F>
bool around(WideFunction f, std::span<long double> x, F&& holds) {
  for (long double& operand : x) {
    if (std::isinf(operand)) return false;
    const long double was = operand;
    bool both = true;
    for (const long double near :
         {was == 0 ? 1e-3000L : was * (1 + 1e-9L), was == 0 ? -1e-3000L : was * (1 - 1e-9L)}) {
      operand = near;
      both = both && holds(f(x.data()));
    }
    operand = was;
    if (!both) return false;
  }
  return true;
}
/// Whether an infinity is long double's overflow, and not a pole, next to which `f` is finite.
bool overflows(WideFunction f, std::span<long double> x) {
  return around(f, x, [](long double y) { return !std::isfinite(y); });
}
bool flat(WideFunction f, std::span<long double> x) {
  return around(f, x, [](long double y) { return y == 0; });
}

/// Whether a 0 comes of an operand that is 0 by underflow alone.
bool made_of_underflow(WideFunction f, std::span<const Wide> x, std::span<long double> at) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i].value == 0 && x[i].doubt > 0 && moved(f, at, i, 1e-3000L, 0) != 0) return true;
  }
  return false;
}

}  // namespace

WideArray::WideArray(const Tensor& t) : WideArray(t.dtype, t.shape) {
  dispatch(t.dtype, [&](auto zero) {
    const auto* data = t.as<decltype(zero)>();
    for (std::size_t i = 0; i < size(); ++i) {
      auto rest = static_cast<std::int64_t>(i);
      std::int64_t offset = 0;
      for (std::size_t axis = t.rank(); axis-- > 0; rest /= t.shape[axis])
        offset += rest % t.shape[axis] * t.strides[axis];
      elements_[i].value = static_cast<long double>(data[offset]);
    }
  });
}

const Wide& WideArray::stretched(const Shape& index) const {
  std::int64_t at = 0;
  for (std::size_t axis = 0; axis < shape_.rank(); ++axis)
    at = at * shape_[axis] + (shape_[axis] == 1 ? 0 : index[axis]);
  return elements_[static_cast<std::size_t>(at)];
}

Array WideArray::rounded(int sign, long double Wide::*bound) const {
  Array a(dtype_, shape_);
  dispatch(dtype_, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < size(); ++i) {
      const long double e = elements_[i].*bound;
      const long double x = elements_[i].value + (sign == 0 || e == 0 ? 0 : sign * e);
      T& to = a.data<T>()[i];
      if constexpr (std::is_same_v<T, bool>) {
        to = x >= 0.5L;
      } else if constexpr (std::is_same_v<T, std::int64_t>) {
        constexpr long double most = 9.2e18L;
        to = std::abs(elements_[i].value) < most && !(std::abs(x) < most)
                 ? (sign > 0 ? std::numeric_limits<T>::max() : std::numeric_limits<T>::min())
                 : static_cast<T>(x);
      } else {
        to = converted<T>(x);
      }
    }
  });
  return a;
}

WideMath::WideMath(DType dtype) {
  const bool single = dtype == DType::float32;
  const bool real = is_float(dtype);
  unit_ = !real    ? 0
          : single ? std::numeric_limits<float>::epsilon()
                   : std::numeric_limits<double>::epsilon();
  smallest_ = !real    ? 0
              : single ? std::numeric_limits<float>::denorm_min()
                       : std::numeric_limits<double>::denorm_min();
  largest_ = !real    ? infinite
             : single ? static_cast<long double>(std::numeric_limits<float>::max())
                      : static_cast<long double>(std::numeric_limits<double>::max());
}

Wide WideMath::operator()(WideFunction f, std::span<const Wide> x) const {
  long double at[4] = {};
  for (std::size_t i = 0; i < x.size(); ++i) at[i] = x[i].value;
  Wide y{f(at)};
  y.doubt = spread(f, x, &Wide::doubt, {at, x.size()}, y.value);
  y.rounding = spread(f, x, &Wide::rounding, {at, x.size()}, y.value);
  if (std::isinf(y.value) && overflows(f, {at, x.size()})) y.doubt = y.rounding = infinite;
  // What underflows is not 0: neither are its neighbours then anything else. Nor is what is made of
  // it.
  if (y.value == 0 && (flat(f, {at, x.size()}) || made_of_underflow(f, x, {at, x.size()}))) {
    y.doubt = std::max(y.doubt, underflow);
    y.rounding = std::max(y.rounding, smallest_);
  }
  if (!std::isfinite(y.value) || unit_ == 0) return y;
  const long double size = std::abs(y.value);
  y.doubt += size == 0 ? 0 : units * own_unit * size + own_smallest;
  y.rounding += size == 0 ? 0 : units * unit_ * size + smallest_;
  if (size + y.rounding > largest_) y.rounding = infinite;
  return y;
}

Wide WideMath::add(const Wide& a, const Wide& b) const {
  const Wide x[] = {a, b};
  return (*this)([](const long double* v) { return v[0] + v[1]; }, x);
}
Wide WideMath::sub(const Wide& a, const Wide& b) const {
  const Wide x[] = {a, b};
  return (*this)([](const long double* v) { return v[0] - v[1]; }, x);
}
Wide WideMath::mul(const Wide& a, const Wide& b) const {
  const Wide x[] = {a, b};
  return (*this)([](const long double* v) { return v[0] * v[1]; }, x);
}
Wide WideMath::div(const Wide& a, const Wide& b) const {
  const Wide x[] = {a, b};
  return (*this)([](const long double* v) { return v[0] / v[1]; }, x);
}
Wide WideMath::max(const Wide& a, const Wide& b) const {
  const Wide x[] = {a, b};
  return (*this)(
      [](const long double* v) {
        return std::isnan(v[0]) || std::isnan(v[1]) ? v[0] + v[1] : std::max(v[0], v[1]);
      },
      x);
}

Wide WideMath::min(const Wide& a, const Wide& b) const {
  const Wide x[] = {a, b};
  return (*this)(
      [](const long double* v) {
        return std::isnan(v[0]) || std::isnan(v[1]) ? v[0] + v[1] : std::min(v[0], v[1]);
      },
      x);
}

Wide WideMath::exp(const Wide& x) const {
  return (*this)([](const long double* v) { return std::exp(v[0]); }, std::span(&x, 1));
}
Wide WideMath::log(const Wide& x) const {
  return (*this)([](const long double* v) { return std::log(v[0]); }, std::span(&x, 1));
}

}  // namespace damo
