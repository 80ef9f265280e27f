#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/ops/kernels/convolution/convolution.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include "tests/support/each_isa.hpp"
#include "tests/support/references/convolutions.hpp"
#include "tests/support/values.hpp"

using namespace damo;

namespace {

Array random_array(std::mt19937& rng, const Shape& shape) {
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i)
    a.data<double>()[i] = static_cast<double>(rng() % 2000) / 1000 - 1;
  return a;
}

/// One of any widths, numbers of filters and steps.
struct Drawn {
  test::ConvolutionCase about;
  ConvolutionPlan plan;
  Array x, w;
};
Drawn draw(std::mt19937& rng, int round) {
  const auto below = [&](int n) {
    return static_cast<std::int64_t>(rng() % static_cast<unsigned>(n));
  };
  test::ConvolutionCase c{.groups = static_cast<int>(1 + below(2)), .flip = below(2) == 0};
  const Array w =
      random_array(rng, {c.groups * (1 + below(18)), 1 + below(6), 1 + below(4), 1 + below(5)});
  Shape x_shape{1 + below(round % 5 == 0 ? 20 : 3), c.groups * w.shape()[1], 0, 0};
  ConvolutionPlan plan{c.groups, c.flip, {}, {}};
  for (std::size_t i = 0; i < 2; ++i) {
    c.stride[i] = round % 2 == 0 && i == 1 ? 1 : static_cast<int>(1 + below(3));
    c.dilation[i] = static_cast<int>(1 + below(2));
    c.before[i] = below(4);
    c.after[i] = below(4);
    // Now and then a single place.
    const std::int64_t more = round % 7 == 0 ? 0 : below(i == 0 ? 9 : 45);
    if (round % 7 == 0) c.before[i] = c.after[i] = 0;
    x_shape[2 + i] = (w.shape()[2 + i] - 1) * c.dilation[i] + 1 + more;
    (i == 0 ? plan.rows : plan.cols) = {c.before[i], c.stride[i], c.dilation[i]};
  }
  return {c, plan, random_array(rng, x_shape), w};
}

double inner(const Array& a, const Array& b) {
  const Array x = a.cast(float64), y = b.cast(float64);
  double sum = 0;
  for (std::int64_t i = 0; i < x.elements(); ++i) sum += x.data<double>()[i] * y.data<double>()[i];
  return sum;
}

}  // namespace

TEST_CASE(
    "convolution kernels: any widths, numbers of filters and steps, on each instruction set") {
  std::mt19937 rng(8);
  for (int round = 0; round < 150; ++round) {
    const auto [c, plan, x, w] = draw(rng, round);
    const Array expected = test::convolved(x, w, c);
    CAPTURE(to_string(x.shape()));
    CAPTURE(to_string(w.shape()));
    test::on_each_isa([&, &plan = plan, &x = x, &w = w] {
      for (const DType dtype : {float32, float64}) {
        const Array images = x.cast(dtype), filters = w.cast(dtype);
        Array y(dtype, expected.shape());
        convolve(plan, images.view(), filters.view(), y.view());
        test::check_close(y, expected, dtype == float64 ? 1e-12 : 1e-4);
      }
    });
  }
}

// <sums(x, y), w> = <y, x * w> for every w.
TEST_CASE("convolution kernels: sums over places are the transposed map of the filters") {
  std::mt19937 rng(9);
  for (int round = 0; round < 150; ++round) {
    const auto [c, plan, x, w] = draw(rng, round);
    const Array y = random_array(rng, test::convolved(x, w, c).shape());
    CAPTURE(to_string(x.shape()));
    CAPTURE(to_string(w.shape()));
    const std::vector<Array> directions{w, random_array(rng, w.shape())};
    std::vector<double> expected;
    for (const Array& v : directions) expected.push_back(inner(y, test::convolved(x, v, c)));
    test::on_each_isa([&, &plan = plan, &x = x, &w = w] {
      for (const DType dtype : {float32, float64}) {
        const Array images = x.cast(dtype), flow = y.cast(dtype);
        Array sums(dtype, w.shape());
        correlate_places(plan, images.view(), flow.view(), sums.view());
        for (std::size_t k = 0; k < directions.size(); ++k) {
          const double tolerance = (dtype == float64 ? 1e-12 : 1e-4) * (1 + inner(y, y));
          CHECK(std::abs(inner(sums, directions[k]) - expected[k]) < tolerance);
        }
      }
    });
  }
}

