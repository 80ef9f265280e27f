#include <damo/ops/kernels/decomposition/factors.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include <damo/ops/kernels/decomposition/lapack.hpp>
#include <damo/ops/kernels/decomposition/matrices.hpp>

namespace damo {
namespace {

thread_local Scratch factor_memory, pivot_memory, tau_memory;

[[noreturn]] void throw_singular(const Tensor& a, std::int64_t i, int column) {
  throw NumericError(
      fmt::format("{} is singular: pivot {} is exactly 0", which_matrix(a, i), column - 1));
}

/// The factors of a matrix that lies row by row, that is, of its transpose: P L U, both triangles
/// in one. 0, or the number of the first pivot that is 0, from 1 on.
template <class T>
int factor_transposed(T* a, std::int64_t size, int* pivots) {
  const int n = lapack_int(size);
  int info = 0;
  lapack<T>().getrf(&n, &n, a, &n, pivots, &info);
  return info;
}

/// x^T times the inverse of a triangle that lies column by column, in place of x^T; `x` lies row by
/// row.
template <class T>
void divide_rows(const char* uplo, const char* diag, const T* triangle, Matrix<T> x) {
  const int m = lapack_int(x.cols);
  const int n = lapack_int(x.rows);
  const T one = 1;
  lapack<T>().trsm("R", uplo, "N", diag, &m, &n, &one, triangle, &n, x.data, &m, 1, 1, 1, 1);
}

/// Solves a x = b in place of b: (x^T) (a^T) = b^T with a^T = P L U.
template <class T>
void solve_matrix(Matrix<T> a, Matrix<T> x, const Tensor& batch, std::int64_t i) {
  T* factors = factor_memory.reserve<T>(a.rows * a.rows);
  int* pivots = pivot_memory.reserve<int>(a.rows);
  assign(by_rows(factors, a.rows, a.rows), a);
  if (const int column = factor_transposed(factors, a.rows, pivots); column != 0)
    throw_singular(batch, i, column);
  divide_rows("U", "N", factors, x);
  divide_rows("L", "U", factors, x);
  for (std::int64_t k = x.rows; k-- > 0;) {
    const std::int64_t other = pivots[k] - 1;
    if (other != k) std::swap_ranges(&x(k, 0), &x(k, 0) + x.cols, &x(other, 0));
  }
}

template <class T>
void solve_triangle(Matrix<T> a, Triangle triangle, Matrix<T> x, const Tensor& batch,
                    std::int64_t number) {
  if (!triangle.unit_diagonal) {
    for (std::int64_t i = 0; i < a.rows; ++i) {
      if (a(i, i) == T(0)) throw_singular(batch, number, static_cast<int>(i) + 1);
    }
  }
  const T* rows = a.data;
  if (a.row_stride != a.cols || a.col_stride != 1) {
    T* copy = factor_memory.reserve<T>(a.rows * a.rows);
    assign(by_rows(copy, a.rows, a.rows), a);
    rows = copy;
  }
  // Row by row it is the transpose that LAPACK sees.
  divide_rows(triangle.lower ? "U" : "L", triangle.unit_diagonal ? "U" : "N", rows, x);
}

/// For each i, `f(a's matrix i, x's matrix i, i)` once x has been made equal to b; NaN where what
/// is read of `a` is not finite.
template <class T, class F>
void each_solution(const Tensor& a, const Tensor& b, const Tensor& x, Part part, bool diagonal,
                   F&& f) {
  const OneThread alone;
  for (std::int64_t i = 0; i < batch_size(x, 2); ++i) {
    const Matrix<T> matrix = matrix_at<T>(a, i);
    const Matrix<T> result = matrix_at<T>(x, i);
    if (!all_finite(matrix, part, diagonal)) {
      fill(result, not_a_number<T>);
      continue;
    }
    assign(result, matrix_at<T>(b, i));
    if (result.rows > 0 && result.cols > 0) f(matrix, result, i);
  }
}

template <class T>
T det_of(Matrix<T> a) {
  T* factors = factor_memory.reserve<T>(a.rows * a.rows);
  int* pivots = pivot_memory.reserve<int>(a.rows);
  assign(by_rows(factors, a.rows, a.rows), a);
  if (a.rows > 0 && factor_transposed(factors, a.rows, pivots) != 0) return 0;
  WideProduct<T> product;
  for (std::int64_t k = 0; k < a.rows; ++k)
    product.times(pivots[k] == k + 1 ? factors[k * a.rows + k] : -factors[k * a.rows + k]);
  return product.value();
}

template <class T>
void slogdet_of(Matrix<T> a, T& sign, T& log_magnitude) {
  sign = 1;
  log_magnitude = 0;
  if (a.rows == 0) return;
  T* factors = factor_memory.reserve<T>(a.rows * a.rows);
  int* pivots = pivot_memory.reserve<int>(a.rows);
  assign(by_rows(factors, a.rows, a.rows), a);
  if (factor_transposed(factors, a.rows, pivots) != 0) {
    sign = 0;
    log_magnitude = -std::numeric_limits<T>::infinity();
    return;
  }
  for (std::int64_t k = 0; k < a.rows; ++k) {
    const T pivot = factors[k * a.rows + k];
    if ((pivot < 0) != (pivots[k] != k + 1)) sign = -sign;
    log_magnitude += std::log(std::abs(pivot));
  }
}

template <class T>
void qr_of(Matrix<T> a, Matrix<T> q, Matrix<T> r) {
  const std::int64_t k = std::min(a.rows, a.cols);
  const std::int64_t columns = std::max(a.cols, q.cols);
  T* memory = factor_memory.reserve<T>(std::max<std::int64_t>(a.rows * columns, 1));
  T* tau = tau_memory.reserve<T>(std::max<std::int64_t>(k, 1));
  assign(by_columns(memory, a.rows, a.cols), a);
  const int m = lapack_int(a.rows), n = lapack_int(a.cols), lda = leading(a.rows);
  int info = 0;
  if (k > 0) {
    with_work<T>([&](T* work, int* size) {
      lapack<T>().geqrf(&m, &n, memory, &lda, tau, work, size, &info);
    });
  }
  for (std::int64_t i = 0; i < r.rows; ++i) {
    for (std::int64_t j = 0; j < r.cols; ++j) r(i, j) = j < i ? T(0) : memory[j * a.rows + i];
  }
  if (q.data == nullptr) return;
  if (k == 0) return fill_identity(q);
  const int wide = lapack_int(q.cols), reflectors = lapack_int(k);
  with_work<T>([&](T* work, int* size) {
    lapack<T>().orgqr(&m, &wide, &reflectors, memory, &lda, tau, work, size, &info);
  });
  assign(q, by_columns(memory, q.rows, q.cols));
}

/// Calls `f(row, column)` for each element below the diagonal, tile by tile: two triangles, one of
/// which is read across its rows, stay in the cache.
template <class F>
void each_below(std::int64_t n, F&& f) {
  constexpr std::int64_t tile = 16;
  for (std::int64_t top = 0; top < n; top += tile) {
    for (std::int64_t left = 0; left <= top; left += tile) {
      for (std::int64_t row = top; row < std::min(top + tile, n); ++row) {
        for (std::int64_t col = left; col < std::min(left + tile, row); ++col) f(row, col);
      }
    }
  }
}

}  // namespace

// LAPACK is a quarter faster by the lower triangle of its columns, which is the upper one here.
void cholesky(const Tensor& a, const Tensor& l) {
  const OneThread alone;
  for_float(a, [&]<class T>(T) {
    for (std::int64_t i = 0; i < batch_size(l, 2); ++i) {
      const Matrix<T> matrix = matrix_at<T>(a, i);
      const Matrix<T> result = matrix_at<T>(l, i);
      if (!all_finite(matrix, Part::lower)) {
        fill(result, not_a_number<T>);
        continue;
      }
      if (result.rows == 0) continue;
      const int n = lapack_int(result.rows);
      for (std::int64_t k = 0; k < n; ++k) result(k, k) = matrix(k, k);
      each_below(n,
                 [&](std::int64_t row, std::int64_t col) { result(col, row) = matrix(row, col); });
      int info = 0;
      lapack<T>().potrf("L", &n, result.data, &n, &info, 1);
      each_below(n, [&](std::int64_t row, std::int64_t col) {
        result(row, col) = std::exchange(result(col, row), T(0));
      });
      if (info == 0) continue;
      throw NumericError(
          fmt::format("{} is not positive definite: its leading block of {} rows is not",
                      which_matrix(a, i), info));
    }
  });
}

void solve(const Tensor& a, const Tensor& b, const Tensor& x) {
  for_float(a, [&]<class T>(T) {
    each_solution<T>(a, b, x, Part::all, true,
                     [&](Matrix<T> matrix, Matrix<T> result, std::int64_t i) {
                       solve_matrix(matrix, result, a, i);
                     });
  });
}

void solve_triangular(const Tensor& a, const Tensor& b, Triangle triangle, const Tensor& x) {
  for_float(a, [&]<class T>(T) {
    each_solution<T>(a, b, x, triangle.lower ? Part::lower : Part::upper, !triangle.unit_diagonal,
                     [&](Matrix<T> matrix, Matrix<T> result, std::int64_t i) {
                       solve_triangle(matrix, triangle, result, a, i);
                     });
  });
}

void invert(const Tensor& a, const Tensor& inverse) {
  for_float(a, [&]<class T>(T) {
    each_solution<T>(
        a, a, inverse, Part::all, true, [&](Matrix<T>, Matrix<T> result, std::int64_t i) {
          const int n = lapack_int(result.rows);
          int* pivots = pivot_memory.reserve<int>(result.rows);
          if (const int column = factor_transposed(result.data, result.rows, pivots); column != 0)
            throw_singular(a, i, column);
          int info = 0;
          with_work<T>([&](T* work, int* size) {
            lapack<T>().getri(&n, result.data, &n, pivots, work, size, &info);
          });
        });
  });
}

void det(const Tensor& a, const Tensor& determinant) {
  const OneThread alone;
  for_float(a, [&]<class T>(T) {
    for (std::int64_t i = 0; i < batch_size(a, 2); ++i) {
      const Matrix<T> matrix = matrix_at<T>(a, i);
      determinant.as<T>()[i] = all_finite(matrix) ? det_of(matrix) : not_a_number<T>;
    }
  });
}

void slogdet(const Tensor& a, const Tensor& sign, const Tensor& log_magnitude) {
  const OneThread alone;
  for_float(a, [&]<class T>(T) {
    for (std::int64_t i = 0; i < batch_size(a, 2); ++i) {
      const Matrix<T> matrix = matrix_at<T>(a, i);
      T& s = sign.as<T>()[i];
      T& log = log_magnitude.as<T>()[i];
      if (all_finite(matrix)) {
        slogdet_of(matrix, s, log);
      } else {
        s = log = not_a_number<T>;
      }
    }
  });
}

void qr(const Tensor& a, const Tensor* q, const Tensor& r) {
  const OneThread alone;
  for_float(a, [&]<class T>(T) {
    for (std::int64_t i = 0; i < batch_size(a, 2); ++i) {
      const Matrix<T> matrix = matrix_at<T>(a, i);
      const Matrix<T> columns = q == nullptr ? Matrix<T>{} : matrix_at<T>(*q, i);
      const Matrix<T> triangle = matrix_at<T>(r, i);
      if (all_finite(matrix)) {
        qr_of(matrix, columns, triangle);
      } else {
        fill(triangle, not_a_number<T>);
        if (q != nullptr) fill(columns, not_a_number<T>);
      }
    }
  });
}

}  // namespace damo
