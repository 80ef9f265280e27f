#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/values/array.hpp>
#include <damo/ops/kernels/movement/copy.hpp>

namespace {

using damo::Array;
using damo::DType;
using damo::Shape;
using damo::Tensor;

std::int64_t offset_of(const Tensor& t, std::int64_t element) {
  const Shape steps = damo::contiguous_strides(t.shape);
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < t.rank(); ++i) {
    offset += element / steps[i] % t.shape[i] * t.strides[i];
  }
  return offset;
}

template <class T>
double value(const Tensor& t, std::int64_t element) {
  return static_cast<double>(t.as<const T>()[offset_of(t, element)]);
}

double value(const Tensor& t, std::int64_t element) {
  return damo::dispatch(t.dtype, [&](auto zero) { return value<decltype(zero)>(t, element); });
}

/// A view of `memory` with the axes of `shape` laid out in the order of `layout`, innermost last.
Tensor laid_out(Array& memory, const Shape& shape, const std::vector<std::size_t>& layout,
                std::int64_t gap) {
  Tensor t{memory.raw(), memory.dtype(), shape, shape};
  std::int64_t step = gap;
  for (std::size_t i = layout.size(); i-- > 0;) {
    t.strides[layout[i]] = step;
    step *= shape[layout[i]];
  }
  return t;
}

constexpr DType every_dtype[] = {DType::boolean, DType::uint8,   DType::int32,
                                 DType::int64,   DType::float32, DType::float64};

/// What a small whole number is in a dtype.
double as_held(double x, DType dtype) {
  if (dtype == DType::boolean) return x != 0 ? 1 : 0;
  return dtype == DType::uint8 && x < 0 ? x + 256 : x;
}

}  // namespace

TEST_CASE("copy moves every element between any two layouts and dtypes") {
  const Shape shape{5, 33, 18};
  for (const auto& order : std::vector<std::vector<std::size_t>>{
           {0, 1, 2}, {2, 1, 0}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}}) {
    for (const std::int64_t gap : {1, 2}) {
      for (const DType source : every_dtype) {
        Array a(source, Shape{shape.elements() * gap});
        for (std::int64_t i = 0; i < a.elements(); ++i) {
          damo::dispatch(source, [&](auto zero) {
            using T = decltype(zero);
            reinterpret_cast<T*>(a.raw())[i] = static_cast<T>(i % 7 - 3);
          });
        }
        const Tensor from = laid_out(a, shape, order, gap);
        for (const DType target : every_dtype) {
          Array b(target, shape);
          Array c(target, Shape{shape.elements() * 3});
          const Tensor plain = b.view();
          const Tensor turned = laid_out(c, shape, {2, 0, 1}, 3);
          damo::copy(from, plain);
          damo::copy(from, turned);
          std::int64_t wrong = 0;
          for (std::int64_t e = 0; e < shape.elements(); ++e) {
            const double x = value(from, e);
            const double expected = as_held(x, target);
            if (value(plain, e) != expected || value(turned, e) != expected) ++wrong;
          }
          CHECK(wrong == 0);
        }
      }
    }
  }
}

TEST_CASE("copy repeats along strides of zero and reverses along negative ones") {
  Array a = Array::from(std::vector<float>{1, 2, 3});
  Array b(damo::float32, Shape{2, 3});
  Tensor from{a.raw() + 8, damo::float32, Shape{2, 3}, Shape{0, -1}};
  damo::copy(from, b.view());
  CHECK(b.values<float>()[0] == 3);
  CHECK(b.values<float>()[5] == 1);
  Array c(damo::float32, Shape{3, 2});
  damo::copy({a.raw(), damo::float32, Shape{3, 2}, Shape{1, 0}}, c.view());
  CHECK(c.values<float>()[1] == 1);
  CHECK(c.values<float>()[4] == 3);
}

TEST_CASE("float to int64 truncates and float to bool compares with zero") {
  const Array a = Array::from(std::vector<double>{-1.9, 0.5, 2.9, 0.0});
  Array i(damo::int64, Shape{4});
  Array b(damo::boolean, Shape{4});
  damo::copy(a.view(), i.view());
  damo::copy(a.view(), b.view());
  CHECK(i.values<std::int64_t>()[0] == -1);
  CHECK(i.values<std::int64_t>()[2] == 2);
  CHECK(b.values<bool>()[1]);
  CHECK_FALSE(b.values<bool>()[3]);
}

TEST_CASE("fill sets every element of a strided tensor and nothing else") {
  Array a(damo::float32, Shape{4, 6});
  Tensor middle = a.view();
  middle.data += 4;
  middle.shape = Shape{4, 2};
  middle.strides = Shape{6, 3};
  const Array three = Array::scalar(std::int64_t{3});
  damo::fill(middle, three.view());
  for (std::int64_t i = 0; i < 24; ++i) {
    CHECK(a.values<float>()[static_cast<std::size_t>(i)] == (i % 3 == 1 ? 3 : 0));
  }
}

TEST_CASE("copies of scalars and of nothing work and shapes must agree") {
  const Array one = Array::scalar(1.5F);
  Array to(damo::float64, Shape{});
  damo::copy(one.view(), to.view());
  CHECK(to.item<double>() == 1.5);
  Array none(damo::float32, Shape{0, 3});
  damo::copy(none.view(), none.view());
  CHECK_THROWS_AS(damo::copy(one.view(), none.view()), damo::ShapeError);
}
