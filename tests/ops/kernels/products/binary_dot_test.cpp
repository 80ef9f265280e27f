#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/products/binary_dot.hpp>
#include "tests/support/each_isa.hpp"

using damo::test::on_each_isa;

namespace {

using damo::Matrix;

template <class T>
struct Case {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
  std::vector<T> x;
  std::vector<T> w;
  std::vector<T> expected;  // sums in the order of the rows of w

  Case(std::int64_t m_, std::int64_t n_, std::int64_t k_, double share)
      : m(m_), n(n_), k(k_), x(size(m * (k + 3))), w(size(k * (n + 5))), expected(size(m * n)) {
    std::mt19937 rng(5);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (T& v : x) v = (uniform(rng) + 1) / 2 < share ? T{1} : T{0};
    for (T& v : w) v = static_cast<T>(uniform(rng));
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t l = 0; l < k; ++l) {
        if (left()(i, l) == T{0}) continue;
        for (std::int64_t j = 0; j < n; ++j) expected[size(i * n + j)] += right()(l, j);
      }
    }
  }
  static std::size_t size(std::int64_t i) { return static_cast<std::size_t>(i); }
  Matrix<const T> left() const { return {x.data(), m, k, k + 3, 1}; }
  Matrix<const T> right() const { return {w.data(), k, n, n + 5, 1}; }
};

template <class T>
void check_sizes() {
  for (const std::int64_t m : {1, 3, 70}) {
    for (const std::int64_t n : {1, 4, 17, 64, 131, 300}) {
      for (const std::int64_t k : {0, 1, 9, 200, 450}) {
        for (const double share : {0.0, 0.2, 1.0}) {
          const Case<T> c(m, n, k, share);
          std::vector<T> out(c.expected.size(), std::numeric_limits<T>::quiet_NaN());
          damo::binary_dot(c.left(), c.right(), {out.data(), m, n, n, 1});
          REQUIRE(out == c.expected);
          out.assign(out.size(), T{7});
          damo::binary_dot(c.left(), damo::PackedMatrix<T>(c.right()), {out.data(), m, n, n, 1});
          REQUIRE(out == c.expected);
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("binary_dot adds the selected rows in their order on every instruction set") {
  on_each_isa([] {
    check_sizes<float>();
    check_sizes<double>();
  });
}

TEST_CASE("binary_dot has the same bits on any number of threads") {
  const Case<float> c(100, 600, 500, 0.3);
  const int before = damo::num_threads();
  for (const int threads : {1, 2, 5}) {
    damo::set_num_threads(threads);
    std::vector<float> out(c.expected.size());
    damo::binary_dot(c.left(), c.right(), {out.data(), c.m, c.n, c.n, 1});
    CHECK(out == c.expected);
  }
  damo::set_num_threads(before);
}

TEST_CASE("any nonzero counts as one") {
  const std::vector<float> x = {0.0F, -0.0F, 2.0F, std::numeric_limits<float>::quiet_NaN()};
  const std::vector<float> w = {1, 2, 4, 8};
  float out = 0;
  damo::binary_dot(Matrix<const float>{x.data(), 1, 4, 4, 1}, {w.data(), 4, 1, 1, 1},
                   {&out, 1, 1, 1, 1});
  CHECK(out == 12);
  CHECK(damo::density(Matrix<const float>{x.data(), 1, 4, 4, 1}) == 0.5);
  CHECK(damo::density(Matrix<const float>{x.data(), 2, 1, 3, 2}) == 0.5);
}

TEST_CASE("binary_dot declines dense operands and leaves the result alone") {
  const Case<double> dense(8, 40, 100, 1.0);
  const Case<double> thin(8, 40, 100, 0.05);
  std::vector<double> out(8 * 40, 3.0);
  CHECK_FALSE(damo::binary_dot_if_sparse(dense.left(), dense.right(), {out.data(), 8, 40, 40, 1}));
  CHECK(out == std::vector<double>(8 * 40, 3.0));
  CHECK(damo::binary_dot_if_sparse(thin.left(), thin.right(), {out.data(), 8, 40, 40, 1}));
  CHECK(out == thin.expected);
}

TEST_CASE("only zeros of both signs and ones are binary") {
  on_each_isa([] {
    for (const std::int64_t n : {1, 15, 16, 17, 63, 65}) {
      for (std::int64_t at = 0; at < n; ++at) {
        std::vector<float> x(static_cast<std::size_t>(2 * n), 1.0F);
        for (std::size_t i = 0; i < x.size(); i += 3) x[i] = i % 2 == 0 ? 0.0F : -0.0F;
        const Matrix<const float> m{x.data(), 2, n, n, 1};
        CHECK(damo::is_binary(m));
        CHECK(damo::is_binary(m.transposed()));
        for (const float other :
             {-1.0F, 2.0F, 1e-45F, 0.99999994F, 1.0000001F, std::numeric_limits<float>::infinity(),
              std::numeric_limits<float>::quiet_NaN()}) {
          x[static_cast<std::size_t>(n + at)] = other;
          REQUIRE_FALSE(damo::is_binary(m));
          REQUIRE_FALSE(damo::is_binary(m.transposed()));
        }
      }
    }
  });
}

TEST_CASE("binary_dot refuses sizes and strides that do not fit") {
  float x[4] = {};
  const Matrix<const float> two{x, 2, 2, 2, 1};
  CHECK_THROWS_AS(damo::binary_dot(two, {x, 1, 2, 2, 1}, {x, 2, 2, 2, 1}), damo::ShapeError);
  CHECK_THROWS_AS(damo::binary_dot(two.transposed(), two, {x, 2, 2, 2, 1}), damo::ShapeError);
}
