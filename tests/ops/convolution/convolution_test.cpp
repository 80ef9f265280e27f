#include <algorithm>
#include <cmath>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/convolution/convolution.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/allocations.hpp"
#include "tests/support/references/convolutions.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::array;
using test::check_close;
using test::contains;
using test::convolved;
using test::error_of;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

std::mt19937 rng(5);

Array normal(const Shape& shape) {
  std::normal_distribution<double> draw;
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<double>()[i] = draw(rng);
  return a;
}

int below(int n) { return static_cast<int>(rng() % static_cast<unsigned>(n)); }

/// What the reference needs of the options, for filters of that size.
test::ConvolutionCase case_of(const Conv2dOptions& options, const Shape& filters) {
  test::ConvolutionCase c{.groups = options.groups, .flip = options.filter_flip};
  for (std::size_t i = 0; i < 2; ++i) {
    c.stride[i] = options.stride[i];
    c.dilation[i] = options.dilation[i];
    const std::int64_t reach = (filters[2 + i] - 1) * options.dilation[i];
    const std::int64_t whole = reach + 1;
    switch (options.border) {
      case Border::full:
        c.before[i] = c.after[i] = reach;
        break;
      case Border::half:
        c.before[i] = c.after[i] = whole / 2;
        break;
      case Border::same:
        c.before[i] = reach - (whole - 1) / 2;
        c.after[i] = (whole - 1) / 2;
        if (!options.filter_flip) std::swap(c.before[i], c.after[i]);
        break;
      default:
        break;
    }
    if (options.padding) c.before[i] = c.after[i] = (*options.padding)[i];
  }
  return c;
}

Conv2dOptions random_options() {
  Conv2dOptions options{.border = static_cast<Border>(below(4)),
                        .stride = {1 + below(3), 1 + below(3)},
                        .dilation = {1 + below(2), 1 + below(3)},
                        .groups = 1 + below(3),
                        .filter_flip = below(2) == 0};
  if (below(4) == 0) options.padding = std::array{below(3), below(3)};
  return options;
}

Array evaluated(const Var& v, const Bindings& at) { return evaluate(v, at); }

const VerifyGradOptions all_ways{.second_order = true, .forward_mode = true};

}  // namespace

TEST_CASE("convolution: every way of moving filters over images is the sum of products") {
  for (int round = 0; round < 120; ++round) {
    const Conv2dOptions options = random_options();
    const Array x =
        normal({1 + below(3), options.groups * (1 + below(2)), 7 + below(5), 9 + below(4)});
    const Array w = normal({options.groups * (1 + below(3)), x.shape()[1] / options.groups,
                            1 + below(4), 1 + below(3)});
    CAPTURE(to_string(x.shape()));
    CAPTURE(to_string(w.shape()));
    const Array expected = convolved(x, w, case_of(options, w.shape()));
    for (const bool known : {true, false}) {
      for (const DType dtype : {float64, float32}) {
        const auto variable = [&](const Array& a) {
          return known ? input({dtype, a.shape()}) : tensor4("t", dtype);
        };
        const Var images = variable(x), filters = variable(w);
        const Bindings at{{images, x.cast(dtype)}, {filters, w.cast(dtype)}};
        const Var y = conv2d(images, filters, options);
        check_close(evaluated(y, at), expected, dtype == float64 ? 1e-12 : 1e-4);
        if (known) CHECK(y.type().dims == expected.shape());
      }
    }
  }
}

TEST_CASE("convolution: gradients of both orders are those of finite differences") {
  for (int round = 0; round < 12; ++round) {
    const Conv2dOptions options = random_options();
    const Array x = normal({2, options.groups, 6, 7});
    const Array w = normal({2 * options.groups, 1, 1 + below(3), 1 + below(3)});
    verify_grad([&](const Var& a, const Var& b) { return conv2d(a, b, options); }, {x, w},
                all_ways);
    verify_grad([&](const Var& a, const Var& b) { return sqr(conv2d(a, b, options)); }, {x, w},
                all_ways);
  }
  for (const int more : {0, 1}) {
    const Conv2dOptions options{.padding = std::array{1, 0}, .stride = {2, 3}};
    verify_grad(
        [&](const Var& a, const Var& b) {
          return conv2d_transpose(a, b, options, {more, 2 * more});
        },
        {normal({2, 3, 3, 2}), normal({3, 2, 3, 2})}, all_ways);
  }
  verify_grad([](const Var& a,
                 const Var& b) { return conv1d(a, b, {.border = Border::same, .stride = 2}); },
              {normal({2, 2, 7}), normal({3, 2, 4})}, all_ways);
  verify_grad([](const Var& a, const Var& b) { return conv1d_transpose(a, b, {.stride = 2}, 1); },
              {normal({2, 3, 4}), normal({3, 1, 3})}, all_ways);
}

