#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <random>
#include <vector>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/products/gemm.hpp>
#include "tests/support/each_isa.hpp"

using damo::test::on_each_isa;

namespace {

using damo::Matrix;

enum class Layout { rows, columns, spaced, reversed };
constexpr Layout layouts[] = {Layout::rows, Layout::columns, Layout::spaced, Layout::reversed};

/// A random matrix in one of several memory layouts.
template <class T>
struct Stored {
  std::vector<T> memory;
  Matrix<T> view;

  Stored(std::int64_t m, std::int64_t n, Layout layout, unsigned seed)
      : memory(static_cast<std::size_t>(m * n * 6 + 8)) {
    std::mt19937 rng(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (T& x : memory) x = static_cast<T>(uniform(rng));
    if (layout == Layout::rows) view = {memory.data(), m, n, n + 1, 1};
    if (layout == Layout::columns) view = {memory.data(), m, n, 1, m + 2};
    if (layout == Layout::spaced) view = {memory.data(), m, n, 3 * n, 2};
    if (layout == Layout::reversed) view = {memory.data() + m * n, m, n, -n, 1};
  }
};

template <class T>
Matrix<const T> reading(const Matrix<T>& m) {
  return m;
}

/// Checks a product against sums in long double, with the rounding error such a sum is likely to
/// have.
template <class T, class Multiply>
void check_product(std::int64_t m, std::int64_t n, std::int64_t k, Layout la, Layout lb, Layout lc,
                   T alpha, T beta, Multiply multiply) {
  const Stored<T> a(m, k, la, 1);
  const Stored<T> b(k, n, lb, 2);
  Stored<T> c(m, n, lc, 3);
  const Stored<T> old(m, n, lc, 3);
  multiply(alpha, reading(a.view), reading(b.view), beta, c.view);
  const long double tolerance =
      std::numeric_limits<T>::epsilon() * (static_cast<long double>(k) + 8);
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      long double sum = 0;
      for (std::int64_t l = 0; l < k; ++l) {
        sum += static_cast<long double>(a.view(i, l)) * static_cast<long double>(b.view(l, j));
      }
      sum = alpha * sum + (beta == 0 ? 0 : beta * static_cast<long double>(old.view(i, j)));
      if (!(std::abs(sum - static_cast<long double>(c.view(i, j))) <= tolerance)) ++wrong;
    }
  }
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  CHECK(wrong == 0);
}

const auto plain = [](auto alpha, auto a, auto b, auto beta, auto c) {
  damo::gemm(alpha, a, b, beta, c);
};
const auto vectors = [](auto alpha, auto a, auto b, auto beta, auto c) {
  damo::gemv(alpha, a, b, beta, c);
};
const auto packed = [](auto alpha, auto a, auto b, auto beta, auto c) {
  damo::gemm_packed(alpha, a, damo::PackedMatrix<decltype(alpha)>(b), beta, c);
};

template <class T>
void check_all_layouts() {
  for (const Layout la : layouts) {
    for (const Layout lb : layouts) {
      for (const Layout lc : layouts) {
        check_product<T>(7, 37, 21, la, lb, lc, T(1.5), T(-0.5), plain);
        check_product<T>(3, 5, 64, la, lb, lc, T(1), T(0), plain);
        check_product<T>(65, 18, 40, la, lb, lc, T(1), T(1), plain);
        check_product<T>(9, 35, 33, la, lb, lc, T(-1), T(2), packed);
      }
    }
  }
}

}  // namespace

TEST_CASE("gemm agrees with sums in long double for every layout of its operands") {
  on_each_isa([] {
    check_all_layouts<float>();
    check_all_layouts<double>();
  });
}

TEST_CASE("gemm is right at every edge of its tiles") {
  on_each_isa([] {
    for (std::int64_t m = 1; m <= 26; ++m) {
      for (const std::int64_t n : {1, 2, 3, 4, 8, 15, 16, 17, 31, 33, 48, 63, 130}) {
        const auto k = (m * 7 + n * 3) % 40 + 1;
        check_product<float>(m, n, k, Layout::rows, Layout::rows, Layout::rows, 1, 0, plain);
        check_product<float>(m, n, k, Layout::rows, Layout::columns, Layout::rows, 1, 1, plain);
        check_product<double>(m, n, k, Layout::columns, Layout::rows, Layout::rows, 1, 0, packed);
      }
    }
  });
}

TEST_CASE("deep and large products are added up in blocks") {
  check_product<float>(5, 33, 2500, Layout::rows, Layout::rows, Layout::rows, 1, 1, plain);
  check_product<float>(200, 150, 1100, Layout::rows, Layout::columns, Layout::rows, 2, 0.5F, plain);
  check_product<double>(130, 300, 64, Layout::columns, Layout::rows, Layout::rows, 1, 1, packed);
}

