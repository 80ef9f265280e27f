#include <damo/ops/kernels/decomposition/spectrum.hpp>

#include <algorithm>

#include <damo/ops/kernels/decomposition/lapack.hpp>
#include <damo/ops/kernels/decomposition/matrices.hpp>

namespace damo {
namespace {

thread_local Scratch matrix_memory, left_memory, right_memory, values_memory, integer_memory;

[[noreturn]] void throw_stuck(const char* what, const Tensor& a, std::int64_t i) {
  throw NumericError(
      fmt::format("the {} values of {} were not found: LAPACK's iteration does not converge", what,
                  which_matrix(a, i)));
}

template <class T>
Matrix<T> optional_matrix(const Tensor* t, std::int64_t i) {
  return t == nullptr ? Matrix<T>{} : matrix_at<T>(*t, i);
}

/// Whether it converged. `w` and `v` are given where there is something to find.
template <class T>
bool eigh_of(Matrix<T> a, Matrix<T> w, Matrix<T> v) {
  T* memory = matrix_memory.reserve<T>(a.rows * a.rows);
  T* values = values_memory.reserve<T>(a.rows);
  assign(by_columns(memory, a.rows, a.rows), a);
  const int n = lapack_int(a.rows);
  const char* job = v.data == nullptr ? "N" : "V";
  int info = 0, integers = 0, query = -1;
  T wanted = 0;
  lapack<T>().syevd(job, "L", &n, memory, &n, values, &wanted, &query, &integers, &query, &info, 1,
                    1);
  int* iwork = integer_memory.reserve<int>(integers);
  int size = static_cast<int>(wanted);
  T* work = left_memory.reserve<T>(size);
  lapack<T>().syevd(job, "L", &n, memory, &n, values, work, &size, iwork, &integers, &info, 1, 1);
  assign(w, by_rows(values, a.rows, 1));
  if (v.data != nullptr) assign(v, by_columns(memory, a.rows, a.rows));
  return info == 0;
}

template <class T>
bool eig_of(Matrix<T> a, Matrix<T> w, Matrix<T> v, const Tensor& batch, std::int64_t number) {
  T* memory = matrix_memory.reserve<T>(a.rows * a.rows);
  T* real = values_memory.reserve<T>(2 * a.rows);
  T* imaginary = real + a.rows;
  T* vectors = right_memory.reserve<T>(a.rows * a.rows);
  assign(by_columns(memory, a.rows, a.rows), a);
  const int n = lapack_int(a.rows);
  int info = 0;
  with_work<T>([&](T* work, int* size) {
    lapack<T>().geev("N", v.data == nullptr ? "N" : "V", &n, memory, &n, real, imaginary, nullptr,
                     &n, vectors, &n, work, size, &info, 1, 1);
  });
  for (std::int64_t k = 0; k < a.rows; ++k) {
    if (info == 0 && imaginary[k] != T(0)) {
      throw NumericError(
          fmt::format("{} has an eigenvalue that is not real: {} {} {}i; complex "
                      "numbers are not supported (svd, and eigh of x.T x, are real)",
                      which_matrix(batch, number), real[k], imaginary[k] < T(0) ? '-' : '+',
                      std::abs(imaginary[k])));
    }
  }
  assign(w, by_rows(real, a.rows, 1));
  if (v.data != nullptr) assign(v, by_columns(vectors, a.rows, a.rows));
  return info == 0;
}

template <class T>
bool svd_of(Matrix<T> a, Matrix<T> u, Matrix<T> s, Matrix<T> vt) {
  const std::int64_t k = s.rows;
  const bool vectors = u.data != nullptr || vt.data != nullptr;
  const char* job = !vectors ? "N" : u.cols == a.rows && vt.rows == a.cols ? "A" : "S";
  const std::int64_t u_cols = vectors ? u.cols : 1;
  const std::int64_t vt_rows = vectors ? vt.rows : 1;
  T* memory = matrix_memory.reserve<T>(a.rows * a.cols);
  T* values = values_memory.reserve<T>(k);
  T* left = left_memory.reserve<T>(a.rows * u_cols);
  T* right = right_memory.reserve<T>(vt_rows * a.cols);
  int* iwork = integer_memory.reserve<int>(8 * k);
  assign(by_columns(memory, a.rows, a.cols), a);
  const int m = lapack_int(a.rows), n = lapack_int(a.cols), ldvt = leading(vt_rows);
  int info = 0;
  with_work<T>([&](T* work, int* size) {
    lapack<T>().gesdd(job, &m, &n, memory, &m, values, left, &m, right, &ldvt, work, size, iwork,
                      &info, 1);
  });
  assign(s, by_rows(values, k, 1));
  if (vectors) {
    assign(u, by_columns(left, a.rows, u.cols));
    assign(vt, by_columns(right, vt.rows, a.cols));
  }
  return info == 0;
}

/// For each matrix, `found(matrix, values, i)`, or NaN in all results where it is not finite.
template <class T, class F>
void each_spectrum(const Tensor& a, Part part, const Tensor& values, const Tensor* left,
                   const Tensor* right, F&& found) {
  const OneThread alone;
  for (std::int64_t i = 0; i < batch_size(a, 2); ++i) {
    const Matrix<T> matrix = matrix_at<T>(a, i);
    const Matrix<T> w = vector_at<T>(values, i);
    if (all_finite(matrix, part)) {
      found(matrix, w, i);
      continue;
    }
    fill(w, not_a_number<T>);
    for (const Tensor* vectors : {left, right}) {
      if (vectors != nullptr) fill(matrix_at<T>(*vectors, i), not_a_number<T>);
    }
  }
}

}  // namespace

void eigh(const Tensor& a, const Tensor& w, const Tensor* v) {
  for_float(a, [&]<class T>(T) {
    each_spectrum<T>(a, Part::lower, w, v, nullptr,
                     [&](Matrix<T> matrix, Matrix<T> values, std::int64_t i) {
                       if (matrix.rows == 0) return;
                       if (!eigh_of(matrix, values, optional_matrix<T>(v, i)))
                         throw_stuck("eigen", a, i);
                     });
  });
}

void eig(const Tensor& a, const Tensor& w, const Tensor* v) {
  for_float(a, [&]<class T>(T) {
    each_spectrum<T>(a, Part::all, w, v, nullptr,
                     [&](Matrix<T> matrix, Matrix<T> values, std::int64_t i) {
                       if (matrix.rows == 0) return;
                       if (!eig_of(matrix, values, optional_matrix<T>(v, i), a, i))
                         throw_stuck("eigen", a, i);
                     });
  });
}

void svd(const Tensor& a, const Tensor* u, const Tensor& s, const Tensor* vt) {
  for_float(a, [&]<class T>(T) {
    each_spectrum<T>(a, Part::all, s, u, vt,
                     [&](Matrix<T> matrix, Matrix<T> values, std::int64_t i) {
                       const Matrix<T> left = optional_matrix<T>(u, i);
                       const Matrix<T> right = optional_matrix<T>(vt, i);
                       if (values.rows == 0) {
                         fill_identity(left);
                         fill_identity(right);
                       } else if (!svd_of(matrix, left, values, right)) {
                         throw_stuck("singular", a, i);
                       }
                     });
  });
}

}  // namespace damo