TEST_CASE("convolution: the transposed map is the adjoint") {
  const Var x = tensor4("x", float64), w = tensor4("w", float64), y = tensor4("y", float64);
  for (int round = 0; round < 30; ++round) {
    Conv2dOptions options = random_options();
    // Images whose size the results leave open end with what no filter meets.
    options.stride = {1, 1};
    const Array image = normal({2, options.groups * 2, 9, 10});
    const Array filters = normal({options.groups * 2, 2, 1 + below(3), 1 + below(3)});
    const Bindings first{{x, image}, {w, filters}};
    const Array result = evaluated(conv2d(x, w, options), first);
    const Bindings at{{x, image}, {w, filters}, {y, normal(result.shape())}};
    const Var back = conv2d_transpose(y, w, options);
    check_close(evaluated(sum(back * x), at), evaluated(sum(conv2d(x, w, options) * y), at), 1e-10);
  }
  const Array image = normal({1, 1, 8, 8});
  const Bindings at{{x, image}, {w, normal({1, 1, 3, 3})}};
  const Conv2dOptions steps{.stride = {2, 2}};
  const Var again = conv2d_transpose(conv2d(x, w, steps), w, steps, {1, 1});
  CHECK(evaluated(again, at).shape() == image.shape());
}

TEST_CASE("convolution: has SciPy's values for whole and even filters") {
  // scipy.signal.convolve2d and correlate2d of arange(12).reshape(3, 4) and [[1, 2], [3, 5]].
  const Var x = tensor4("x", float64), w = tensor4("w", float64);
  const Bindings at{{x, test::counting({1, 1, 3, 4})}, {w, array({1, 1, 2, 2}, {1, 2, 3, 5})}};
  check_close(evaluated(conv2d(x, w), at), array({1, 1, 2, 3}, {16, 27, 38, 60, 71, 82}), 0);
  check_close(evaluated(correlate2d(x, w), at), array({1, 1, 2, 3}, {39, 50, 61, 83, 94, 105}), 0);
  check_close(evaluated(conv2d(x, w, {.border = Border::same}), at),
              array({1, 1, 3, 4}, {0, 1, 4, 7, 4, 16, 27, 38, 20, 60, 71, 82}), 0);
  check_close(evaluated(correlate2d(x, w, {.border = Border::same}), at),
              array({1, 1, 3, 4}, {39, 50, 61, 24, 83, 94, 105, 40, 26, 29, 32, 11}), 0);
  check_close(evaluated(conv2d(x, w, {.border = Border::full}), at),
              array({1, 1, 4, 5},
                    {0, 1, 4, 7, 6, 4, 16, 27, 38, 29, 20, 60, 71, 82, 57, 24, 67, 75, 83, 55}),
              0);
}

