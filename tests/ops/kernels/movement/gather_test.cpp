#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/values/array.hpp>
#include <damo/ops/kernels/movement/gather.hpp>
#include "tests/support/random_view.hpp"

using namespace damo;

namespace {

template <class T>
void fill(std::mt19937& rng, Array& a) {
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<T>()[i] = static_cast<T>(rng() % 100);
}

std::int64_t offset_at(const Tensor& t, const Shape& index) {
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < t.rank(); ++i) offset += index[i] * t.strides[i];
  return offset;
}

Shape index_of_element(std::int64_t e, const Shape& shape) {
  const Shape steps = contiguous_strides(shape);
  Shape index;
  for (std::size_t i = 0; i < shape.rank(); ++i) index.push_back(e / steps[i] % shape[i]);
  return index;
}

struct Case {
  std::vector<std::size_t> axes;
  std::vector<Array> memory;
  std::vector<Tensor> indices;
  Gathering g;

  Case(std::mt19937& rng, const Tensor& tensor, bool in_place) {
    for (std::size_t i = 0; i < tensor.rank(); ++i) {
      if (rng() % 2 == 0 && (!in_place || axes.empty() || axes.back() + 1 == i)) axes.push_back(i);
    }
    if (axes.empty()) axes.push_back(0);
    Shape shape;
    for (unsigned i = 0; i < rng() % 3; ++i) shape.push_back(static_cast<std::int64_t>(rng() % 5));
    for (const std::size_t axis : axes) {
      memory.emplace_back(int64, shape);
      const std::int64_t n = tensor.shape[axis];
      for (std::int64_t i = 0; i < memory.back().elements(); ++i)
        memory.back().data<std::int64_t>()[i] =
            static_cast<std::int64_t>(rng() % static_cast<unsigned>(2 * n)) - n;
    }
    for (const Array& a : memory) indices.push_back(a.view());
    g = {tensor, axes, indices, shape, in_place};
  }

  /// The element of the tensor that stands at `index` of what is named.
  std::int64_t named(const Shape& index) const {
    const std::size_t first = g.in_place ? axes.front() : 0;
    Shape at;
    for (std::size_t i = 0; i < g.index_shape.rank(); ++i) at.push_back(index[first + i]);
    Shape place;
    std::size_t next = 0;
    std::size_t k = 0;
    for (std::size_t i = 0; i < g.tensor.rank(); ++i) {
      if (next == first) next += g.index_shape.rank();
      if (k < axes.size() && axes[k] == i) {
        const std::int64_t p = memory[k].data<std::int64_t>()[offset_at(indices[k], at)];
        place.push_back(p < 0 ? p + g.tensor.shape[i] : p);
        ++k;
      } else {
        place.push_back(index[next++]);
      }
    }
    return offset_at(g.tensor, place);
  }
};

template <class T>
void check_random_gathers(unsigned seed) {
  std::mt19937 rng(seed);
  for (int round = 0; round < 400; ++round) {
    Shape shape;
    for (unsigned i = 0; i < rng() % 3 + 1; ++i)
      shape.push_back(static_cast<std::int64_t>(rng() % 6 + 1));
    test::RandomView x = test::random_view(rng, dtype_of<T>(), shape);
    for (std::size_t i = 0; i < shape.rank(); ++i) {  // elements of their own, to be written to
      if (x.view.strides[i] == 0) x.view.shape[i] = 1;
    }
    fill<T>(rng, x.memory);
    const Case c(rng, x.view, round % 2 == 0);
    const Shape part = c.g.shape();
    std::vector<std::byte> scratch(gather_scratch(c.g));
    test::RandomView y = test::random_view(rng, dtype_of<T>(), part);
    fill<T>(rng, y.memory);
    Array got(dtype_of<T>(), part);
    gather(c.g, got.view(), scratch.data());
    Array added = x.memory, put = x.memory;
    for (std::int64_t e = 0; e < part.elements(); ++e) {
      const Shape index = index_of_element(e, part);
      const std::int64_t at = c.named(index) + (x.view.as<T>() - x.memory.data<T>());
      CHECK(got.data<T>()[e] == x.memory.data<T>()[at]);
      const T value = y.view.as<const T>()[offset_at(y.view, index)];
      added.data<T>()[at] = static_cast<T>(added.data<T>()[at] + value);
      put.data<T>()[at] = value;
    }
    const Array before = x.memory;
    const auto same = [&](const Array& a) {
      return std::equal(a.raw(), a.raw() + a.bytes(), x.memory.raw());
    };
    scatter(c.g, y.view, true, scratch.data());
    CHECK(same(added));
    std::copy_n(before.raw(), before.bytes(), x.memory.raw());
    scatter(c.g, y.view, false, scratch.data());
    CHECK(same(put));
  }
}

}  // namespace

TEST_CASE("gather and scatter: name the elements that index tensors say, whatever the strides") {
  check_random_gathers<float>(1);
  check_random_gathers<double>(2);
  check_random_gathers<std::int64_t>(3);
}

TEST_CASE("gather and scatter: a position outside is named before anything is written") {
  Array x(float32, Shape{4, 3}), y(float32, Shape{2, 3});
  for (std::int64_t i = 0; i < 6; ++i) y.data<float>()[i] = 1;
  const Array bad = Array::from(std::vector<std::int64_t>{1, -5});
  const std::vector<std::size_t> axes = {0};
  const std::vector<Tensor> indices = {bad.view()};
  const Gathering g{x.view(), axes, indices, {2}, true};
  std::vector<std::byte> scratch(gather_scratch(g));
  for (const bool add : {false, true}) {
    CHECK_THROWS_WITH_AS(scatter(g, y.view(), add, scratch.data()),
                         "index -5 is out of bounds for axis 0 of size 4", ShapeError);
  }
  CHECK_THROWS_AS(check_positions(g, scratch.data()), ShapeError);
  for (const float v : x.values<float>()) CHECK(v == 0);
}