TEST_CASE("vector products of every kind agree with sums in long double") {
  on_each_isa([] {
    for (const Layout layout : layouts) {
      for (const std::int64_t n : {1, 5, 16, 70, 333}) {
        check_product<float>(1, 1, n, layout, layout, Layout::rows, 2, 1, plain);
        check_product<float>(1, n, 40, Layout::rows, layout, Layout::rows, 1, 0, plain);
        check_product<double>(n, 1, 40, layout, Layout::columns, Layout::spaced, 1, 1, plain);
        check_product<double>(n, 21, 1, layout, Layout::rows, Layout::rows, 1, 1, plain);
        check_product<float>(1, 1, n, layout, layout, Layout::rows, 2, 1, vectors);
        check_product<float>(1, n, 40, Layout::rows, layout, Layout::rows, 1, 0, vectors);
        check_product<double>(n, 1, 40, layout, Layout::columns, Layout::spaced, 1, 1, vectors);
      }
    }
  });
}

TEST_CASE("an element of a product has the same bits whatever the sizes and the layout") {
  on_each_isa([] {
    const Stored<float> a(70, 1300, Layout::rows, 1);
    const Stored<float> rows(1300, 40, Layout::rows, 2);
    Stored<float> columns(1300, 40, Layout::columns, 3);
    for (std::int64_t k = 0; k < 1300; ++k) {
      for (std::int64_t j = 0; j < 40; ++j) columns.view(k, j) = rows.view(k, j);
    }
    Stored<float> whole(70, 40, Layout::rows, 4);
    damo::gemm(1.0F, reading(a.view), reading(rows.view), 0.0F, whole.view);
    for (const auto& b : {rows.view, columns.view}) {
      for (const std::int64_t m : {1, 2, 20, 70}) {
        for (const std::int64_t n : {1, 3, 40}) {
          Stored<float> part(m, n, Layout::rows, 5);
          damo::gemm(1.0F, reading(a.view.block(0, 0, m, 1300)), reading(b.block(0, 0, 1300, n)),
                     0.0F, part.view);
          std::int64_t wrong = 0;
          for (std::int64_t i = 0; i < m; ++i) {
            for (std::int64_t j = 0; j < n; ++j) wrong += part.view(i, j) != whole.view(i, j);
          }
          CHECK(wrong == 0);
        }
      }
    }
  });
}

TEST_CASE("gemm rounds the product and then what it adds and multiplies by") {
  for (const std::int64_t k : {5, 1500}) {
    const Stored<float> a(7, k, Layout::rows, 1);
    const Stored<float> b(k, 37, Layout::rows, 2);
    Stored<float> product(7, 37, Layout::rows, 3);
    Stored<float> c(7, 37, Layout::rows, 4);
    const Stored<float> old = c;
    c.view.data = c.memory.data();
    damo::gemm(1.0F, reading(a.view), reading(b.view), 0.0F, product.view);
    damo::gemm(0.3F, reading(a.view), reading(b.view), -0.7F, c.view);
    for (std::size_t i = 0; i < 7; ++i) {
      for (std::size_t j = 0; j < 37; ++j) {
        const std::size_t at = i * 38 + j;
        const float scaled = 0.3F * product.memory[at];
        const float kept = -0.7F * old.memory[at];
        CHECK(c.memory[at] == scaled + kept);
      }
    }
  }
}

TEST_CASE("a product by steps has the bits of adding up the products of the steps") {
  on_each_isa([] {
    for (const std::int64_t step : {1, 3, 20, 1100}) {
      const std::int64_t k = step * (step > 1000 ? 2 : 17);
      for (const std::int64_t m : {1, 5, 70}) {
        for (const std::int64_t n : {1, 16, 45}) {
          const Stored<double> a(m, k, Layout::columns, 1);
          const Stored<double> b(k, n, Layout::rows, 2);
          Stored<double> at_once(m, n, Layout::rows, 3);
          Stored<double> one(m, n, Layout::rows, 4);
          damo::gemm_by_steps(step, reading(a.view), reading(b.view), at_once.view);
          for (std::int64_t t = 0; t < k; t += step) {
            damo::gemm(1.0, reading(a.view.block(0, t, m, step)),
                       reading(b.view.block(t, 0, step, n)), t == 0 ? 0.0 : 1.0, one.view);
          }
          std::int64_t wrong = 0;
          for (std::int64_t i = 0; i < m; ++i) {
            for (std::int64_t j = 0; j < n; ++j) wrong += at_once.view(i, j) != one.view(i, j);
          }
          CHECK(wrong == 0);
        }
      }
    }
  });
}

