#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/ops/kernels/convolution/convolution.hpp>
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
      random_array(rng, {c.groups * (1 + below(18)), 1 + below(3), 1 + below(4), 1 + below(5)});
  Shape x_shape{1 + below(3), c.groups * w.shape()[1], 0, 0};
  ConvolutionPlan plan{c.groups, c.flip, {}, {}};
  for (std::size_t i = 0; i < 2; ++i) {
    c.stride[i] = round % 2 == 0 && i == 1 ? 1 : static_cast<int>(1 + below(2));
    c.dilation[i] = static_cast<int>(1 + below(2));
    c.before[i] = below(4);
    c.after[i] = below(4);
    x_shape[2 + i] = (w.shape()[2 + i] - 1) * c.dilation[i] + 1 + below(i == 0 ? 9 : 45);
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
