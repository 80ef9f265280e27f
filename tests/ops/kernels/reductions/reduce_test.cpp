#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/values/array.hpp>
#include <damo/ops/kernels/machine/isa.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/reductions/reduce.hpp>
#include "tests/support/each_isa.hpp"
#include "tests/support/random_view.hpp"

using damo::test::on_each_isa;

namespace {

using damo::Array;
using damo::DType;
using damo::Reduction;
using damo::Shape;
using damo::Tensor;

template <class T>
Array random_array(const Shape& shape, double low, double high) {
  std::mt19937 rng(3);
  std::uniform_real_distribution<double> uniform(low, high);
  Array a(damo::dtype_of<T>(), shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<T>()[i] = static_cast<T>(uniform(rng));
  return a;
}

Shape kept_shape(const Shape& shape, std::uint32_t axes) {
  Shape kept;
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    if ((axes >> i & 1U) == 0) kept.push_back(shape[i]);
  }
  return kept;
}

/// Calls `f(position in the result, value)` for each element, found by its index alone.
template <class T, class F>
void visit(const Tensor& in, std::uint32_t axes, F f) {
  const Shape steps = damo::contiguous_strides(in.shape);
  const Shape out_steps = damo::contiguous_strides(kept_shape(in.shape, axes));
  for (std::int64_t e = 0; e < in.elements(); ++e) {
    std::int64_t offset = 0;
    std::int64_t position = 0;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < in.rank(); ++i) {
      const std::int64_t index = e / steps[i] % in.shape[i];
      offset += index * in.strides[i];
      if ((axes >> i & 1U) == 0) position += index * out_steps[kept++];
    }
    f(static_cast<std::size_t>(position), in.as<const T>()[offset]);
  }
}

template <class T>
Array reduced(Reduction reduction, const Tensor& in, std::uint32_t axes) {
  Array out(damo::reduced_dtype(reduction, in.dtype), kept_shape(in.shape, axes));
  damo::reduce(reduction, in, axes, out.view());
  return out;
}

template <class T>
void check_against_sums(const Tensor& in, std::uint32_t axes) {
  const auto n = static_cast<std::size_t>(kept_shape(in.shape, axes).elements());
  std::vector<long double> sum(n, 0);
  std::vector<long double> size(n, 0);
  std::vector<T> max(n, -std::numeric_limits<T>::infinity());
  std::vector<T> min(n, std::numeric_limits<T>::infinity());
  visit<T>(in, axes, [&](std::size_t i, T x) {
    sum[i] += static_cast<long double>(x);
    size[i] += std::abs(static_cast<long double>(x));
    max[i] = std::max(max[i], x);
    min[i] = std::min(min[i], x);
  });
  const Array sums = reduced<T>(Reduction::sum, in, axes);
  const Array maxima = reduced<T>(Reduction::max, in, axes);
  const Array minima = reduced<T>(Reduction::min, in, axes);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < n; ++i) {
    // Runs of at most 128 additions a slot, then pairs.
    const long double allowed = 20 * std::numeric_limits<T>::epsilon() * size[i];
    if (!(std::abs(static_cast<long double>(sums.values<T>()[i]) - sum[i]) <= allowed)) ++wrong;
    if (maxima.values<T>()[i] != max[i] || minima.values<T>()[i] != min[i]) ++wrong;
  }
  CAPTURE(axes);
  CAPTURE(damo::to_string(in.shape));
  CHECK(wrong == 0);
}

/// The largest numbers of both signs, small ones, and one of `odd` that is infinite or NaN.
template <class T>
Array huge_array(std::mt19937& rng, const Shape& shape, unsigned odd) {
  using Limits = std::numeric_limits<T>;
  constexpr T choices[] = {Limits::max(), -Limits::max(), Limits::max() / 2, -Limits::max() / 2, 1};
  Array a(damo::dtype_of<T>(), shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    a.data<T>()[i] = choices[rng() % std::size(choices)];
    if (rng() % odd == 0)
      a.data<T>()[i] = rng() % 2 == 0 ? Limits::infinity() : Limits::quiet_NaN();
  }
  return a;
}