// <back(y, w), v> = <y, v * w> for every v.
TEST_CASE("convolution kernels: results go back to images by the transposed map") {
  std::mt19937 rng(11);
  for (int round = 0; round < 200; ++round) {
    const auto [c, plan, x, w] = draw(rng, round);
    const Array y = random_array(rng, test::convolved(x, w, c).shape());
    CAPTURE(to_string(x.shape()));
    CAPTURE(to_string(w.shape()));
    const std::vector<Array> directions{x, random_array(rng, x.shape())};
    std::vector<double> expected;
    for (const Array& v : directions) expected.push_back(inner(y, test::convolved(v, w, c)));
    test::on_each_isa([&, &plan = plan, &x = x, &w = w] {
      for (const DType dtype : {float32, float64}) {
        const Array filters = w.cast(dtype), flow = y.cast(dtype);
        Array back(dtype, x.shape());
        convolve_back(plan, flow.view(), filters.view(), back.view());
        for (std::size_t k = 0; k < directions.size(); ++k) {
          const double tolerance = (dtype == float64 ? 1e-12 : 1e-4) * (1 + inner(y, y));
          CHECK(std::abs(inner(back, directions[k]) - expected[k]) < tolerance);
        }
      }
    });
  }
}

// Back to images: one element of the filters is infinite, and all results are 1.
TEST_CASE("convolution kernels: an infinite filter goes back to what it met and no further") {
  std::mt19937 rng(12);
  for (int round = 0; round < 60; ++round) {
    auto [c, plan, x, w] = draw(rng, round);
    const Shape shape = test::convolved(x, w, c).shape();
    Array y(float64, shape), marked(float64, w.shape()), infinite = w;
    std::fill_n(y.data<double>(), y.elements(), 1.0);
    const auto at = static_cast<std::int64_t>(rng() % static_cast<unsigned>(w.elements()));
    marked.data<double>()[at] = 1;
    infinite.data<double>()[at] = std::numeric_limits<double>::infinity();
    test::on_each_isa([&, &plan = plan, &x = x] {
      Array met(float64, x.shape()), back(float64, x.shape());
      convolve_back(plan, y.view(), marked.view(), met.view());
      convolve_back(plan, y.view(), infinite.view(), back.view());
      for (std::int64_t k = 0; k < x.elements(); ++k)
        CHECK(std::isinf(back.data<double>()[k]) == (met.data<double>()[k] != 0));
    });
  }
}

TEST_CASE("convolution kernels: all three maps have the same bits on any number of threads") {
  std::mt19937 rng(13);
  const int before = num_threads();
  for (int round = 0; round < 40; ++round) {
    const auto [c, plan, x, w] = draw(rng, 5 * round);
    const Array images = x.cast(float32), filters = w.cast(float32);
    const Shape shape = test::convolved(x, w, c).shape();
    const Array flow = random_array(rng, shape).cast(float32);
    std::vector<std::vector<Array>> results;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      Array y(float32, shape), back(float32, x.shape()), sums(float32, w.shape());
      convolve(plan, images.view(), filters.view(), y.view());
      convolve_back(plan, flow.view(), filters.view(), back.view());
      correlate_places(plan, images.view(), flow.view(), sums.view());
      results.push_back({y, back, sums});
    }
    for (std::size_t k = 0; k < 3; ++k) {
      test::check_same_bits(results[0][k], results[1][k]);
      test::check_same_bits(results[0][k], results[2][k]);
    }
  }
  set_num_threads(before);
}

TEST_CASE("convolution kernels: an infinity counts for the elements that meet it and no others") {
  std::mt19937 rng(10);
  for (int round = 0; round < 40; ++round) {
    const auto [c, plan, x, w] = draw(rng, round);
    const Array y = test::array(
        test::convolved(x, w, c).shape(),
        std::vector<double>(static_cast<std::size_t>(test::convolved(x, w, c).elements()), 1.0));
    const auto pixel = static_cast<std::int64_t>(rng() % static_cast<unsigned>(x.elements()));
    Array marked(float64, x.shape()), infinite = x;
    marked.data<double>()[pixel] = 1;
    infinite.data<double>()[pixel] = std::numeric_limits<double>::infinity();
    test::on_each_isa([&, &plan = plan, &w = w] {
      Array meets(float64, w.shape()), sums(float64, w.shape());
      correlate_places(plan, marked.view(), y.view(), meets.view());
      correlate_places(plan, infinite.view(), y.view(), sums.view());
      for (std::int64_t k = 0; k < w.elements(); ++k)
        CHECK(std::isinf(sums.data<double>()[k]) == (meets.data<double>()[k] != 0));
    });
  }
}
