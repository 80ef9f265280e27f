#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <damo/ops/kernels/elementwise/scalar_math.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/random/bernoulli_dot.hpp>
#include "tests/support/each_isa.hpp"

using damo::Matrix;
using damo::PhiloxKey;
using damo::RoundedRows;
using damo::test::on_each_isa;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float scales[] = {1, 0.1F, 1e-30F, 1e-44F, 0, 30, 3, 1e-36F};

struct Problem {
  std::int64_t m, k, n;
  PhiloxKey key{.seed = 4, .stream = 9, .draw = 1};
  std::vector<float> x{}, w{}, b{};
  bool w_by_columns = false;
  bool one_bias = true;
  std::vector<float> scale{}, shift{};  // none, or one a row and one an element

  std::size_t at(std::int64_t i, std::int64_t j) const {
    return static_cast<std::size_t>(i * n + j);
  }
  Matrix<const float> left() const { return {x.data(), m, k, k, 1}; }
  Matrix<const float> right() const {
    return {w.data(), k, n, w_by_columns ? 1 : n, w_by_columns ? k : 1};
  }
  Matrix<const float> bias() const { return {b.data(), m, n, one_bias ? 0 : n, 1}; }
  damo::LogitOfSum logit() const {
    static constexpr float one = 1, none = 0;
    const bool plain = scale.empty();
    return {bias(),
            {plain ? &one : scale.data(), m, n, plain ? 0 : 1, 0},
            {plain ? &none : shift.data(), m, n, plain ? 0 : n, plain ? 0 : 1}};
  }
  /// The product as floats: rows added up in their order.
  float sum(std::int64_t i, std::int64_t j) const {
    float total = 0;
    for (std::int64_t l = 0; l < k; ++l) {
      if (left()(i, l) != 0) total += right()(l, j);
    }
    return total;
  }
  std::vector<float> uniforms() const {
    std::vector<float> u(static_cast<std::size_t>(m * n));
    damo::uniform(key, 0, m * n, u.data());
    return u;
  }
  std::vector<float> expected() const {
    std::vector<float> u = uniforms();
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        float z = sum(i, j) + bias()(i, j);
        z *= logit().scale(i, j);
        z += logit().shift(i, j);
        u[at(i, j)] = u[at(i, j)] < damo::math::sigmoid(z) ? 1.0F : 0.0F;
      }
    }
    return u;
  }
  std::vector<float> drawn() const {
    std::vector<std::int64_t> words(static_cast<std::size_t>(RoundedRows::words(k, n)));
    RoundedRows::round(right(), words.data());
    std::vector<float> out(static_cast<std::size_t>(m * n + 1), -1.0F);
    damo::bernoulli_dot(key, left(), right(), RoundedRows(words.data()), logit(), out.data());
    REQUIRE(out.back() == -1);
    out.pop_back();
    return out;
  }
};

Problem random_problem(std::int64_t m, std::int64_t k, std::int64_t n, std::mt19937& rng) {
  Problem p{m, k, n};
  std::normal_distribution<float> normal;
  const double density = std::uniform_real_distribution<>(0, 0.6)(rng);
  for (std::int64_t i = 0; i < m * k; ++i)
    p.x.push_back(std::bernoulli_distribution(density)(rng) ? 1.0F : 0.0F);
  for (std::int64_t i = 0; i < k * n; ++i) p.w.push_back(0.2F * normal(rng));
  for (std::int64_t i = 0; i < m * n; ++i) p.b.push_back(normal(rng));
  p.key.draw = rng() % 100;
  return p;
}

/// Scales and shifts as of a chain at some temperature, with a few that are large or no number.
void make_tempered(Problem& p, bool adversarial, std::mt19937& rng) {
  constexpr float scales_of_rows[] = {0, 1, -1, 1e-3F, 30, 1e30F, inf, not_a_number, -0.0F};
  constexpr float shifts[] = {63.9F, -64, 65, 1e4F, -1e38F, inf, not_a_number, -0.0F, 0};
  std::normal_distribution<float> normal;
  for (std::int64_t i = 0; i < p.m; ++i)
    p.scale.push_back(adversarial && i % 2 == 0 ? scales_of_rows[i / 2 % std::size(scales_of_rows)]
                                                : std::abs(normal(rng)));
  for (std::int64_t i = 0; i < p.m * p.n; ++i)
    p.shift.push_back(adversarial && i % 3 == 0 ? shifts[i / 3 % std::size(shifts)]
                                                : 3 * normal(rng));
}