template <class T>
void check_huge_sums(const Tensor& in, std::uint32_t axes) {
  using Limits = std::numeric_limits<T>;
  const auto n = static_cast<std::size_t>(kept_shape(in.shape, axes).elements());
  std::vector<long double> sum(n, 0);
  std::vector<long double> size(n, 0);
  visit<T>(in, axes, [&](std::size_t i, T x) {
    sum[i] += static_cast<long double>(x);
    size[i] += std::abs(static_cast<long double>(x));
  });
  const Array sums = reduced<T>(Reduction::sum, in, axes);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const T got = sums.values<T>()[i];
    const long double error = 20 * Limits::epsilon() * size[i];
    const bool near_border = std::abs(std::abs(sum[i]) - Limits::max()) <= error;
    const bool right = std::isfinite(got) ? std::abs(got - sum[i]) <= error
                       : std::isnan(got)  ? std::isnan(sum[i])
                                          : static_cast<T>(sum[i]) == got || near_border;
    if (!right) ++wrong;
  }
  CAPTURE(axes);
  CAPTURE(damo::to_string(in.shape));
  CHECK(wrong == 0);
}

/// Reads an array under other shapes and strides: as it is, transposed, reversed, with gaps.
std::vector<Tensor> views(const Array& a) {
  const Tensor whole = a.view();
  std::vector<Tensor> result = {whole};
  Tensor turned = whole;
  for (std::size_t i = 0; i < whole.rank(); ++i) {
    turned.shape[i] = whole.shape[whole.rank() - 1 - i];
    turned.strides[i] = whole.strides[whole.rank() - 1 - i];
  }
  result.push_back(turned);
  Tensor reversed = whole;
  reversed.data += damo::item_size(whole.dtype) *
                   static_cast<std::size_t>((whole.shape[0] - 1) * whole.strides[0]);
  reversed.strides[0] = -whole.strides[0];
  result.push_back(reversed);
  Tensor every_other = whole;
  every_other.shape[whole.rank() - 1] /= 2;
  every_other.strides[whole.rank() - 1] *= 2;
  result.push_back(every_other);
  Tensor repeated = whole;
  repeated.strides[0] = 0;
  result.push_back(repeated);
  return result;
}

}  // namespace

TEST_CASE("sums and extremes agree with long double for every layout and set of axes") {
  on_each_isa([] {
    for (const Shape& shape : {Shape{7, 13, 40}, Shape{300, 2, 35}, Shape{1, 20, 9}}) {
      const Array a = random_array<float>(shape, -1, 1);
      const Array b = random_array<double>(shape, -1, 1);
      for (std::uint32_t axes = 0; axes < 8; ++axes) {
        for (const Tensor& in : views(a)) check_against_sums<float>(in, axes);
        for (const Tensor& in : views(b)) check_against_sums<double>(in, axes);
      }
    }
  });
}

TEST_CASE("sums and products of what is not row-major go as those of a copy") {
  const auto same_sums = [](const Tensor& in, const Tensor& copy, std::uint32_t axes) {
    for (const Reduction r : {Reduction::sum, Reduction::prod}) {
      const Array a = reduced<double>(r, in, axes);
      const Array b = reduced<double>(r, copy, axes);
      if (!std::equal(a.raw(), a.raw() + a.bytes(), b.raw())) return false;
    }
    return true;
  };
  on_each_isa([&] {
    for (const Shape& shape : {Shape{7, 13, 40}, Shape{300, 2, 35}, Shape{1, 200, 9},
                               Shape{3, 1, 130}, Shape{3, 400, 250}}) {
      for (const Array& a :
           {random_array<float>(shape, 0.5, 1.5), random_array<double>(shape, 0.5, 1.5)}) {
        const auto all = views(a);
        for (std::size_t i = 1; i < all.size(); ++i) {
          Array copy(a.dtype(), all[i].shape);
          damo::copy(all[i], copy.view());
          for (std::uint32_t axes = 0; axes < 8; ++axes) {
            CAPTURE(i);
            CAPTURE(axes);
            CHECK(same_sums(all[i], copy.view(), axes));
          }
        }
      }
    }
  });
}

