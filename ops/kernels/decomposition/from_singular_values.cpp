#include <damo/ops/kernels/decomposition/from_singular_values.hpp>

#include <algorithm>
#include <cmath>

#include <damo/ops/kernels/decomposition/factors.hpp>
#include <damo/ops/kernels/decomposition/matrices.hpp>
#include <damo/ops/kernels/decomposition/spectrum.hpp>
#include <damo/ops/kernels/products/gemm.hpp>

namespace damo {
namespace {

template <class T>
Tensor tensor_of(Matrix<T> m) {
  return {reinterpret_cast<std::byte*>(m.data),
          dtype_of<T>(),
          {m.rows, m.cols},
          {m.row_stride, m.col_stride}};
}
template <class T>
Tensor tensor_of(T* values, std::int64_t n) {
  return {reinterpret_cast<std::byte*>(values), dtype_of<T>(), {n}, {1}};
}

/// The singular value decomposition of one matrix.
template <class T>
struct Parts {
  Matrix<T> u, vt;
  T* s;
  std::int64_t k;

  explicit Parts(Matrix<T> a) : k(std::min(a.rows, a.cols)) {
    static thread_local Scratch memory;
    T* at = memory.reserve<T>(std::max<std::int64_t>(1, k * (a.rows + a.cols + 1)));
    u = by_rows(at, a.rows, k);
    vt = by_rows(at + a.rows * k, k, a.cols);
    s = at + k * (a.rows + a.cols);
    const Tensor left = tensor_of(u), right = tensor_of(vt);
    svd(tensor_of(a), &left, tensor_of(s, k), &right);
  }
};

template <class T>
T det_by_factors(Matrix<T> a) {
  T value = 0;
  det(tensor_of(a), {reinterpret_cast<std::byte*>(&value), dtype_of<T>(), {}, {}});
  return value;
}

template <class T>
void multiply(T factor, Matrix<T> a, Matrix<T> b, Matrix<T> c) {
  gemm(factor, Matrix<const T>(a), Matrix<const T>(b), T(0), c);
}

/// det(u) det(v) u diag(products of the other singular values) vt: exact at singular matrices too.
template <class T>
void cofactors_of(Matrix<T> a, Matrix<T> result) {
  const Parts<T> parts(a);
  for (std::int64_t j = 0; j < parts.k; ++j) {
    WideProduct<T> others;
    for (std::int64_t i = 0; i < parts.k; ++i) others.times(i == j ? T(1) : parts.s[i]);
    const T scale = others.value();
    for (std::int64_t col = 0; col < parts.k; ++col) result(j, col) = scale * parts.vt(j, col);
  }
  const T sign = std::round(det_by_factors(parts.u) * det_by_factors(parts.vt));
  static thread_local Scratch memory;
  const Matrix<T> scaled = by_rows(memory.reserve<T>(parts.k * parts.k), parts.k, parts.k);
  assign(scaled, result);
  multiply(sign, parts.u, scaled, result);
}

template <class T>
void pinv_of(Matrix<T> a, double rcond, Matrix<T> result) {
  const Parts<T> parts(a);
  const double bound = parts.k == 0 ? 0 : rcond * static_cast<double>(parts.s[0]);
  for (std::int64_t i = 0; i < parts.k; ++i) {
    const bool counts = static_cast<double>(parts.s[i]) > bound;
    for (std::int64_t j = 0; j < a.cols; ++j)
      parts.vt(i, j) = counts ? parts.vt(i, j) / parts.s[i] : T(0);
  }
  multiply(T(1), parts.vt.transposed(), parts.u.transposed(), result);
}

template <class F>
void each_finite(const Tensor& a, const Tensor& result, F&& f) {
  for_float(a, [&]<class T>(T) {
    for (std::int64_t i = 0; i < batch_size(a, 2); ++i) {
      const Matrix<T> matrix = matrix_at<T>(a, i);
      const Matrix<T> to = matrix_at<T>(result, i);
      if (all_finite(matrix)) {
        if (to.rows > 0 && to.cols > 0) f(matrix, to);
      } else {
        fill(to, not_a_number<T>);
      }
    }
  });
}

}  // namespace

void cofactors(const Tensor& a, const Tensor& result) {
  each_finite(a, result, [](auto matrix, auto to) { cofactors_of(matrix, to); });
}

void pinv(const Tensor& a, double rcond, const Tensor& result) {
  each_finite(a, result, [&](auto matrix, auto to) { pinv_of(matrix, rcond, to); });
}

}  // namespace damo
