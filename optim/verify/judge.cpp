#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <damo/graph/text/tensor_text.hpp>
#include <damo/optim/verify/judge.hpp>

namespace damo::optim {
namespace {

using Real = long double;

/// How often a bound on errors may be passed: it is an estimate.
constexpr Real slack = 4;

struct Format {
  explicit Format(DType dtype) {
    if (dtype == DType::float32) {
      unit = std::numeric_limits<float>::epsilon();
      smallest = std::numeric_limits<float>::denorm_min();
      normal = std::numeric_limits<float>::min();
      largest = static_cast<Real>(std::numeric_limits<float>::max());
    }
  }
  /// Within rounding of the dtype.
  Real ulps(Real x) const { return slack * (unit * std::abs(x) + smallest); }
  bool overflows_to(Real truth, double x) const {
    return std::isinf(x) && (x > 0) == (truth > 0) &&
           std::abs(truth) > largest * (1 - slack * unit);
  }
  Real unit = std::numeric_limits<double>::epsilon();
  Real smallest = std::numeric_limits<double>::denorm_min();
  /// Where precision ends.
  Real normal = std::numeric_limits<double>::min();
  Real largest = std::numeric_limits<double>::max();
};

/// One element of all that is compared.
struct Element {
  double was, is;
  Wide before, after;
  std::optional<Wide> limit;
  Format format;
};

/// What stands in the place of a finite number is no further from the truth than rounding explains.
const char* of_finite(const Element& e, Promise promise) {
  const Real truth = e.before.value;
  if (!std::isfinite(e.is)) {
    const bool true_infinity = e.format.overflows_to(truth, e.is);
    const bool true_nan = std::isnan(truth) && std::isnan(e.is) && e.before.doubt == 0;
    // Where what was written underflows in long double too, the other side knows.
    const bool known_nan =
        std::isinf(e.before.doubt) && std::isnan(e.is) && std::isnan(e.after.value);
    // As written it is far off: what it is divided by may be 0, or the truth out of range.
    const bool explained =
        std::isinf(e.is) && (std::isinf(e.before.rounding) ||
                             !(std::abs(truth) + slack * e.before.doubt <= e.format.largest));
    if (true_infinity || true_nan || known_nan || explained) return nullptr;
    return std::isnan(e.is) ? "a finite value becomes nan" : "a finite value becomes infinite";
  }
  if (e.was == e.is) return nullptr;
  if (!std::isfinite(truth)) {
    // The truth is infinite or undefined: nothing better is known than what was computed.
    const bool known = e.before.doubt == 0 && e.before.rounding == 0;
    const Real off = std::abs(static_cast<Real>(e.is) - static_cast<Real>(e.was));
    if (promise > Promise::same_bits && off <= e.format.ulps(e.was)) return nullptr;
    return known ? "a value that is finite by accident becomes another" : nullptr;
  }
  Real allowed = slack * (e.before.rounding + e.before.doubt) + e.format.ulps(truth);
  if (promise >= Promise::stable) {
    // Going through logarithms costs the digits that their size takes.
    const Real few = 4096 * e.format.unit * std::abs(truth);
    allowed += std::min(slack * e.after.rounding, few) + slack * e.format.normal;
  }
  const Real off = std::abs(static_cast<Real>(e.is) - truth);
  if (off <= allowed || std::isnan(allowed)) return nullptr;
  return off <= std::abs(static_cast<Real>(e.was) - truth)
             ? nullptr
             : "a value changes by more than rounding";
}

/// Whether `x` is the value that `truth` says, to a part that says that it is the same function.
bool is_true_value(double x, const Wide& truth, const Wide& own, const Format& format) {
  if (format.overflows_to(truth.value, x)) return true;
  if (!std::isfinite(x) || !std::isfinite(truth.value)) return false;
  const Real own_rounding = std::isfinite(own.rounding) ? own.rounding : 0;
  const Real allowed = slack * (own_rounding + truth.doubt) +
                       std::sqrt(format.unit) * std::abs(truth.value) + format.ulps(truth.value);
  return std::abs(static_cast<Real>(x) - truth.value) <= allowed;
}

/// Whether both sides are the same number in exact arithmetic, as far as that is known.
bool agree(const Element& e) {
  const Real doubt = e.before.doubt + e.after.doubt;
  const Real gap = std::abs(e.before.value - e.after.value);
  return std::isinf(doubt) ||
         gap <= slack * doubt + std::sqrt(e.format.unit) * std::abs(e.before.value);
}

/// What stands in the place of inf or NaN is the same, or the truth.
const char* of_non_finite(const Element& e, Promise promise) {
  if (std::isnan(e.was) && std::isnan(e.is)) return nullptr;
  if (e.was == e.is || (promise == Promise::whole && e.was == -e.is)) return nullptr;
  const bool doubtful = !(e.before.doubt < std::numeric_limits<Real>::infinity());
  if (doubtful && !(e.after.doubt < std::numeric_limits<Real>::infinity())) return nullptr;
  const Wide& nearest = doubtful ? e.after : e.before;
  if (std::isnan(e.is) && std::isnan(nearest.value) && nearest.doubt == 0) return nullptr;
  if (std::isinf(e.is)) {
    // An infinity that is the truth: log(0).
    const bool same = e.before.value == static_cast<Real>(e.is);
    if (same || e.format.overflows_to(e.before.value, e.is)) return nullptr;
    if (doubtful && e.after.value == static_cast<Real>(e.is)) return nullptr;
  }
  if (is_true_value(e.is, e.before, e.after, e.format)) return nullptr;
  // As far off as rounding explains, of what is the same function.
  if (std::isfinite(e.is) && std::isinf(e.after.rounding) && agree(e)) return nullptr;
  // Of infinities that met, one has become finite; the other is what rounding explains.
  if (promise == Promise::whole && std::isnan(e.was) && std::isinf(e.is) &&
      std::isinf(e.after.rounding))
    return nullptr;
  if (doubtful && is_true_value(e.is, e.after, e.after, e.format)) return nullptr;
  if (promise >= Promise::stable && e.limit) {
    // Both sides may be in doubt there: then nothing is known.
    if (!(e.limit->doubt < std::numeric_limits<Real>::infinity())) return nullptr;
    const Real limit = e.limit->value;
    const bool grows = std::isinf(e.is) && limit != 0 && (e.is > 0) == (limit > 0);
    const bool near = std::isfinite(e.is) && std::abs(static_cast<Real>(e.is) - limit) <=
                                                 1e-3L * std::max(1.0L, std::abs(limit));
    if (grows || near) return nullptr;
  }
  if (std::isnan(e.is)) return "an infinite value becomes nan";
  if (std::isnan(e.was)) return "nan becomes a number that is not the truth";
  return "an infinite value becomes a number that is not the truth";
}

/// What an element that is undefined at an infinity tends to: by the side that does not lose it.
std::optional<Wide> limit_of(Truth& truth, double was, std::size_t at) {
  if (std::isfinite(was) || !truth.has_limit()) return std::nullopt;
  const WideArray& before = truth.limit_before();
  const WideArray& after = truth.limit_after();
  if (before.size() <= at || after.size() <= at) return std::nullopt;
  const bool lost =
      before[at].doubt > 0 && !(before[at].doubt <= 0.01L * std::abs(before[at].value));
  return lost ? after[at] : before[at];
}

std::string number(const Wide& x) {
  if (!(x.doubt < std::numeric_limits<Real>::infinity())) return {};
  if (std::isnan(x.value)) return "nan";
  return fmt::format("{:.17g}", static_cast<double>(x.value));
}

bool any_is_possible(const WideArray& a) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isinf(a[i].rounding) || std::isnan(a[i].value)) return true;
  }
  return false;
}

