#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/ops/kernels/movement/strided.hpp>
#include <damo/ops/kernels/reductions/softmax.hpp>
#include "tests/support/each_isa.hpp"
#include "tests/support/random_view.hpp"

using damo::test::on_each_isa;

namespace {

using damo::Array;
using damo::Shape;
using damo::Tensor;
using Kernel = void (*)(const Tensor&, std::uint32_t, const Tensor&);

constexpr Kernel kernels[] = {damo::softmax, damo::log_softmax, damo::logsumexp};

/// Row-major positions by group.
std::vector<std::vector<std::int64_t>> groups_of(const Shape& shape, std::uint32_t axes) {
  const Shape steps = damo::contiguous_strides(shape);
  Shape kept;
  for (std::size_t i = 0; i < shape.rank(); ++i)
    kept.push_back((axes >> i & 1U) != 0 ? 1 : shape[i]);
  const Shape kept_steps = damo::contiguous_strides(kept);
  std::vector<std::vector<std::int64_t>> groups(static_cast<std::size_t>(kept.elements()));
  for (std::int64_t e = 0; e < shape.elements(); ++e) {
    std::int64_t group = 0;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
      if ((axes >> i & 1U) == 0) group += e / steps[i] % shape[i] * kept_steps[i];
    }
    groups[static_cast<std::size_t>(group)].push_back(e);
  }
  return groups;
}

/// What the three kernels give for one group, in long double, and the size of what they round.
struct Truth {
  std::vector<long double> softmax, log_softmax;
  long double logsumexp;
  long double gap = 0;        // of exponents, rounded before e is raised to them
  long double log_error = 0;  // so the logarithm of the sum is off by units in the place of this

  explicit Truth(const std::vector<long double>& x) {
    long double largest = -INFINITY;
    for (const long double v : x) largest = largest >= v ? largest : v;
    for (const long double v : x) largest = std::isnan(v) ? v : largest;
    const auto above = [&](long double v) { return v == largest ? 0 : v - largest; };
    long double rest = -1;
    for (const long double v : x) rest += v == largest ? 1 : 0;
    for (const long double v : x) rest += v == largest ? 0 : std::exp(above(v));
    const long double log_sum = std::log1p(rest);
    for (const long double v : x) {
      log_softmax.push_back(above(v) - log_sum);
      softmax.push_back(std::exp(above(v)) / (rest + 1));
      if (std::isfinite(above(v))) gap = std::max(gap, std::min(-above(v), 800.0L));
    }
    log_error = std::isfinite(log_sum) ? log_sum * (1 + gap) : 0;
    logsumexp = x.empty() || std::isinf(largest) ? largest : largest + log_sum;
  }
};

/// Within some units in the last place of the larger of `want` and `scale`; NaN is NaN.
template <class T>
bool near(T got, long double want, long double scale) {
  if (std::isnan(want)) return std::isnan(got);
  if (std::isinf(static_cast<T>(want))) return got == static_cast<T>(want);
  const long double ulp = std::numeric_limits<T>::epsilon() * std::max(std::abs(want), scale);
  return std::abs(static_cast<long double>(got) - want) <=
         3 * ulp + 2 * std::numeric_limits<T>::denorm_min();
}

template <class T>
std::size_t wrong_ones(const Tensor& in, std::uint32_t axes) {
  Array dense(in.dtype, in.shape);
  damo::copy(in, dense.view());
  const auto groups = groups_of(in.shape, axes);
  Array y(in.dtype, in.shape), log_y(in.dtype, in.shape);
  Array sum(in.dtype, Shape{static_cast<std::int64_t>(groups.size())});
  damo::softmax(in, axes, y.view());
  damo::log_softmax(in, axes, log_y.view());
  damo::logsumexp(in, axes, sum.view());
  std::size_t wrong = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    std::vector<long double> x;
    for (const auto e : groups[g]) x.push_back(static_cast<long double>(dense.data<T>()[e]));
    const Truth truth(x);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto e = groups[g][i];
      const long double y_scale = (1 + truth.gap) * truth.softmax[i];
      wrong += near(y.data<T>()[e], truth.softmax[i], y_scale) ? 0U : 1U;
      wrong += near(log_y.data<T>()[e], truth.log_softmax[i], truth.log_error) ? 0U : 1U;
    }
    const T total = sum.data<T>()[static_cast<std::int64_t>(g)];
    wrong += near(total, truth.logsumexp, truth.log_error) ? 0U : 1U;
  }
  return wrong;
}

