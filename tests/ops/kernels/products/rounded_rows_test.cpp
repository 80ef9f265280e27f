#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/products/rounded_rows.hpp>
#include "tests/support/each_isa.hpp"

using damo::Matrix;
using damo::RoundedRows;
using damo::Selection;
using damo::test::on_each_isa;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::vector<std::int64_t> rounded(Matrix<const float> w) {
  std::vector<std::int64_t> words(static_cast<std::size_t>(RoundedRows::words(w.rows, w.cols)));
  RoundedRows::round(w, words.data());
  return words;
}

/// The sums of the rows that x selects, in steps.
std::vector<float> sums_of(const RoundedRows& w, Matrix<const float> x) {
  const std::int64_t blocks = Selection::blocks_of(x.cols);
  std::vector<std::uint32_t> positions(static_cast<std::size_t>(x.rows * x.cols + 16));
  std::vector<std::int64_t> starts(static_cast<std::size_t>(x.rows * (blocks + 1)));
  const Selection selected = damo::select_rows(x, positions.data(), starts.data());
  std::vector<float> sums(static_cast<std::size_t>(x.rows * w.padded_cols()));
  w.sum(selected, 0, w.cols(), sums.data());
  return sums;
}

/// Each row of the matrix in steps: those of the unit matrix select one each.
std::vector<std::vector<float>> elements_of(const RoundedRows& w) {
  std::vector<std::vector<float>> all;
  std::vector<float> unit(static_cast<std::size_t>(w.rows()));
  for (std::int64_t k = 0; k < w.rows(); ++k) {
    std::fill(unit.begin(), unit.end(), 0.0F);
    unit[static_cast<std::size_t>(k)] = 1;
    all.push_back(sums_of(w, {unit.data(), 1, w.rows(), w.rows(), 1}));
  }
  return all;
}

/// Columns of many sizes: some all zero, subnormal, huge, or with an element far above the rest.
std::vector<float> adversarial(std::int64_t rows, std::int64_t cols, std::mt19937& rng) {
  std::normal_distribution<float> normal;
  std::vector<float> w(static_cast<std::size_t>(rows * cols));
  constexpr float scales[] = {1, 0.1F, 1e-30F, 1e-44F, 0, 1e26F, 3, 1e-36F};
  for (std::int64_t k = 0; k < rows; ++k) {
    for (std::int64_t j = 0; j < cols; ++j) {
      float& x = w[static_cast<std::size_t>(k * cols + j)];
      x = normal(rng) * scales[j % 8];
      if (j % 5 == 3 && k == rows / 2) x *= 1000;
    }
  }
  return w;
}

}  // namespace

TEST_CASE(
    "rounded rows are within half a step of the matrix, and sixteen thousand steps reach it") {
  std::mt19937 rng(1);
  for (const auto& [rows, cols] : {std::pair{7, 3}, {40, 32}, {33, 65}, {5, 130}}) {
    const std::vector<float> w = adversarial(rows, cols, rng);
    for (const bool by_columns : {false, true}) {
      const Matrix<const float> m{w.data(), rows, cols, by_columns ? 1 : cols,
                                  by_columns ? rows : 1};
      const auto words = rounded(m);
      const RoundedRows r(words.data());
      CHECK(r.unbounded_cols() == 0);
      const auto q = elements_of(r);
      for (std::int64_t k = 0; k < rows; ++k) {
        for (std::int64_t j = 0; j < cols; ++j) {
          const double step = r.steps()[j];
          const double whole = q[static_cast<std::size_t>(k)][static_cast<std::size_t>(j)];
          REQUIRE(whole == std::nearbyint(whole));
          REQUIRE(std::abs(whole) <= 16383);
          REQUIRE(std::abs(double(m(k, j)) - step * whole) <= 0.503 * step);
          REQUIRE(std::abs(double(m(k, j))) <= 16383 * step);
        }
      }
    }
  }
}

TEST_CASE("a column that holds NaN, an infinity or more than 2^100 has an infinite step") {
  for (const float bad : {not_a_number, inf, -inf, 1.3e30F, -3e38F}) {
    std::vector<float> w(10 * 40, 0.25F);
    w[3 * 40 + 7] = bad;
    const auto words = rounded({w.data(), 10, 40, 40, 1});
    const RoundedRows r(words.data());
    CHECK(r.unbounded_cols() == 1);
    CHECK(r.steps()[7] == inf);
    CHECK(r.largest_step() == 0.25F / 16382);
    const auto q = elements_of(r);
    for (std::size_t j = 0; j < 40; ++j) CHECK(q[3][j] == (j == 7 ? 0 : 16382));
  }
}

TEST_CASE("sums of rounded rows are exact, for any sizes, instruction set and threads") {
  const int before = damo::num_threads();
  std::mt19937 rng(2);
  for (const auto& [m, k, n] :
       {std::tuple{1, 1, 1}, {20, 784, 100}, {7, 1024, 65}, {3, 2500, 40}, {5, 9, 33}, {0, 4, 4}}) {
    const std::vector<float> w = adversarial(k, n, rng);
    std::vector<float> x(static_cast<std::size_t>(m * k));
    const double density = std::uniform_real_distribution<>(0, 1)(rng);
    for (float& one : x) one = std::bernoulli_distribution(density)(rng) ? 1.0F : 0.0F;
    const auto words = rounded({w.data(), k, n, n, 1});
    const RoundedRows r(words.data());
    const auto q = elements_of(r);
    on_each_isa([&, m = m, k = k, n = n] {
      for (const int threads : {1, 3}) {
        damo::set_num_threads(threads);
        CHECK(rounded({w.data(), k, n, n, 1}) == words);
        const std::vector<float> sums = sums_of(r, {x.data(), m, k, k, 1});
        for (std::int64_t i = 0; i < m; ++i) {
          for (std::int64_t j = 0; j < n; ++j) {
            std::int64_t sum = 0;
            for (std::int64_t l = 0; l < k; ++l) {
              if (x[static_cast<std::size_t>(i * k + l)] == 0) continue;
              sum += static_cast<std::int64_t>(
                  q[static_cast<std::size_t>(l)][static_cast<std::size_t>(j)]);
            }
            REQUIRE(sums[static_cast<std::size_t>(i * r.padded_cols() + j)] ==
                    static_cast<float>(sum));
          }
        }
      }
    });
  }
  damo::set_num_threads(before);
}

TEST_CASE("the largest sums of rounded rows do not overflow") {
  constexpr std::int64_t k = RoundedRows::most_rows;
  std::vector<float> w(k * 2, 1.0F);
  for (std::int64_t i = 0; i < k; ++i) w[static_cast<std::size_t>(2 * i + 1)] = -1.0F;
  const std::vector<float> x(k, 1.0F);
  const auto words = rounded({w.data(), k, 2, 2, 1});
  on_each_isa([&] {
    const auto sums = sums_of(RoundedRows(words.data()), {x.data(), 1, k, k, 1});
    CHECK(sums[0] == 16382.0F * k);
    CHECK(sums[1] == -16382.0F * k);
  });
}