TEST_CASE("gemm with beta zero does not read its result") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> ones(12, 1.0F);
  for (const std::int64_t k : {0, 3}) {
    std::vector<float> c(16, nan);
    damo::gemm(1.0F, {ones.data(), 4, k, k, 1}, {ones.data(), k, 4, 4, 1}, 0.0F,
               {c.data(), 4, 4, 4, 1});
    for (const float x : c) CHECK(x == static_cast<float>(k));
  }
}

TEST_CASE("a product without depth scales its result") {
  std::vector<double> c(6, 2.0);
  damo::gemm(1.0, {nullptr, 2, 0, 0, 1}, {nullptr, 0, 3, 3, 1}, 0.25, {c.data(), 2, 3, 3, 1});
  for (const double x : c) CHECK(x == 0.5);
}

TEST_CASE("gemm refuses sizes that do not fit") {
  float x[4] = {};
  CHECK_THROWS_AS(damo::gemm(1.0F, {x, 2, 2, 2, 1}, {x, 1, 2, 2, 1}, 0.0F, {x, 2, 2, 2, 1}),
                  damo::ShapeError);
}

TEST_CASE("gemm gives the same bits on any number of threads") {
  const int before = damo::num_threads();
  const Stored<float> a(130, 300, Layout::rows, 1);
  for (const Layout layout : {Layout::rows, Layout::columns}) {
    const Stored<float> b(300, 410, layout, 2);
    for (const std::int64_t m : {20, 130}) {
      Stored<float> one(m, 410, Layout::rows, 3);
      Stored<float> many = one;
      many.view.data = many.memory.data();
      damo::set_num_threads(1);
      damo::gemm(1.0F, a.view.block(0, 0, m, 300), b.view, 0.0F, one.view);
      damo::set_num_threads(3);
      damo::gemm(1.0F, a.view.block(0, 0, m, 300), b.view, 0.0F, many.view);
      CHECK(one.memory == many.memory);
    }
  }
  damo::set_num_threads(before);
}

namespace {

/// An element as it is defined: one chain of multiply-adds in the order of the terms.
template <class T>
T chain(const Matrix<T>& a, const Matrix<T>& b, std::int64_t i, std::int64_t j) {
  const bool fused = damo::isa() != damo::Isa::sse2;
  T sum{0};
  for (std::int64_t k = 0; k < a.cols; ++k)
    sum = fused ? std::fma(a(i, k), b(k, j), sum) : sum + a(i, k) * b(k, j);
  return sum;
}

template <class T>
void check_bits_of_random_product(unsigned seed) {
  std::mt19937 rng(seed);
  const auto one_of = [&rng](auto... options) {
    const std::int64_t all[] = {options...};
    return all[rng() % std::size(all)];
  };
  const auto layout = [&rng] { return layouts[rng() % std::size(layouts)]; };
  const std::int64_t m = one_of(1, 2, 5, 20, 63, 64, 97, 130, 200);
  const std::int64_t n = one_of(1, 2, 15, 64, 65, 100, 129, 250);
  const std::int64_t k = one_of(1, 3, 20, 31, 64, 127, 128, 256, 1024, 1025, 2100);
  const T alpha = static_cast<T>(one_of(1, 1, 3)), beta = static_cast<T>(one_of(0, 0, 1, -2));
  const Stored<T> a(m, k, layout(), seed + 1), b(k, n, layout(), seed + 2);
  Stored<T> c(m, n, layout(), seed + 3);
  const std::vector<T> old = c.memory;
  damo::set_num_threads(static_cast<int>(one_of(1, 2, 5)));
  damo::gemm(alpha, reading(a.view), reading(b.view), beta, c.view);
  std::int64_t wrong = 0;
  for (int sample = 0; sample < 400; ++sample) {
    const auto i = static_cast<std::int64_t>(rng() % static_cast<unsigned>(m));
    const auto j = static_cast<std::int64_t>(rng() % static_cast<unsigned>(n));
    const T before = old[static_cast<std::size_t>(&c.view(i, j) - c.memory.data())];
    const T product = alpha * chain(a.view, b.view, i, j);
    const T expected = beta == T{0} ? product : product + beta * before;
    wrong += c.view(i, j) != expected;
  }
  CAPTURE(seed);
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("elements of random products are chains of multiply-adds, on any number of threads") {
  const int before = damo::num_threads();
  on_each_isa([] {
    for (unsigned seed = 0; seed < 20; ++seed) {
      check_bits_of_random_product<float>(seed);
      check_bits_of_random_product<double>(seed);
    }
  });
  damo::set_num_threads(before);
}