template <class T>
void fill_some_way(std::mt19937& rng, Array& a) {
  const double spread[] = {1, 30, 1000};
  const double width = spread[rng() % 3];
  const bool special = rng() % 3 == 0;
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    const double u = static_cast<double>(rng()) / 4294967296.0;
    T x = static_cast<T>(width * (u - 0.5));
    const auto kind = special ? rng() % 200 : 100;
    if (kind < 30) x = -std::numeric_limits<T>::infinity();
    if (kind == 30) x = std::numeric_limits<T>::infinity();
    if (kind == 31) x = std::numeric_limits<T>::quiet_NaN();
    if (kind > 31 && kind < 40) x = std::numeric_limits<T>::max();
    a.data<T>()[i] = x;
  }
}

template <class T>
void check_random_tensors(unsigned seed) {
  std::mt19937 rng(seed);
  constexpr std::int64_t sizes[] = {0, 1, 1, 2, 3, 5, 7, 8, 9, 16, 17, 40, 130};
  for (int round = 0; round < 250; ++round) {
    Shape shape;
    const auto rank = rng() % 4 + 1;
    for (unsigned i = 0; i < rank && shape.elements() < 4000; ++i)
      shape.push_back(sizes[rng() % std::size(sizes)]);
    if (round % 50 == 0) shape = {2, 1500};
    if (round % 50 == 1) shape = {1030, 140};
    auto in = damo::test::random_view(rng, damo::dtype_of<T>(), shape);
    fill_some_way<T>(rng, in.memory);
    const auto axes = static_cast<std::uint32_t>(rng() % (1U << shape.rank()));
    CAPTURE(damo::to_string(shape));
    CAPTURE(damo::to_string(in.view.strides));
    CAPTURE(axes);
    CHECK(wrong_ones<T>(in.view, axes) == 0);
  }
}

bool same_bits(const Array& a, const Array& b) {
  return std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

/// What stands far below the largest element, 0, is its exponential: the sum rounds to 1.
template <class T>
void check_exponentials(double from, double to) {
  std::mt19937 rng(9);
  std::uniform_real_distribution<double> uniform(from, to);
  for (const Shape& shape : {Shape{37, 1500}, {1500, 37}, {9, 20}}) {
    Array x(damo::dtype_of<T>(), shape), y = x;
    for (const std::uint32_t axis : {0U, 1U}) {
      for (std::int64_t i = 0; i < x.elements(); ++i) x.data<T>()[i] = static_cast<T>(uniform(rng));
      const std::int64_t step = axis == 0 ? 1 : shape[1], n = axis == 0 ? shape[1] : shape[0];
      for (std::int64_t g = 0; g < n; ++g) x.data<T>()[g * step] = 0;
      on_each_isa([&] {
        damo::softmax(x.view(), 1U << axis, y.view());
        std::size_t wrong = 0;
        for (std::int64_t i = 0; i < x.elements(); ++i) {
          const T want = damo::math::exp(x.data<T>()[i]);
          wrong += std::memcmp(&want, y.data<T>() + i, sizeof want) == 0 ? 0U : 1U;
        }
        CHECK(wrong == 0);
      });
    }
  }
}

}  // namespace

TEST_CASE("softmax kernels: exponentials have the bits of exp down to the smallest numbers") {
  check_exponentials<float>(-110, -30);
  check_exponentials<double>(-760, -45);
}

TEST_CASE("softmax kernels: are those of long double, whatever the strides, axes and numbers") {
  check_random_tensors<float>(1);
  check_random_tensors<double>(2);
}

TEST_CASE("softmax kernels: bits depend neither on the layout nor on the instruction set") {
  std::mt19937 rng(5);
  for (const Shape& shape : {Shape{3, 700}, {40, 33}, {5, 9, 20}, {64, 10}, {2, 2300}}) {
    auto in = damo::test::random_view(rng, damo::float32, shape);
    fill_some_way<float>(rng, in.memory);
    Array dense(damo::float32, shape);
    damo::copy(in.view, dense.view());
    for (std::uint32_t axes = 0; axes < 1U << shape.rank(); ++axes) {
      for (const Kernel kernel : kernels) {
        Array expected(damo::float32, shape), got(damo::float32, shape);
        damo::fill(expected.view(), Array::scalar(0.0F).view());
        damo::fill(got.view(), Array::scalar(0.0F).view());
        kernel(dense.view(), axes, expected.view());
        on_each_isa([&] {
          kernel(in.view, axes, got.view());
          CHECK(same_bits(expected, got));
        });
      }
    }
  }
}

TEST_CASE("softmax kernels: write over their operand") {
  std::mt19937 rng(6);
  for (const Shape& shape : {Shape{30, 17}, {3, 5, 7}, {2, 1100}}) {
    Array x(damo::float64, shape);
    fill_some_way<double>(rng, x);
    for (std::uint32_t axes = 0; axes < 1U << shape.rank(); ++axes) {
      for (const Kernel kernel : {kernels[0], kernels[1]}) {
        Array expected(damo::float64, shape), over = x;
        kernel(x.view(), axes, expected.view());
        kernel(over.view(), axes, over.view());
        CHECK(same_bits(expected, over));
      }
    }
  }
}