/// Columns of many sizes, one with a number that is none.
void make_adversarial(Problem& p, float bad) {
  for (std::int64_t l = 0; l < p.k; ++l) {
    for (std::int64_t j = 0; j < p.n; ++j) p.w[p.at(l, j)] *= 5 * scales[j % 8];
  }
  if (!p.w.empty()) p.w[p.w.size() / 2] = bad;
  constexpr float biases[] = {0,     -0.0F, inf,    -inf, not_a_number, 1e9F,
                              -1e9F, 3e38F, 1e-45F, 20,   -20,          60};
  for (std::size_t j = 0; j < p.b.size(); j += 3) p.b[j] = biases[j / 3 % std::size(biases)];
}

void check(const Problem& p) {
  const std::vector<float> expected = p.expected();
  on_each_isa([&] {
    for (const int threads : {1, 3}) {
      damo::set_num_threads(threads);
      REQUIRE(p.drawn() == expected);
    }
  });
}

struct Threads {
  int before = damo::num_threads();
  ~Threads() { damo::set_num_threads(before); }
};

}  // namespace

TEST_CASE("draws by rounded rows are those by sums of floats, bit for bit, at any sizes") {
  const Threads restore;
  std::mt19937 rng(3);
  for (const auto& [m, k, n] : {std::tuple{20, 784, 500},
                                {20, 500, 784},
                                {1, 1, 1},
                                {3, 17, 15},
                                {7, 63, 65},
                                {70, 40, 130},
                                {2, 2100, 33},
                                {0, 5, 5},
                                {5, 0, 7},
                                {5, 7, 0},
                                {1, 300, 257}}) {
    Problem p = random_problem(m, k, n, rng);
    for (const bool by_columns : {false, true}) {
      for (const bool one_bias : {false, true}) {
        p.w_by_columns = by_columns;
        p.one_bias = one_bias;
        check(p);
      }
    }
  }
}

TEST_CASE("they are for weights of all sizes, infinities and NaN, and for biases as bad") {
  const Threads restore;
  std::mt19937 rng(5);
  for (int repeat = 0; repeat < 4; ++repeat) {
    for (const float bad : {1.0F, inf, -inf, not_a_number, 1e-45F, 3e38F, 1e25F}) {
      for (const auto& [m, k, n] : {std::tuple{20, 100, 70}, {4, 33, 9}, {9, 5, 64}}) {
        Problem p = random_problem(m, k, n, rng);
        make_adversarial(p, bad);
        p.w_by_columns = repeat % 2 == 1;
        check(p);
      }
    }
  }
}

TEST_CASE("they are where sums are scaled and shifted, by anything") {
  const Threads restore;
  std::mt19937 rng(12);
  for (int repeat = 0; repeat < 12; ++repeat) {
    for (const auto& [m, k, n] : {std::tuple{20, 300, 200}, {9, 33, 17}, {3, 0, 5}, {1, 7, 1}}) {
      Problem p = random_problem(m, k, n, rng);
      if (repeat % 4 == 2) make_adversarial(p, repeat == 2 ? inf : not_a_number);
      make_tempered(p, repeat % 2 == 1, rng);
      p.w_by_columns = repeat % 3 == 1;
      check(p);
    }
  }
}

TEST_CASE("they are where a large shift cancels with what is scaled, next to the number drawn") {
  const Threads restore;
  std::mt19937 rng(13);
  for (const float scale : {1.0F, 0.37F, -2.5F, 1e3F}) {
    for (const float offset : {0.0F, 7.0F, -60.0F, 63.0F, 500.0F, 3e4F}) {
      Problem p = random_problem(6, 120, 90, rng);
      p.scale.assign(6, scale);
      const std::vector<float> u = p.uniforms();
      for (float& w : p.w) w /= std::abs(scale);
      for (float& b : p.b) b = offset / scale;
      p.one_bias = false;
      for (std::int64_t i = 0; i < p.m; ++i) {
        for (std::int64_t j = 0; j < p.n; ++j) {
          const double at = std::max(double(u[p.at(i, j)]), 1e-7);
          const double scaled = double(scale) * (double(p.sum(i, j)) + p.b[p.at(i, j)]);
          const double logit = std::log(at) - std::log1p(-at);
          p.shift.push_back(static_cast<float>(logit - scaled));
        }
      }
      check(p);
    }
  }
}

