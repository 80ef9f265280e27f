#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <damo/core.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

/// Rows of zeros and ones, of which none selects row 1; by turns few and nearly all of the others.
Array selecting(std::int64_t rows, std::int64_t cols, bool nearly_all, DType dtype) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < rows * cols; ++i) {
    const bool chosen = nearly_all || i % cols == 0;
    values.push_back(chosen && i % cols != 1 ? 1 : 0);
  }
  return Array::from(values, {rows, cols}).cast(dtype);
}
/// Ones, with infinities in row 1.
Array infinite_row(std::int64_t rows, std::int64_t cols, DType dtype) {
  std::vector<double> values(static_cast<std::size_t>(rows * cols), 1.0);
  for (std::int64_t j = 0; j < cols; ++j) values[static_cast<std::size_t>(cols + j)] = inf;
  return Array::from(values, {rows, cols}).cast(dtype);
}

/// Ones, with infinities in column 1.
Array infinite_column(std::int64_t rows, std::int64_t cols, DType dtype) {
  std::vector<double> values(static_cast<std::size_t>(rows * cols), 1.0);
  for (std::int64_t i = 0; i < rows; ++i) values[static_cast<std::size_t>(i * cols + 1)] = inf;
  return Array::from(values, {rows, cols}).cast(dtype);
}

double first(const Array& a) { return a.cast(float64).data<double>()[0]; }

const std::int64_t depth = 40, width = 24;

}  // namespace

TEST_CASE("binary product: an infinity in a row that is not selected counts for nothing") {
  for (const DType dtype : {float32, float64}) {
    const Var a = matrix("a", dtype), b = matrix("b", dtype), v = vector("v", dtype);
    const Var zeros_and_ones = cast(a > 0.5, dtype);
    const Var rows = dot(zeros_and_ones, b), row = dot(cast(v > 0.5, dtype), b);
    const Var c = matrix("c", dtype), turned = dot(zeros_and_ones, c.T());
    for (const auto& [mode, plain] : std::vector<std::pair<Mode, bool>>{
             {Mode::fast(), false}, {Mode::none(), true}, {Mode::strict(), true}}) {
      CAPTURE(mode.text());
      Function f = function({a, b, v, c}, {rows, row, turned}, {.mode = mode});
      for (const bool nearly_all : {false, true}) {
        for (const std::int64_t n : {1, 3, 50}) {
          const Array left = selecting(n, depth, nearly_all, dtype);
          const Array one = selecting(1, depth, nearly_all, dtype).reshaped({depth});
          const Outputs out =
              f(left, infinite_row(depth, width, dtype), one, infinite_column(width, depth, dtype));
          for (std::size_t k = 0; k < out.size(); ++k) {
            CAPTURE(k);
            if (plain) {
              CHECK(std::isnan(first(out[k])));
            } else {
              CHECK(first(out[k]) == (nearly_all ? depth - 1 : 1));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("binary product: steps of a loop leave out the same rows") {
  for (const DType dtype : {float32, float64}) {
    const Var a = tensor3("a", dtype), b = matrix("b", dtype);
    const auto step = [&](const Var& x) { return dot(cast(x > 0.5, dtype), b); };
    Function f = function({a, b}, {scan(step, {.sequences = {a}}).outputs[0]});
    for (const bool nearly_all : {false, true}) {
      for (const std::int64_t steps : {1, 30}) {
        const Array all =
            selecting(steps * 5, depth, nearly_all, dtype).reshaped({steps, 5, depth});
        const Array out = f(all, infinite_row(depth, width, dtype))[0].cast(float64);
        for (std::int64_t i = 0; i < out.elements(); ++i)
          REQUIRE(out.data<double>()[i] == (nearly_all ? depth - 1 : 1));
      }
    }
  }
}

TEST_CASE("binary product: a row that is selected keeps its infinity and NaN") {
  const Var a = matrix("a", float64), b = matrix("b", float64);
  Function f = function({a, b}, {dot(cast(a > 0.5, float64), b)});
  const Array left = test::array({2, 2}, {1, 1, 1, 0});
  CHECK(first(f(left, test::array({2, 1}, {2, inf}))[0]) == inf);
  CHECK(std::isnan(first(f(left, test::array({2, 1}, {-inf, inf}))[0])));
  CHECK(f(left, test::array({2, 1}, {2, inf}))[0].data<double>()[1] == 2);
}

TEST_CASE("binary product: a draw by a product leaves out what its sample does not select") {
  const Var x = matrix("x", float32), w = matrix("w", float32);
  RandomStream rng(5);
  const Var h = cast(x > 0.5, float32);
  const Var drawn = rng.bernoulli(sigmoid(dot(h, w) - 20.0));
  Function f = function({x, w}, {drawn});
  for (const bool nearly_all : {false, true}) {
    const Array left = selecting(6, depth, nearly_all, float32);
    // 1 - 20 and 39 - 20: almost surely 0 and 1.
    const Array out = f(left, infinite_row(depth, width, float32))[0].cast(float64);
    for (std::int64_t i = 0; i < out.elements(); ++i)
      REQUIRE(out.data<double>()[i] == (nearly_all ? 1 : 0));
  }
}