TEST_CASE("convolution: of no images, no channels or an image smaller than the filter is a sum") {
  for (int round = 0; round < 150; ++round) {
    Conv2dOptions options = random_options();
    options.padding = std::array{below(9), below(9)};
    options.stride = {1 + below(9), 1 + below(2)};
    options.dilation = {1 + below(5), 1 + below(2)};
    const std::int64_t channels = below(3);
    const Array w = normal({options.groups * below(3), channels, 1 + below(4), 1 + below(4)});
    // At least as large as the filter, with the padding; often it is nothing but padding.
    Shape image{below(3), options.groups * channels, 0, 0};
    for (std::size_t i = 0; i < 2; ++i) {
      const std::int64_t reach = (w.shape()[2 + i] - 1) * options.dilation[i] + 1;
      image[2 + i] = std::max<std::int64_t>(reach - 2 * (*options.padding)[i], 0) + below(3);
    }
    if (std::min(image[2] + 2 * (*options.padding)[0], image[3] + 2 * (*options.padding)[1]) == 0)
      continue;
    const Array x = normal(image);
    CAPTURE(to_string(x.shape()));
    CAPTURE(to_string(w.shape()));
    const test::ConvolutionCase c = case_of(options, w.shape());
    // Operands whose elements do not lie in order.
    const Var turned = tensor4("turned", float64), filters = tensor4("filters", float64);
    const Var images = transpose(turned, {3, 1, 2, 0});
    const Var y = conv2d(images, transpose(filters, {1, 0, 3, 2}), options);
    const Var g = tensor4("g", float64);
    const Vars slopes = grad(sum(y * g), Vars{turned, filters});
    Function f = function({turned, filters, g}, {y, slopes[0], slopes[1]});
    const auto turn = [](const Array& a, const std::vector<int>& axes) {
      return evaluate(transpose(constant(a), axes));
    };
    const Array expected = convolved(x, w, c), along = normal(expected.shape());
    const Outputs out = f(turn(x, {3, 1, 2, 0}), turn(w, {1, 0, 3, 2}), along);
    check_close(out[0], expected, 1e-12);
    // Linear in both: the slope along a direction is the result there.
    const auto inner = [](const Array& a, const Array& b) {
      return evaluate(sum(constant(a) * constant(b)));
    };
    const Array dx = normal(x.shape()), dw = normal(w.shape());
    check_close(inner(Array(out[1]), turn(dx, {3, 1, 2, 0})), inner(convolved(dx, w, c), along),
                1e-10);
    check_close(inner(Array(out[2]), turn(dw, {1, 0, 3, 2})), inner(convolved(x, dw, c), along),
                1e-10);
  }
}

TEST_CASE("convolution: a warmed-up call allocates nothing, wherever its operands lie") {
  const Var x = tensor4("x", float32), w = tensor4("w", float32);
  const Var y = conv2d(transpose(x, {0, 1, 3, 2}), transpose(w, {1, 0, 2, 3}));
  Function f = function({x, w}, {sum(y), grad(sum(sqr(y)), x), grad(sum(sqr(y)), w)});
  const Array image = normal({3, 2, 9, 8}).cast(float32),
              filters = normal({2, 4, 3, 2}).cast(float32);
  const int threads = num_threads();
  set_num_threads(1);  // of several, one may see its first part only now
  for (int i = 0; i < 4; ++i) f(image, filters);
  const std::uint64_t before = test::allocations();
  f(image, filters);
  const std::uint64_t after = test::allocations();
  set_num_threads(threads);
  CHECK(after == before);
}

TEST_CASE("conv1d: is numpy.convolve") {
  const Var x = tensor3("x", float64), w = tensor3("w", float64);
  const Bindings at{{x, array({1, 1, 5}, {1, 2, 3, 4, 5})}, {w, array({1, 1, 3}, {1, 0, -2})}};
  check_close(evaluated(conv1d(x, w), at), array({1, 1, 3}, {1, 0, -1}), 0);
  check_close(evaluated(conv1d(x, w, {.border = Border::full}), at),
              array({1, 1, 7}, {1, 2, 1, 0, -1, -8, -10}), 0);
  check_close(evaluated(conv1d(x, w, {.border = Border::same}), at),
              array({1, 1, 5}, {2, 1, 0, -1, -8}), 0);
  check_close(evaluated(correlate1d(x, w), at), array({1, 1, 3}, {-5, -6, -7}), 0);
}

