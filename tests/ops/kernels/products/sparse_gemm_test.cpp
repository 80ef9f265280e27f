#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/products/gemm.hpp>
#include <damo/ops/kernels/products/sparse_gemm.hpp>
#include "tests/support/each_isa.hpp"
#include "tests/support/values.hpp"

using damo::Matrix;
using damo::test::on_each_isa;

namespace {

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

/// A product whose left operand is mostly zeros, by rows or by columns.
template <class T>
struct Case {
  std::int64_t m, n, k;
  bool by_columns;
  std::vector<T> x, w, c;

  Case(std::int64_t m_, std::int64_t n_, std::int64_t k_, double share, bool by_columns_)
      : m(m_),
        n(n_),
        k(k_),
        by_columns(by_columns_),
        x(size(m * k)),
        w(size(k * (n + 3))),
        c(size(m * (n + 1))) {
    std::mt19937 rng(static_cast<unsigned>(m + 7 * n + 31 * k));
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (T& v : x) v = (uniform(rng) + 1) / 2 < share ? static_cast<T>(uniform(rng)) : T{0};
    for (std::size_t i = 0; i < x.size(); i += 5) {
      if (x[i] == T{0}) x[i] = -T{0};
    }
    for (T& v : w) v = static_cast<T>(uniform(rng));
    for (T& v : c) v = static_cast<T>(uniform(rng));
  }
  Matrix<const T> left() const {
    return by_columns ? Matrix<const T>{x.data(), m, k, 1, m}
                      : Matrix<const T>{x.data(), m, k, k, 1};
  }
  Matrix<const T> right() const { return {w.data(), k, n, n + 3, 1}; }
  Matrix<T> result(std::vector<T>& to) const { return {to.data(), m, n, n + 1, 1}; }

  /// The right operand's elements `row_stride` and `col_stride` apart.
  std::vector<T> moved(std::int64_t row_stride, std::int64_t col_stride) const {
    std::vector<T> to(size((k - 1) * row_stride + (n - 1) * col_stride + 1));
    for (std::int64_t i = 0; i < k; ++i) {
      for (std::int64_t j = 0; j < n; ++j)
        to[size(i * row_stride + j * col_stride)] = right()(i, j);
    }
    return to;
  }