TEST_CASE("they are where a bound is of no use: weights too large, or none finite") {
  const Threads restore;
  std::mt19937 rng(6);
  for (const float scale : {0.0F, 100.0F, 1e4F, 1e28F, 1e31F, inf, not_a_number}) {
    Problem p = random_problem(9, 200, 70, rng);
    for (float& w : p.w) w *= scale;
    for (const bool by_columns : {false, true}) {
      p.w_by_columns = by_columns;
      check(p);
    }
  }
}

namespace {

/// Weights whose errors of rounding add up: all are rounded the same way by nearly half a step.
/// Biases that bring the sigmoid next to the uniform number: z is beyond it by `share` of what the
/// errors come to.
Problem at_the_edge(double share, double direction, std::mt19937& rng) {
  Problem p = random_problem(12, 300, 90, rng);
  p.one_bias = false;
  const double step = 0.25 / 16382;
  for (std::int64_t l = 0; l < p.k; ++l) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      const double whole = static_cast<double>(rng() % 8000) - 4000;
      p.w[p.at(l, j)] = static_cast<float>(l == 0 ? 0.25 : step * (whole + 0.49 * direction));
    }
  }
  const std::vector<float> u = p.uniforms();
  for (std::int64_t i = 0; i < p.m; ++i) {
    double selected = 0;
    for (std::int64_t l = 0; l < p.k; ++l) selected += p.left()(i, l);
    for (std::int64_t j = 0; j < p.n; ++j) {
      const double at = std::max(double(u[p.at(i, j)]), 1e-7);
      const double logit = std::log(at) - std::log1p(-at);
      p.b[p.at(i, j)] = static_cast<float>(logit - double(p.sum(i, j)) +
                                           direction * share * 0.49 * step * selected);
    }
  }
  return p;
}

}  // namespace

TEST_CASE("they are where errors of rounding add up and the sigmoid is next to the number drawn") {
  const Threads restore;
  std::mt19937 rng(7);
  for (const double direction : {1.0, -1.0}) {
    for (const double share : {0.0, 0.05, 0.3, 0.6, 0.9, 0.99, 1.0, 1.05, 2.0, -0.5})
      check(at_the_edge(share, direction, rng));
  }
}

TEST_CASE("few elements are in doubt where weights are moderate, and all where none is finite") {
  std::mt19937 rng(8);
  Problem p = random_problem(20, 784, 500, rng);
  const std::int64_t before = damo::bernoulli_dot_doubts();
  static_cast<void>(p.drawn());
  const std::int64_t doubts = damo::bernoulli_dot_doubts() - before;
  CHECK(doubts > 0);
  CHECK(doubts < 200);  // of 10,000
  for (float& w : p.w) w = not_a_number;
  static_cast<void>(p.drawn());
  CHECK(damo::bernoulli_dot_doubts() - before == doubts + 20 * 500);
}

TEST_CASE("units are on as often as the sigmoid of their sums says") {
  std::mt19937 rng(9);
  Problem p = random_problem(20, 60, 50, rng);
  std::vector<double> on(static_cast<std::size_t>(p.m * p.n));
  constexpr int draws = 2000;
  for (int d = 0; d < draws; ++d) {
    p.key.draw = static_cast<std::uint64_t>(d);
    const std::vector<float> one = p.drawn();
    for (std::size_t i = 0; i < one.size(); ++i) on[i] += one[i];
  }
  double chi_square = 0;
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      double z = p.bias()(i, j);
      for (std::int64_t l = 0; l < p.k; ++l) z += double(p.left()(i, l)) * p.right()(l, j);
      const double q = 1 / (1 + std::exp(-z));
      const double off = on[p.at(i, j)] - draws * q;
      chi_square += off * off / (draws * q * (1 - q));
    }
  }
  // 1000 degrees of freedom: mean 1000, deviation 44.7.
  CHECK(chi_square > 1000 - 4 * 44.7);
  CHECK(chi_square < 1000 + 4 * 44.7);
}