// numpy.correlate(x, w, "same"), whose even filters reach further back than forward; with a filter
// of [1, 0, 0, 10] for a dilation of 3.
TEST_CASE("correlate1d: is numpy.correlate, with filters of even size too") {
  const Array numbers = array({1, 1, 5}, {1, 2, 3, 4, 5});
  const auto check = [&](const Array& filter, int dilation, const std::vector<double>& expected) {
    const Var x = tensor3("x", float64);
    const Conv1dOptions options{.border = Border::same, .dilation = dilation};
    for (const Var& w : {tensor3("w", float64), input({float64, filter.shape()}, "w")}) {
      check_close(evaluated(correlate1d(x, w, options), {{x, numbers}, {w, filter}}),
                  array({1, 1, 5}, expected), 0);
    }
    verify_grad([&](const Var& v, const Var& f) { return correlate1d(v, f, options); },
                {numbers, filter}, {.second_order = true, .forward_mode = true});
  };
  check(array({1, 1, 2}, {1, 10}), 1, {10, 21, 32, 43, 54});
  check(array({1, 1, 3}, {1, 10, 100}), 1, {210, 321, 432, 543, 54});
  check(array({1, 1, 4}, {1, 10, 100, 1000}), 1, {2100, 3210, 4321, 5432, 543});
  check(array({1, 1, 2}, {1, 10}), 3, {20, 30, 41, 52, 3});
  check(array({1, 1, 2}, {1, 10}), 2, {20, 31, 42, 53, 4});
}

TEST_CASE("convolution: shapes that do not fit are errors with the operands") {
  const Var x = input({float32, {2, 3, 8, 8}}, "x");
  const auto says = [](auto f, const std::string& what) {
    const std::string text = error_of<ShapeError>(f);
    CAPTURE(text);
    CHECK(contains(text, what));
    CHECK(contains(text, "conv2d"));
    CHECK(contains(text, "convolution_test.cpp:"));
  };
  const auto with = [&](const Shape& filters) { return input({float32, filters}, "w"); };
  const std::string text = error_of<ShapeError>([&] { conv2d(x, with({4, 2, 3, 3})); });
  CHECK(contains(text, "channels of a group and of its filters do not fit, 3 and 2"));
  CHECK(contains(text, "'x'"));
  CHECK(contains(text, "convolution_test.cpp:"));
  CHECK(contains(error_of<ShapeError>([&] {
                   conv2d(x, with({4, 3, 9, 3}));
                 }),
                 "a filter of 9 rows is larger than 8 with its padding"));
  says([&] { conv2d(x, vector("w")); }, "expected 4 axes each");
  says([&] { conv2d(x, with({4, 3, 3, 3}), {.stride = {0, 1}}); }, "must be positive");
  says([&] { conv2d_transpose(x, with({3, 2, 3, 3}), {}, {1, 0}); }, "within a stride of 1");
  const Var s = tensor3("s");
  CHECK(contains(error_of<ShapeError>([&] { conv1d(s, s, {.stride = 0}); }), "conv1d: "));
  CHECK(contains(error_of<ShapeError>([&] { conv1d_transpose(s, s, {.groups = 0}); }),
                 "conv1d_transpose: strides"));
  CHECK(contains(error_of<ShapeError>([&] { conv1d_transpose(s, s, {}, 1); }),
                 "conv1d_transpose: 1 more"));
  CHECK(contains(error_of<ShapeError>([&] {
                   conv2d(x, with({4, 1, 3, 3}), {.groups = 2});
                 }),
                 "3 channels are not 2 equal groups"));
  const Var open = tensor4("open", float64), w = tensor4("w", float64);
  const Bindings at{{open, normal({1, 2, 4, 4})}, {w, normal({1, 3, 2, 2})}};
  CHECK(contains(error_of<ShapeError>([&] { evaluated(conv2d(open, w), at); }), "'open'"));
}

TEST_CASE("convolution: the bits do not depend on the number of threads") {
  const Var x = tensor4("x", float32), w = tensor4("w", float32);
  const Array image = normal({37, 3, 17, 19}).cast(float32);
  const Array filters = normal({5, 3, 4, 3}).cast(float32);
  const Var y = conv2d(x, w);
  const Vars outputs{y, grad(sum(sqr(y)), x), grad(sum(sqr(y)), w)};
  const int before = num_threads();
  std::vector<std::vector<Array>> found;
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    Function f = function({x, w}, outputs);
    const Outputs out = f(image, filters);
    found.push_back({out[0], out[1], out[2]});
  }
  set_num_threads(before);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    test::check_same_bits(found[0][i], found[1][i]);
    test::check_same_bits(found[0][i], found[2][i]);
  }
}
