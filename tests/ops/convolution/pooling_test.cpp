#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/convolution/convolution.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include "tests/support/references/nd.hpp"
#include "tests/support/values.hpp"

using namespace damo;
using test::array;
using test::check_close;
using test::contains;
using test::error_of;
using test::Nd;
using Bindings = std::vector<std::pair<Var, Array>>;

namespace {

std::mt19937 rng(7);

Array normal(const Shape& shape) {
  std::normal_distribution<double> draw;
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<double>()[i] = draw(rng);
  return a;
}
int below(int n) { return static_cast<int>(rng() % static_cast<unsigned>(n)); }

template <class F>
Array of(const Array& a, F&& f) {
  const Var x = input({a.dtype(), a.shape()}, "x");
  const Bindings at{{x, a}};
  return evaluate(f(x), at);
}

/// Where windows begin along one axis (Theano's rule for those that are not whole).
std::vector<std::int64_t> beginnings(std::int64_t n, int window, int stride, int padding,
                                     bool ignore_border) {
  std::vector<std::int64_t> all;
  for (std::int64_t at = -padding; ignore_border ? at + window <= n + padding : at < n;
       at += stride) {
    all.push_back(at);
    if (!ignore_border && stride < window && at + window >= n) break;
  }
  return all;
}

/// Largest element, sum and count of elements of each window.
struct Pools {
  Array largest, sums, counts;
};
Pools pools(const Array& values, std::array<int, 2> window, const Pool2dOptions& options) {
  Nd x(values);
  const auto stride = options.stride.value_or(window);
  std::array<std::vector<std::int64_t>, 2> begin;
  for (std::size_t i = 0; i < 2; ++i)
    begin[i] =
        beginnings(x.n(1 + i), window[i], stride[i], options.padding[i], options.ignore_border);
  const Shape shape{x.n(0), static_cast<std::int64_t>(begin[0].size()),
                    static_cast<std::int64_t>(begin[1].size())};
  Nd largest(shape, -std::numeric_limits<double>::infinity()), sums(shape), counts(shape);
  test::each(shape, [&](const test::Position& at) {
    for (int i = 0; i < window[0]; ++i) {
      for (int j = 0; j < window[1]; ++j) {
        const std::int64_t row = begin[0][static_cast<std::size_t>(at[1])] + i;
        const std::int64_t col = begin[1][static_cast<std::size_t>(at[2])] + j;
        if (row < 0 || col < 0 || row >= x.n(1) || col >= x.n(2)) continue;
        const double v = x({at[0], row, col});
        largest(at) = std::max(largest(at), v);
        sums(at) += v;
        counts(at) += 1;
      }
    }
  });
  return {largest.array(), sums.array(), counts.array()};
}

}  // namespace

TEST_CASE("pooling: every kind of window has its largest element and its mean") {
  for (int round = 0; round < 150; ++round) {
    const std::array window{1 + below(4), 1 + below(3)};
    Pool2dOptions options{.ignore_border = below(2) == 0, .count_padding = below(2) == 0};
    if (below(2) == 0) options.stride = std::array{1 + below(4), 1 + below(4)};
    if (options.ignore_border) options.padding = {below(window[0]), below(window[1])};
    const Array x = normal({2, 4 + below(6), 4 + below(6)});
    CAPTURE(to_string(x.shape()));
    CAPTURE(window[0]);
    CAPTURE(window[1]);
    CAPTURE(options.ignore_border);
    const Pools expected = pools(x, window, options);
    check_close(of(x, [&](const Var& v) { return max_pool2d(v, window, options); }),
                expected.largest, 0);
    Array means = expected.sums;
    for (std::int64_t i = 0; i < means.elements(); ++i) {
      means.data<double>()[i] /= options.ignore_border && options.count_padding
                                     ? window[0] * window[1]
                                     : expected.counts.data<double>()[i];
    }
    check_close(of(x, [&](const Var& v) { return mean_pool2d(v, window, options); }), means, 1e-12);
  }
}

