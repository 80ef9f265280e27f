#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/models/augment.hpp>
#include <damo/runtime/function/function.hpp>
#include "tests/support/values.hpp"

using namespace damo;
using test::contains;
using test::error_of;

namespace {

/// The image (rows, cols) moved down and right by so much, pixel by pixel.
std::vector<float> moved(const float* image, std::int64_t rows, std::int64_t cols,
                         std::int64_t down, std::int64_t right) {
  std::vector<float> out(static_cast<std::size_t>(rows * cols));
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      const std::int64_t from_r = r - down, from_c = c - right;
      if (from_r < 0 || from_r >= rows || from_c < 0 || from_c >= cols) continue;
      out[static_cast<std::size_t>(r * cols + c)] = image[from_r * cols + from_c];
    }
  }
  return out;
}

}  // namespace

TEST_CASE("moved images: each is one of those that loops move, all moves come equally often") {
  constexpr std::int64_t n = 5000, rows = 3, cols = 4;
  for (const std::int64_t by : {1, 2}) {
    const Var x = matrix("x", float32);
    RandomStream draws(7);
    Function move = function({x}, {models::moved_images(x, rows, cols, by, draws)});
    const Array in = test::counting({n, rows * cols}, 1).cast(float32);
    const Array out = move(in)[0];
    const std::int64_t ways = (2 * by + 1) * (2 * by + 1);
    std::vector<int> times(static_cast<std::size_t>(ways));
    for (std::int64_t i = 0; i < n; ++i) {
      const float* got = out.data<float>() + i * rows * cols;
      int found = 0;
      for (std::int64_t way = 0; way < ways; ++way) {
        const auto wanted = moved(in.data<float>() + i * rows * cols, rows, cols,
                                  way / (2 * by + 1) - by, way % (2 * by + 1) - by);
        if (!std::equal(wanted.begin(), wanted.end(), got)) continue;
        ++found;
        ++times[static_cast<std::size_t>(way)];
      }
      REQUIRE(found == 1);
    }
    // Five standard deviations of a binomial number.
    const double p = 1.0 / static_cast<double>(ways), expected = n * p;
    for (const int t : times) CHECK(std::abs(t - expected) < 5 * std::sqrt(expected * (1 - p)));
    CHECK(to_string(move(in)[0].shape()) == to_string(in.shape()));
    CHECK(move(Array(float32, {0, rows * cols}))[0].elements() == 0);
  }
}

TEST_CASE("moved images: by no pixel they stay as they are, and what is no image is refused") {
  RandomStream draws(7);
  const Var x = matrix("x");
  CHECK(same(models::moved_images(x, 3, 4, 0, draws), x));
  CHECK(contains(error_of<NumericError>([&] { models::moved_images(x, 3, 4, -1, draws); }), "-1"));
  CHECK(contains(error_of<ShapeError>([&] { models::moved_images(vector("v"), 1, 4, 1, draws); }),
                 "in rows"));
  Function move = function({x}, {models::moved_images(x, 3, 4, 1, draws)});
  CHECK_THROWS_AS(move(Array(floatX(), {2, 13})), ShapeError);
}

TEST_CASE("dropout: leaves out its share of units, and keeps the mean of sums over them") {
  const Var x = matrix("x", float64);
  for (const double share : {0.0, 0.2, 0.5, 0.9}) {
    RandomStream draws(11);
    Function f = function({x}, {models::dropout(x, share, draws)});
    constexpr std::int64_t n = 40000;
    const Array out = f(test::array({n / 4, 4}, std::vector<double>(n, 3.0)))[0];
    double left_out = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double v = out.data<double>()[i];
      left_out += v == 0 ? 1 : 0;
      if (v != 0) REQUIRE(v == doctest::Approx(3 / (1 - share)).epsilon(1e-12));
    }
    CHECK(std::abs(left_out - n * share) <= 5 * std::sqrt(n * share * (1 - share)));
  }
  RandomStream draws(11);
  CHECK(contains(error_of<NumericError>([&] { models::dropout(x, 1.0, draws); }), "share of 1"));
  CHECK_THROWS_AS(models::dropout(x, std::nan(""), draws), NumericError);
  CHECK_THROWS_AS(models::dropout(x, -0.1, draws), NumericError);
}
