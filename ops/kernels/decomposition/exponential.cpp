#include <damo/ops/kernels/decomposition/exponential.hpp>

#include <array>
#include <cmath>

#include <damo/ops/kernels/decomposition/factors.hpp>
#include <damo/ops/kernels/decomposition/matrices.hpp>
#include <damo/ops/kernels/products/gemm.hpp>

namespace damo {
namespace {

// Computed in double for both dtypes: the approximants below are those for double.

constexpr std::array<double, 14> pade13{64764752532480000.0,
                                        32382376266240000.0,
                                        7771770303897600.0,
                                        1187353796428800.0,
                                        129060195264000.0,
                                        10559470521600.0,
                                        670442572800.0,
                                        33522128640.0,
                                        1323241920.0,
                                        40840800.0,
                                        960960.0,
                                        16380.0,
                                        182.0,
                                        1.0};
/// The largest norm at which it is exact to rounding.
constexpr double reach = 5.371920351148152;

/// The matrices that one exponential needs.
struct Room {
  enum { scaled, squared, fourth, sixth, odd, even, other, count };
  std::int64_t n;
  double* memory;
  Matrix<double> operator[](int i) const { return by_rows(memory + i * n * n, n, n); }
  Tensor tensor(int i) const {
    return {reinterpret_cast<std::byte*>(memory + i * n * n), DType::float64, {n, n}, {n, 1}};
  }
};

void store_product(Matrix<double> a, Matrix<double> b, Matrix<double> c) {
  gemm(1.0, Matrix<const double>(a), Matrix<const double>(b), 0.0, c);
}

/// to = c6 A^6 + c4 A^4 + c2 A^2 + c0.
void polynomial(const Room& m, double c6, double c4, double c2, double c0, Matrix<double> to) {
  for (std::int64_t i = 0; i < m.n; ++i) {
    for (std::int64_t j = 0; j < m.n; ++j)
      to(i, j) = c6 * m[Room::sixth](i, j) + c4 * m[Room::fourth](i, j) +
                 c2 * m[Room::squared](i, j) + (i == j ? c0 : 0);
  }
}

void add(Matrix<double> to, double factor, Matrix<double> from) {
  for (std::int64_t i = 0; i < to.rows; ++i) {
    for (std::int64_t j = 0; j < to.cols; ++j) to(i, j) += factor * from(i, j);
  }
}

/// exp(A) for a norm within reach, in the room for `other`.
void approximate(const Room& m) {
  const auto& b = pade13;
  store_product(m[Room::scaled], m[Room::scaled], m[Room::squared]);
  store_product(m[Room::squared], m[Room::squared], m[Room::fourth]);
  store_product(m[Room::fourth], m[Room::squared], m[Room::sixth]);
  // The odd part, A (A^6 (...) + ...).
  polynomial(m, b[13], b[11], b[9], 0, m[Room::odd]);
  store_product(m[Room::sixth], m[Room::odd], m[Room::even]);
  polynomial(m, b[7], b[5], b[3], b[1], m[Room::odd]);
  add(m[Room::even], 1, m[Room::odd]);
  store_product(m[Room::scaled], m[Room::even], m[Room::odd]);
  // The even part.
  polynomial(m, b[12], b[10], b[8], 0, m[Room::other]);
  store_product(m[Room::sixth], m[Room::other], m[Room::even]);
  polynomial(m, b[6], b[4], b[2], b[0], m[Room::other]);
  add(m[Room::even], 1, m[Room::other]);
  // (even - odd) x = even + odd.
  assign(m[Room::scaled], m[Room::even]);
  add(m[Room::scaled], -1, m[Room::odd]);
  add(m[Room::even], 1, m[Room::odd]);
  solve(m.tensor(Room::scaled), m.tensor(Room::even), m.tensor(Room::other));
}

/// The largest sum of magnitudes of a column, which may be beyond the range of double.
long double norm1(Matrix<double> a) {
  long double largest = 0;
  for (std::int64_t j = 0; j < a.cols; ++j) {
    long double total = 0;
    for (std::int64_t i = 0; i < a.rows; ++i) total += std::abs(a(i, j));
    largest = std::max(largest, total);
  }
  return largest;
}

template <class T>
void expm_of(Matrix<T> a, Matrix<T> result) {
  static thread_local Scratch memory;
  const Room m{a.rows, memory.reserve<double>(Room::count * a.rows * a.rows)};
  assign(m[Room::scaled], a);
  const long double norm = norm1(m[Room::scaled]);
  const int squarings = norm > reach ? 1 + std::ilogb(norm / reach) : 0;
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < a.cols; ++j)
      m[Room::scaled](i, j) = std::ldexp(m[Room::scaled](i, j), -squarings);
  }
  approximate(m);
  int from = Room::other, to = Room::even;
  for (int i = 0; i < squarings; ++i) {
    store_product(m[from], m[from], m[to]);
    std::swap(from, to);
  }
  const Matrix<double> found = m[from];
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < a.cols; ++j) result(i, j) = static_cast<T>(found(i, j));
  }
}

}  // namespace

void expm(const Tensor& a, const Tensor& result) {
  for_float(a, [&]<class T>(T) {
    for (std::int64_t i = 0; i < batch_size(a, 2); ++i) {
      const Matrix<T> to = matrix_at<T>(result, i);
      if (to.rows == 0) continue;
      if (all_finite(matrix_at<T>(a, i))) {
        expm_of(matrix_at<T>(a, i), to);
      } else {
        fill(to, not_a_number<T>);
      }
    }
  });
}

}  // namespace damo
