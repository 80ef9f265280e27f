#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/values/array.hpp>

namespace damo::test {

/// A float64 array of the given elements.
inline Array array(const Shape& shape, std::vector<double> values) {
  return Array::from(values, shape);
}
inline Array vector(std::vector<double> values) { return Array::from(values); }
inline Array number(double value) { return Array::scalar(value); }

/// start, start + 1, ... in row-major order.
inline Array counting(const Shape& shape, double start = 0) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    values.push_back(start + static_cast<double>(i));
  return Array::from(values, shape);
}

/// Checks elements one by one and reports the first that is off.
inline void check_close(const Array& actual, const Array& expected, double tolerance) {
  REQUIRE(to_string(actual.shape()) == to_string(expected.shape()));
  const Array a = actual.cast(float64);
  const Array e = expected.cast(float64);
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double x = a.data<double>()[i];
    const double y = e.data<double>()[i];
    const bool same = x == y || (std::isnan(x) && std::isnan(y));
    const bool close = same || std::abs(x - y) <= tolerance * std::max(1.0, std::abs(y));
    if (!close) {
      INFO("element ", i, ": ", x, " but expected ", y);
      CHECK(close);
      return;
    }
  }
  CHECK(true);
}
/// The array with one NaN for all: which of two is kept depends on how compilers turn sums round.
inline Array with_one_nan(Array a) {
  if (!is_float(a.dtype())) return a;
  const auto settle = [&]<class T>(T nan) {
    for (T* x = a.data<T>(); x != a.data<T>() + a.elements(); ++x) {
      if (std::isnan(*x)) *x = nan;
    }
  };
  a.dtype() == float32 ? settle(std::numeric_limits<float>::quiet_NaN())
                       : settle(std::numeric_limits<double>::quiet_NaN());
  return a;
}

/// Checks that two arrays have the same bits, NaN's aside.
inline void check_same_bits(const Array& left, const Array& right) {
  const Array a = with_one_nan(left), b = with_one_nan(right);
  REQUIRE(to_string(a.shape()) == to_string(b.shape()));
  REQUIRE(a.dtype() == b.dtype());
  CHECK(std::string(reinterpret_cast<const char*>(a.raw()), a.bytes()) ==
        std::string(reinterpret_cast<const char*>(b.raw()), b.bytes()));
}

/// The text of the error that `f` throws; fails when it throws none of type E.
template <class E, class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  FAIL_CHECK("nothing was thrown");
  return {};
}
inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace damo::test