TEST_CASE("sums that leave their range on the way come to what the terms do") {
  on_each_isa([] {
    std::mt19937 rng(12);
    for (const Shape& shape : {Shape{4}, Shape{7, 40}, Shape{300, 2, 5}, Shape{2, 9000}}) {
      for (std::uint32_t axes = 1; axes < 1U << shape.rank(); ++axes) {
        for (int round = 0; round < 6; ++round) {
          const auto odd = static_cast<unsigned>(round == 5 ? 30 : 1000000);
          const Array a = huge_array<float>(rng, shape, odd);
          const Array b = huge_array<double>(rng, shape, odd);
          for (const Tensor& in : views(a)) check_huge_sums<float>(in, axes);
          for (const Tensor& in : views(b)) check_huge_sums<double>(in, axes);
        }
      }
    }
  });
}

TEST_CASE("float32 sums of a million ones and of a million tenths keep their digits") {
  for (const std::uint32_t axes : {3U, 1U, 2U}) {
    Array a(damo::float32, Shape{1000, 1001});
    for (std::int64_t i = 0; i < a.elements(); ++i) a.data<float>()[i] = 0.1F;
    const Array sums = reduced<float>(Reduction::sum, a.view(), axes);
    const double count = static_cast<double>(a.elements()) / static_cast<double>(sums.elements());
    const double truth = count * static_cast<double>(0.1F);
    CHECK(std::abs(static_cast<double>(sums.values<float>()[0]) / truth - 1) < 1e-6);
  }
}

TEST_CASE("reductions have the same bits on every instruction set") {
  const Array a = random_array<float>(Shape{517, 1003}, 0, 1);
  for (const std::uint32_t axes : {1U, 2U, 3U}) {
    for (const Reduction kind : {Reduction::sum, Reduction::prod, Reduction::max}) {
      const damo::Isa best = damo::isa();
      damo::set_isa(damo::Isa::sse2);
      const Array expected = reduced<float>(kind, a.view(), axes);
      damo::set_isa(best);
      on_each_isa([&] {
        const Array again = reduced<float>(kind, a.view(), axes);
        CHECK(std::memcmp(again.raw(), expected.raw(), expected.bytes()) == 0);
      });
    }
  }
}

TEST_CASE("integer and bool sums are exact and bool extremes are any and all") {
  const std::int64_t big = std::int64_t{1} << 60;
  const Array a = Array::from(std::vector<std::int64_t>{big, 1, -big, 2, 3, 4}, Shape{2, 3});
  CHECK(reduced<std::int64_t>(Reduction::sum, a.view(), 3).item<std::int64_t>() == 10);
  CHECK(reduced<std::int64_t>(Reduction::max, a.view(), 2).values<std::int64_t>()[1] == 4);
  CHECK(reduced<std::int64_t>(Reduction::prod, a.view(), 2).values<std::int64_t>()[1] == 24);
  const Array b = Array::from(std::vector<bool>{true, false, true, true}, Shape{2, 2});
  CHECK(reduced<bool>(Reduction::sum, b.view(), 3).item<std::int64_t>() == 3);
  for (const auto& [kind, first, second] : {std::tuple{Reduction::max, true, true},
                                            {Reduction::any, true, true},
                                            {Reduction::min, false, true},
                                            {Reduction::all, false, true}}) {
    const Array r = reduced<bool>(kind, b.view(), 2);
    CHECK(r.values<bool>()[0] == first);
    CHECK(r.values<bool>()[1] == second);
  }
}

TEST_CASE("NaN wins in max and min and argmax") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::int64_t n : {3, 100, 1000}) {
    for (const std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
      Array a = random_array<float>(Shape{n, 3}, -1, 1);
      for (std::int64_t j = 0; j < 3; ++j) a.data<float>()[at * 3 + j] = nan;
      for (const Reduction kind : {Reduction::max, Reduction::min}) {
        CHECK(std::isnan(reduced<float>(kind, a.view(), 3).item<float>()));
        CHECK(std::isnan(reduced<float>(kind, a.view(), 1).values<float>()[2]));
      }
      Array index(damo::int64, Shape{3});
      damo::argmax(a.view(), 1, index.view());
      CHECK(index.values<std::int64_t>()[1] == at);
    }
  }
}

