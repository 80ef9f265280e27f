#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include <damo/graph/text/tensor_text.hpp>
#include <damo/runtime/check/difference.hpp>

namespace damo {
namespace {

constexpr double allowed_float32 = 1e-3;
constexpr double allowed_float64 = 1e-6;

/// How far apart two elements are, in units of what rounding explains; at most 1 is fine.
double distance(double before, double after, double allowed, double scale) {
  if (std::isnan(before) || before == after) return 0;
  if (std::isinf(before)) return std::isfinite(after) ? 0 : INFINITY;
  if (!std::isfinite(after)) return INFINITY;
  const double unit = allowed * std::max({1.0, std::abs(before), std::abs(after), scale});
  return unit == 0 ? INFINITY : std::abs(before - after) / unit;
}

}  // namespace

std::string Difference::text(const std::string& first, const std::string& second) const {
  return fmt::format("{}: {} {}, {} {}", place, before, first, after, second);
}

double magnitude(const Tensor& t) {
  double largest = 0;
  for (std::int64_t i = 0; i < t.elements(); ++i) {
    const double v = std::abs(element_at(t, index_of(i, t.shape)));
    if (std::isfinite(v)) largest = std::max(largest, v);
  }
  return largest;
}

namespace {

/// The element for which `distance` is largest, when that is more than 1.
std::optional<Difference> farthest(const Tensor& before, const Tensor& after,
                                   const std::function<double(double, double)>& distance_of) {
  if (before.shape != after.shape)
    return Difference{to_string(before.shape), to_string(after.shape), "the shape"};
  double worst = 1;
  Shape where;
  for (std::int64_t i = 0; i < before.elements(); ++i) {
    const Shape index = index_of(i, before.shape);
    const double d = distance_of(element_at(before, index), element_at(after, index));
    if (d <= worst) continue;
    worst = d;
    where = index;
  }
  if (worst <= 1) return std::nullopt;
  return Difference{element_text(before, where), element_text(after, where),
                    fmt::format("element {} of {} {}", to_string(where), name(before.dtype),
                                to_string(before.shape))};
}

}  // namespace

std::optional<Difference> differ(const Tensor& before, const Tensor& after, double scale) {
  const double allowed = before.dtype == DType::float32   ? allowed_float32
                         : before.dtype == DType::float64 ? allowed_float64
                                                          : 0;
  return farthest(before, after,
                  [&](double a, double b) { return distance(a, b, allowed, scale); });
}

std::optional<Difference> differ_at_all(const Tensor& before, const Tensor& after, bool signs) {
  return farthest(before, after, [&](double a, double b) {
    const bool both_nan = std::isnan(a) && std::isnan(b);
    const bool equal = a == b && (!signs || a != 0 || std::signbit(a) == std::signbit(b));
    return both_nan || equal ? 0 : INFINITY;
  });
}

}  // namespace damo