  /// The same product by the dense kernels, to which a right operand with gaps is left.
  std::vector<T> dense(T alpha, T beta) const {
    const std::vector<T> gaps = moved(2, 2 * k + 1);
    std::vector<T> out = c;
    damo::gemm(alpha, left(), Matrix<const T>{gaps.data(), k, n, 2, 2 * k + 1}, beta, result(out));
    return out;
  }
};

template <class T>
void check_sizes() {
  for (const std::int64_t m : {8, 20, 131}) {
    for (const std::int64_t n : {64, 65, 79, 191, 500}) {
      for (const std::int64_t k : {70, 96, 130, 257, 800}) {
        for (const bool by_columns : {false, true}) {
          const Case<T> c(m, n, k, 0.12, by_columns);
          for (const auto& [alpha, beta] :
               {std::pair{T{1}, T{0}}, std::pair{T(0.3), T{1}}, std::pair{T(-2), T(0.7)}}) {
            std::vector<T> out = c.c;
            const bool done = damo::gemm_if_sparse(alpha, c.left(), c.right(), beta, c.result(out));
            REQUIRE(done == (beta == T{0} || k <= 256));
            const std::vector<T> turned = c.moved(1, k + 2);
            std::vector<T> again = c.c;
            REQUIRE(damo::gemm_if_sparse(alpha, c.left(),
                                         Matrix<const T>{turned.data(), k, n, 1, k + 2}, beta,
                                         c.result(again)) == done);
            if (!done) continue;
            const std::vector<T> expected = c.dense(alpha, beta);
            REQUIRE(out == expected);
            REQUIRE(again == expected);
          }
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("products that leave out zeros have the bits of those that do not") {
  on_each_isa([] {
    check_sizes<float>();
    check_sizes<double>();
  });
}

TEST_CASE("several products that leave out zeros have the bits of one added after the other") {
  on_each_isa([] {
    for (const std::int64_t n : {64, 131, 500}) {
      for (const bool by_columns : {false, true}) {
        const Case<float> first(131, n, 70, 0.12, by_columns), second(131, n, 90, 0.2, by_columns),
            third(131, n, 96, 0.0, !by_columns);
        for (const float beta : {0.0F, 1.0F, 0.7F}) {
          std::vector<float> one_by_one = first.c;
          damo::gemm(0.3F, first.left(), first.right(), beta, first.result(one_by_one));
          damo::gemm(-2.0F, second.left(), second.right(), 1.0F, second.result(one_by_one));
          damo::gemm(1.0F, third.left(), third.right(), 1.0F, third.result(one_by_one));
          const std::vector<damo::ScaledProduct<float>> all{{0.3F, first.left(), first.right()},
                                                            {-2.0F, second.left(), second.right()},
                                                            {1.0F, third.left(), third.right()}};
          std::vector<float> in_place = first.c, from = first.c, elsewhere(first.c.size(), 7.0F);
          elsewhere.back() = first.c.back();
          REQUIRE(damo::gemm_if_sparse(all, beta, first.result(in_place), first.result(in_place)));
          REQUIRE(damo::gemm_if_sparse(all, beta, first.result(from), first.result(elsewhere)));
          CHECK(in_place == one_by_one);
          CHECK(from == first.c);
          bool same = true;
          for (std::int64_t i = 0; i < 131; ++i) {
            for (std::int64_t j = 0; j < n; ++j)
              same = same && first.result(elsewhere)(i, j) == first.result(one_by_one)(i, j);
          }
          CHECK(same);
        }
        const Case<float> dense(131, n, 60, 0.9, by_columns), deep(131, n, 200, 0.1, by_columns);
        for (const Case<float>* other : {&dense, &deep}) {
          const std::vector<damo::ScaledProduct<float>> all{{1.0F, first.left(), first.right()},
                                                            {1.0F, other->left(), other->right()}};
          std::vector<float> out = first.c;
          CHECK_FALSE(damo::gemm_if_sparse(all, 1.0F, first.result(out), first.result(out)));
          CHECK(out == first.c);
        }
      }
    }
  });
}

TEST_CASE("they have the same bits on any number of threads") {
  const int before = damo::num_threads();
  for (const std::int64_t k : {200, 900}) {
    const Case<float> c(1500, 600, k, 0.1, false);
    const std::vector<float> expected = c.dense(1, 0);
    for (const int threads : {1, 2, 5}) {
      damo::set_num_threads(threads);
      std::vector<float> out = c.c;
      REQUIRE(damo::gemm_if_sparse(1.0F, c.left(), c.right(), 0.0F, c.result(out)));
      CHECK(out == expected);
    }
  }
  damo::set_num_threads(before);
}

TEST_CASE("operands with more elements than are listed at a time are gone through in parts") {
  for (const auto& [m, k] : {std::pair<std::int64_t, std::int64_t>{2100, 30}, {200, 9000}}) {
    for (const bool by_columns : {false, true}) {
      const Case<float> c(m, 70, k, 0.05, by_columns);
      std::vector<float> out = c.c;
      REQUIRE(damo::gemm_if_sparse(1.0F, c.left(), c.right(), 0.0F, c.result(out)));
      CHECK(out == c.dense(1, 0));
    }
  }
}

TEST_CASE("zeros times infinity and NaN stay NaN") {
  on_each_isa([] {
    for (const float bad : {std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(), std::nanf("")}) {
      for (const std::int64_t k : {100, 700}) {
        for (const std::int64_t at : {std::int64_t{0}, k / 2, k - 1}) {
          for (const std::int64_t column : {0, 63, 130}) {
            Case<float> c(20, 131, k, 0.1, false);
            c.w[size(at * (c.n + 3) + column)] = bad;
            std::vector<float> out = c.c;
            CHECK_FALSE(damo::gemm_if_sparse(1.0F, c.left(), c.right(), 0.0F, c.result(out)));
            damo::gemm(1.0F, c.left(), c.right(), 0.0F, c.result(out));
            const std::vector<float> turned = c.moved(1, k);
            CHECK_FALSE(damo::gemm_if_sparse(1.0F, c.left(),
                                             Matrix<const float>{turned.data(), k, 131, 1, k}, 0.0F,
                                             c.result(out)));
            damo::gemm(1.0F, c.left(), c.right(), 0.0F, c.result(out));
            const std::vector<float> expected = c.dense(1, 0);
            for (std::size_t i = 0; i < out.size(); ++i) {
              REQUIRE((out[i] == expected[i] || (std::isnan(out[i]) && std::isnan(expected[i]))));
            }
          }
        }
      }
    }
  });
}

TEST_CASE("a right operand that is not finite leaves what is added to alone") {
  Case<float> c(20, 131, 100, 0.1, false);
  c.w[500] = std::nanf("");
  std::vector<float> out = c.c;
  CHECK_FALSE(damo::gemm_if_sparse(1.0F, c.left(), c.right(), 1.0F, c.result(out)));
  CHECK(out == c.c);
}

TEST_CASE("NaN and infinity on the left are no zeros") {
  Case<float> c(20, 131, 100, 0.1, false);
  c.x[3] = std::nanf("");
  c.x[101] = std::numeric_limits<float>::infinity();
  std::vector<float> out = c.c;
  REQUIRE(damo::gemm_if_sparse(1.0F, c.left(), c.right(), 0.0F, c.result(out)));
  CHECK(std::isnan(out[0]));
  CHECK_FALSE(std::isfinite(out[size(c.n + 1)]));
}

TEST_CASE("dense, small and strided operands are left to the dense product") {
  const auto declines = [](std::int64_t m, std::int64_t n, double share) {
    const Case<float> c(m, n, 200, share, false);
    std::vector<float> out = c.c;
    return !damo::gemm_if_sparse(1.0F, c.left(), c.right(), 0.0F, c.result(out)) && out == c.c;
  };
  CHECK(declines(20, 131, 0.9));
  CHECK(declines(3, 131, 0.1));
  CHECK(declines(20, 30, 0.1));
  CHECK_FALSE(declines(20, 131, 0.1));
}
