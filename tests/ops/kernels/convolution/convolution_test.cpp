#include <doctest/doctest.h>

#include <random>

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

}  // namespace

TEST_CASE(
    "convolution kernels: any widths, numbers of filters and steps, on each instruction set") {
  std::mt19937 rng(8);
  const auto below = [&](int n) {
    return static_cast<std::int64_t>(rng() % static_cast<unsigned>(n));
  };
  for (int round = 0; round < 150; ++round) {
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
    const Array x = random_array(rng, x_shape);
    const Array expected = test::convolved(x, w, c);
    CAPTURE(to_string(x.shape()));
    CAPTURE(to_string(w.shape()));
    test::on_each_isa([&] {
      for (const DType dtype : {float32, float64}) {
        const Array images = x.cast(dtype), filters = w.cast(dtype);
        Array y(dtype, expected.shape());
        convolve(plan, images.view(), filters.view(), y.view());
        test::check_close(y, expected, dtype == float64 ? 1e-12 : 1e-4);
      }
    });
  }
}