TEST_CASE("argmax and argmin find the first extreme, whatever the strides, ties and NaN") {
  std::mt19937 rng(7);
  constexpr std::int64_t sizes[] = {1, 2, 3, 9, 70, 130};
  for (int round = 0; round < 300; ++round) {
    Shape shape;
    for (unsigned i = 0; i < rng() % 3 + 1; ++i) shape.push_back(sizes[rng() % std::size(sizes)]);
    auto x = damo::test::random_view(rng, damo::float32, shape);
    for (std::int64_t i = 0; i < x.memory.elements(); ++i) {
      const auto kind = rng() % 400;
      x.memory.data<float>()[i] = kind == 0   ? std::numeric_limits<float>::quiet_NaN()
                                  : kind == 1 ? std::numeric_limits<float>::infinity()
                                              : static_cast<float>(rng() % 50) - 25;
    }
    const auto axes = static_cast<std::uint32_t>(rng() % (1U << shape.rank()));
    const Shape kept = kept_shape(shape, axes);
    std::vector<std::vector<float>> groups(static_cast<std::size_t>(kept.elements()));
    visit<float>(x.view, axes, [&](std::size_t i, float v) { groups[i].push_back(v); });
    Array most(damo::int64, kept), least(damo::int64, kept);
    std::size_t wrong = 0;
    on_each_isa([&] {
      damo::argmax(x.view, axes, most.view());
      damo::argmin(x.view, axes, least.view());
      for (std::size_t i = 0; i < groups.size(); ++i) {
        const auto& g = groups[i];
        const auto nan = std::find_if(g.begin(), g.end(), [](float v) { return std::isnan(v); });
        const auto high = nan == g.end() ? std::max_element(g.begin(), g.end()) : nan;
        const auto low = nan == g.end() ? std::min_element(g.begin(), g.end()) : nan;
        wrong += most.values<std::int64_t>()[i] == high - g.begin() ? 0U : 1U;
        wrong += least.values<std::int64_t>()[i] == low - g.begin() ? 0U : 1U;
      }
    });
    CAPTURE(damo::to_string(shape));
    CAPTURE(axes);
    CHECK(wrong == 0);
  }
}