/// Elements as numbers, integers exactly.
bool same_element(const Tensor& a, const Tensor& b, const Shape& index) {
  return dispatch(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::int64_t at_a = 0;
    std::int64_t at_b = 0;
    for (std::size_t axis = 0; axis < index.rank(); ++axis) {
      at_a += index[axis] * a.strides[axis];
      at_b += index[axis] * b.strides[axis];
    }
    const T x = a.as<T>()[at_a];
    const T y = b.as<T>()[at_b];
    if constexpr (std::is_floating_point_v<T>) {
      return (x == y && std::signbit(x) == std::signbit(y)) || (std::isnan(x) && std::isnan(y));
    } else {
      return x == y;
    }
  });
}

}  // namespace

std::optional<Lie> judge(const Tensor& was, const Tensor& is, Truth truth, Promise promise) {
  const bool to_the_bit = promise == Promise::same_bits || promise == Promise::zero_sign;
  if (!to_the_bit && !truth.is_known()) return std::nullopt;
  if (was.shape != is.shape) {
    // Of a loop that stops by a condition that rounding may turn, or what is undefined.
    if (!to_the_bit && (any_is_possible(truth.before()) || truth.meets_limit()))
      return std::nullopt;
    return Lie{"the shape changes", to_string(was.shape), to_string(is.shape), {}, "the shape"};
  }
  if (!to_the_bit && (truth.before().shape() != was.shape || truth.after().shape() != was.shape))
    return std::nullopt;
  const Format format(was.dtype);
  for (std::int64_t i = 0; i < was.elements(); ++i) {
    const Shape index = index_of(i, was.shape);
    if (same_element(was, is, index)) continue;
    const double x = element_at(was, index);
    const double y = element_at(is, index);
    const char* what = nullptr;
    const auto at = static_cast<std::size_t>(i);
    if (promise == Promise::same_bits) {
      what = x == y ? "the sign of a zero changes" : "the bits change";
    } else if (promise == Promise::zero_sign) {
      what = x == y && is_float(was.dtype) ? nullptr : "the bits change";
    } else if (is_float(was.dtype)) {
      const Element element{x,     y, truth.before()[at], truth.after()[at], limit_of(truth, x, at),
                            format};
      what = std::isfinite(x) ? of_finite(element, promise) : of_non_finite(element, promise);
    } else if (truth.before()[at].rounding == 0) {
      what = "an exact value changes";
    }
    const bool free = promise == Promise::whole && what != nullptr;
    if (what == nullptr || (free && (truth.meets_limit() || truth.sign_of_zero_counts()))) continue;
    const bool finite = std::isfinite(x) && std::isfinite(y);
    if (promise == Promise::method && !finite && !truth.stays_near_one()) continue;
    return Lie{what, element_text(was, index), element_text(is, index), number(truth.before()[at]),
               fmt::format("element {} of {} {}", to_string(index), name(was.dtype),
                           to_string(was.shape))};
  }
  return std::nullopt;
}

}  // namespace damo::optim