TEST_CASE("pooling: gradients are those of finite differences") {
  const VerifyGradOptions all_ways{.second_order = true, .forward_mode = true};
  for (const Pool2dOptions& options :
       {Pool2dOptions{}, Pool2dOptions{.stride = std::array{1, 2}, .padding = {1, 0}},
        Pool2dOptions{.stride = std::array{3, 1}, .ignore_border = false},
        Pool2dOptions{.padding = {1, 1}, .count_padding = false}}) {
    verify_grad(
        [&](const Var& x) {
          return sqr(max_pool2d(x, {2, 3}, options));
        },
        {normal({2, 5, 7})}, all_ways);
    verify_grad(
        [&](const Var& x) {
          return sqr(mean_pool2d(x, {2, 3}, options));
        },
        {normal({2, 5, 7})}, all_ways);
  }
  verify_grad(
      [](const Var& x) {
        return probabilistic_max_pool2d(x, {2, 3}).hidden;
      },
      {normal({2, 4, 6})}, all_ways);
  verify_grad(
      [](const Var& x) {
        return probabilistic_max_pool2d(x, {2, 2}).pool;
      },
      {normal({4, 2})}, all_ways);
}

TEST_CASE("pooling: equal elements share the gradient, and NaN is the largest") {
  check_close(of(array({2, 2}, {3, 1, 3, 2}),
                 [](const Var& x) {
                   return grad(sum(max_pool2d(x, {2, 2})), x);
                 }),
              array({2, 2}, {0.5, 0, 0.5, 0}), 0);
  CHECK(std::isnan(of(array({1, 2}, {NAN, 1}), [](const Var& x) {
                     return max_pool2d(x, {1, 2});
                   }).item<double>()));
  CHECK(to_string(of(normal({1, 1}), [](const Var& x) {
                    return max_pool2d(x, {2, 2});
                  }).shape()) == "(0, 0)");
}

TEST_CASE("probabilistic pooling: is the distribution of blocks with one unit on at most") {
  const Array x = normal({3, 4, 6});
  Nd in(x);
  Nd hidden(x.shape()), pool({3, 2, 2});
  test::each(pool.shape, [&](const test::Position& at) {
    double total = 1;
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 3; ++j) total += std::exp(in({at[0], 2 * at[1] + i, 3 * at[2] + j}));
    }
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 3; ++j) {
        const test::Position unit{at[0], 2 * at[1] + i, 3 * at[2] + j};
        hidden(unit) = std::exp(in(unit)) / total;
      }
    }
    pool(at) = 1 - 1 / total;
  });
  check_close(of(x,
                 [](const Var& v) {
                   return probabilistic_max_pool2d(v, {2, 3}).hidden;
                 }),
              hidden.array(), 1e-14);
  check_close(of(x,
                 [](const Var& v) {
                   return probabilistic_max_pool2d(v, {2, 3}).pool;
                 }),
              pool.array(), 1e-14);
  // No overflow where log-odds are large.
  check_close(of(array({1, 2}, {1000, 999}),
                 [](const Var& v) {
                   return probabilistic_max_pool2d(v, {1, 2}).hidden;
                 }),
              array({1, 2}, {1 / (1 + std::exp(-1.0)), 1 / (1 + std::exp(1.0))}), 1e-12);
}

TEST_CASE("pooling: what does not fit is an error with the operand") {
  const Var x = input({float32, {3, 5}}, "x");
  CHECK(contains(error_of<ShapeError>([&] { max_pool2d(x, {0, 1}); }), "must be positive"));
  CHECK(contains(error_of<ShapeError>([&] {
                   max_pool2d(vector("v"), {1, 1});
                 }),
                 "expected two axes"));
  CHECK(contains(error_of<ShapeError>([&] {
                   mean_pool2d(x, {2, 2}, {.padding = {2, 0}});
                 }),
                 "smaller than the window"));
  CHECK(contains(error_of<ShapeError>([&] {
                   probabilistic_max_pool2d(x, {2, 2});
                 }),
                 "blocks of 2 do not fill float32 (3, 5) 'x'"));
  const Var open = dmatrix("open");
  const Bindings at{{open, normal({3, 4})}};
  error_of<ShapeError>([&] { evaluate(probabilistic_max_pool2d(open, {2, 2}).pool, at); });
}