namespace {

/// Where a loop that looks at one element after the other finds the first extreme, or NaN.
template <class T, class Better>
std::int64_t first_best(const T* x, std::int64_t n, Better better) {
  std::int64_t best = 0;
  for (std::int64_t i = 1; i < n && !std::isnan(x[best]); ++i)
    if (std::isnan(x[i]) || better(x[i], x[best])) best = i;
  return best;
}

/// A long row in which the extreme stands at several places, or NaN, or nothing but infinities.
template <class T>
Array row_with_ties(std::mt19937& rng, std::int64_t n, int round) {
  using Limits = std::numeric_limits<T>;
  Array a(damo::dtype_of<T>(), Shape{2, n});
  for (std::int64_t i = 0; i < 2 * n; ++i)
    a.data<T>()[i] = round == 0 ? -Limits::infinity() : static_cast<T>(rng() % 1000) - 500;
  for (int k = 0; k < 4 && round > 0; ++k) {
    const auto at = static_cast<std::int64_t>(rng() % static_cast<unsigned>(2 * n));
    const T put[] = {600, round % 3 == 0 ? Limits::quiet_NaN() : T{600}, -600, T{-0.0}};
    a.data<T>()[at] = put[k];
  }
  return a;
}

template <class T>
void check_args_of_long_rows() {
  std::mt19937 rng(11);
  for (const std::int64_t n : {16, 31, 32, 33, 64, 1000, 4095, 4096, 4097, 8192, 8193, 20000}) {
    for (int round = 0; round < 6; ++round) {
      const Array a = row_with_ties<T>(rng, n, round);
      Array most(damo::int64, Shape{2}), least(damo::int64, Shape{2});
      on_each_isa([&] {
        damo::argmax(a.view(), 2, most.view());
        damo::argmin(a.view(), 2, least.view());
        for (std::size_t row = 0; row < 2; ++row) {
          const T* x = a.data<T>() + static_cast<std::int64_t>(row) * n;
          CHECK(most.values<std::int64_t>()[row] == first_best(x, n, std::greater<T>()));
          CHECK(least.values<std::int64_t>()[row] == first_best(x, n, std::less<T>()));
        }
      });
    }
  }
}

/// The same bits, but for those of NaN.
void check_same_numbers(const Array& a, const Array& b) {
  const Array one = a.cast(damo::float64), two = b.cast(damo::float64);
  std::size_t wrong = 0;
  for (std::int64_t i = 0; i < one.elements(); ++i) {
    const double x = one.data<double>()[i], y = two.data<double>()[i];
    const bool same = std::isnan(x) ? std::isnan(y) : std::memcmp(&x, &y, sizeof x) == 0;
    wrong += same ? 0 : 1;
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("argmax and argmin of long rows find the first of ties and of NaN") {
  check_args_of_long_rows<float>();
  check_args_of_long_rows<double>();
}

TEST_CASE("extremes and sums with NaN, infinities and signed zeros have the bits of every set") {
  std::mt19937 rng(13);
  constexpr float odd[] = {0.0F, -0.0F, std::numeric_limits<float>::infinity(),
                           -std::numeric_limits<float>::infinity(),
                           std::numeric_limits<float>::quiet_NaN()};
  for (int round = 0; round < 60; ++round) {
    const Shape shape{static_cast<std::int64_t>(rng() % 300 + 1),
                      static_cast<std::int64_t>(rng() % 400 + 1)};
    Array a(damo::float32, shape);
    const unsigned kinds = round % 4 == 0 ? 2 : 5;  // signed zeros alone too
    for (std::int64_t i = 0; i < a.elements(); ++i) {
      const bool takes = kinds == 2 || rng() % 300 == 0;
      a.data<float>()[i] = takes ? odd[rng() % kinds] : static_cast<float>(rng() % 9) - 4;
    }
    const Array wide = a.cast(damo::float64);
    for (const std::uint32_t axes : {1U, 2U, 3U}) {
      for (const Reduction kind : {Reduction::sum, Reduction::max, Reduction::min}) {
        const damo::Isa best = damo::isa();
        damo::set_isa(damo::Isa::sse2);
        const Array expected = reduced<float>(kind, a.view(), axes);
        const Array expected_wide = reduced<double>(kind, wide.view(), axes);
        damo::set_isa(best);
        on_each_isa([&] {
          check_same_numbers(reduced<float>(kind, a.view(), axes), expected);
          check_same_numbers(reduced<double>(kind, wide.view(), axes), expected_wide);
        });
      }
    }
  }
}

TEST_CASE("argmax and argmin give the first winner in row-major order") {
  const Array a = Array::from(std::vector<float>{3, 1, 3, 0, 2, 0}, Shape{2, 3});
  Array index(damo::int64, Shape{});
  damo::argmax(a.view(), 3, index.view());
  CHECK(index.item<std::int64_t>() == 0);
  damo::argmin(a.view(), 3, index.view());
  CHECK(index.item<std::int64_t>() == 3);
  Array per_row(damo::int64, Shape{2});
  damo::argmin(a.view(), 2, per_row.view());
  CHECK(per_row.values<std::int64_t>()[0] == 1);
  CHECK(per_row.values<std::int64_t>()[1] == 0);
}

TEST_CASE("reductions of nothing give their identities and max throws") {
  const Array a(damo::float32, Shape{0, 3});
  CHECK(reduced<float>(Reduction::sum, a.view(), 1).values<float>()[2] == 0);
  CHECK(reduced<float>(Reduction::prod, a.view(), 3).item<float>() == 1);
  CHECK_FALSE(reduced<float>(Reduction::any, a.view(), 3).item<bool>());
  CHECK(reduced<float>(Reduction::all, a.view(), 3).item<bool>());
  CHECK(reduced<float>(Reduction::sum, a.view(), 2).elements() == 0);
  CHECK_THROWS_AS(reduced<float>(Reduction::max, a.view(), 1), damo::ShapeError);
  Array index(damo::int64, Shape{3});
  CHECK_THROWS_AS(damo::argmin(a.view(), 1, index.view()), damo::ShapeError);
}

TEST_CASE("cumsum adds along one axis") {
  const Array a = Array::from(std::vector<float>{1, 2, 3, 4, 5, 6}, Shape{2, 3});
  Array out(damo::float32, Shape{2, 3});
  damo::cumsum(a.view(), 1, out.view());
  CHECK(std::vector<float>(out.values<float>().begin(), out.values<float>().end()) ==
        std::vector<float>{1, 3, 6, 4, 9, 15});
  damo::cumsum(a.view(), 0, out.view());
  CHECK(std::vector<float>(out.values<float>().begin(), out.values<float>().end()) ==
        std::vector<float>{1, 2, 3, 5, 7, 9});
}
