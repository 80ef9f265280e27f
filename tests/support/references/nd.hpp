#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include <damo/graph/values/array.hpp>

namespace damo::test {

using Position = std::vector<std::int64_t>;

/// A tensor of doubles by position.
struct Nd {
  Shape shape;
  std::vector<double> values;

  Nd(const Array& a) : shape(a.shape()) {
    const Array d = a.cast(float64);
    values.assign(d.data<double>(), d.data<double>() + d.elements());
  }
  explicit Nd(const Shape& s, double value = 0)
      : shape(s), values(static_cast<std::size_t>(s.elements()), value) {}
  double& operator()(const Position& at) {
    std::int64_t flat = 0;
    for (std::size_t i = 0; i < at.size(); ++i) flat = flat * shape[i] + at[i];
    return values.at(static_cast<std::size_t>(flat));
  }
  std::int64_t n(std::size_t axis) const { return shape[axis]; }
  Array array() const { return Array::from(values, shape); }
  std::int64_t integer(const Position& at) { return static_cast<std::int64_t>((*this)(at)); }
};

template <class F>
void each(const Shape& shape, F&& f) {
  Position at(shape.rank(), 0);
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    std::int64_t rest = i;
    for (std::size_t axis = shape.rank(); axis-- > 0; rest /= shape[axis]) {
      at[axis] = rest % shape[axis];
    }
    f(at);
  }
}

template <class F>
Array build(const Shape& shape, F&& f) {
  Nd out(shape);
  each(shape, [&](const Position& at) { out(at) = f(at); });
  return out.array();
}

}  // namespace damo::test
