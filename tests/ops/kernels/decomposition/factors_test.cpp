#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include <damo/graph/values/array.hpp>
#include <damo/ops/kernels/decomposition/factors.hpp>
#include "tests/support/values.hpp"

using namespace damo;

TEST_CASE("cholesky kernel: factors of any size come back, and the other triangle is not read") {
  std::mt19937 rng(4);
  for (std::int64_t n = 0; n <= 70; ++n) {
    CAPTURE(n);
    Array factor(float64, {n, n}), product(float64, {n, n});
    double *l = factor.data<double>(), *a = product.data<double>();
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < i; ++j) l[i * n + j] = static_cast<double>(rng() % 7) - 3;
      l[i * n + i] = static_cast<double>(40 + rng() % 5);
    }
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        a[i * n + j] = j > i ? NAN : 0;
        for (std::int64_t k = 0; j <= i && k <= j; ++k) a[i * n + j] += l[i * n + k] * l[j * n + k];
      }
    }
    for (const DType dtype : {float32, float64}) {
      Array found(dtype, {n, n});
      cholesky(product.cast(dtype).view(), found.view());
      test::check_close(found, factor, dtype == float64 ? 1e-12 : 1e-3);
    }
  }
}
