#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/text/tensor_text.hpp>
#include <damo/graph/wide/wide.hpp>
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

bool agree(const Tensor& before, const Tensor& after) {
  if (before.shape != after.shape) return false;
  if (!is_float(before.dtype)) {
    const WideArray x(before);
    const WideArray y(after);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i].value != y[i].value) return false;
    }
    return true;
  }
  const double allowed = before.dtype == DType::float32 ? allowed_float32 : allowed_float64;
  for (std::int64_t i = 0; i < before.elements(); ++i) {
    const Shape index = index_of(i, before.shape);
    const double x = element_at(before, index);
    const double y = element_at(after, index);
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    if (!std::isfinite(x) || !std::isfinite(y)) return false;
    if (std::abs(x - y) > allowed * std::max(std::abs(x), std::abs(y))) return false;
  }
  return true;
}

std::optional<Difference> differ(const Tensor& before, const Tensor& after, double scale) {
  if (before.shape != after.shape)
    return Difference{to_string(before.shape), to_string(after.shape), "the shape"};
  const double allowed = before.dtype == DType::float32   ? allowed_float32
                         : before.dtype == DType::float64 ? allowed_float64
                                                          : 0;
  double worst = 1;
  Shape where;
  for (std::int64_t i = 0; i < before.elements(); ++i) {
    const Shape index = index_of(i, before.shape);
    const double d = distance(element_at(before, index), element_at(after, index), allowed, scale);
    if (d <= worst) continue;
    worst = d;
    where = index;
  }
  if (worst <= 1) return std::nullopt;
  return Difference{element_text(before, where), element_text(after, where),
                    fmt::format("element {} of {} {}", to_string(where), name(before.dtype),
                                to_string(before.shape))};
}

}  // namespace damo
