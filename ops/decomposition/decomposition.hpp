#pragma once
#include <optional>

#include <damo/graph/var.hpp>

// Linear algebra, computed by LAPACK, which is loaded when the first of these runs (IoError when
// there is none). Each takes a matrix, or a batch of them: the last two axes. int64 and bool become
// floatX. Of a matrix with an element that is read and is NaN or infinite, all results are NaN.
// Gradients of any order.
namespace damo {

/// The lower triangular L with a = L L^T, or the upper triangular U with a = U^T U, of a positive
/// definite matrix, of which only that triangle is read: the gradient flows there (Murray 2016).
/// Throws NumericError when a matrix is not positive definite.
Var cholesky(const Arg& a, bool lower = true);

struct TriangularOptions {
  bool lower = false;          ///< which triangle of `a` is read
  bool unit_diagonal = false;  ///< the diagonal is taken for ones, and not read
  int b_ndim = 0;              ///< as for `solve`
};
/// The x with T x = b for the triangle T of `a`. Throws NumericError where the diagonal has a 0.
Var solve_triangular(const Arg& a, const Arg& b, TriangularOptions options = {});

/// What is known of the matrix of a system of equations.
enum class Assume : std::uint8_t {
  general,
  positive_definite,  ///< symmetric, too: only the lower triangle is read
  lower_triangular,
  upper_triangular
};
struct SolveOptions {
  Assume assume_a = Assume::general;
  /// 1: b is a vector (a batch of them), 2: a matrix; 0: a vector when it has one axis, as in
  /// NumPy 2.
  int b_ndim = 0;
};
/// The x with a x = b. Leading axes known to be 1, or missing, stretch. Throws ShapeError when
/// sizes do not fit, NumericError when a matrix is singular.
Var solve(const Arg& a, const Arg& b, SolveOptions options = {});
/// The x with a x = b, where `l` is a's factor from `cholesky`.
Var cho_solve(const Arg& l, const Arg& b, TriangularOptions options = {.lower = true});

/// Throws NumericError when a matrix is singular.
Var matrix_inverse(const Arg& a);
/// Its gradient is the matrix of cofactors, of singular matrices too; a second derivative at a
/// singular matrix is a NumericError.
Var det(const Arg& a);
struct SignLogDet {
  Var sign, logabsdet;
};
/// The sign of the determinant and the logarithm of its magnitude: 0 and -inf of a singular matrix,
/// at which the gradient is a NumericError.
SignLogDet slogdet(const Arg& a);

struct Eigen {
  Var values, vectors;
};
/// Of a symmetric matrix, of which one triangle is read: eigenvalues from the smallest on, and unit
/// eigenvectors as columns, whose signs are LAPACK's (gradients: Giles 2008). Between eigenvalues
/// that are equal nothing flows back, which is right for what depends on all of these alike and on
/// the space of their eigenvectors: the sum of a function of each, the projection on that space. It
/// is not for v diag(f(w)) v^T, which has a derivative there that w and v have not.
Eigen eigh(const Arg& a, bool lower = true);
/// The eigenvalues alone, which takes less time.
Var eigvalsh(const Arg& a, bool lower = true);
/// Of a square matrix with real eigenvalues, in LAPACK's order; throws NumericError for others.
/// Gradients as those of `eigh` (Boeddeker et al. 2017).
Eigen eig(const Arg& a);
Var eigvals(const Arg& a);

struct SvdOptions {
  /// All columns of u and rows of vt, as in NumPy, or as many as there are singular values. Only of
  /// these is there a gradient.
  bool full_matrices = true;
};
struct SingularValues {
  Var u, s, vt;
};
/// a = u diag(s) vt, s from the largest on. Between singular values that are equal, and through
/// those that are 0, no gradient flows to u and vt.
SingularValues svd(const Arg& a, SvdOptions options = {});
/// The singular values alone.
Var svdvals(const Arg& a);

enum class QrMode : std::uint8_t { reduced, complete };
struct QrFactors {
  Var q, r;
};
/// a = q r: q's columns of unit length and perpendicular to each other, as many as the smaller size
/// of `a`, or, complete, as it has rows; r upper triangular. The gradient (Seeger et al. 2017; of
/// the reduced ones) throws NumericError where the leading columns depend on each other.
QrFactors qr(const Arg& a, QrMode mode = QrMode::reduced);

/// The pseudo-inverse (Moore and Penrose). Singular values up to `rcond` times the largest count as
/// 0; when not given, the larger size times the dtype's epsilon. The gradient is that at constant
/// rank (Golub and Pereyra 1973).
Var pinv(const Arg& a, std::optional<double> rcond = std::nullopt);
/// How many singular values are above that bound: int64.
Var matrix_rank(const Arg& a, std::optional<double> rcond = std::nullopt);
struct LeastSquares {
  Var x, residuals, rank, s;
};
/// The shortest x for which |a x - b| is smallest; the squares of that for each column of b
/// (whatever the rank; NumPy leaves it out where it is 0), the rank and the singular values of `a`.
LeastSquares lstsq(const Arg& a, const Arg& b, std::optional<double> rcond = std::nullopt);

/// The exponential of a matrix.
Var expm(const Arg& a);
/// a n times by itself; of its inverse, for a negative n.
Var matrix_power(const Arg& a, int n);
/// The inverse of `a` as a map from its last axes to the first `ind`; throws ShapeError when these
/// do not have as many elements.
Var tensorinv(const Arg& a, int ind = 2);
/// The x with tensordot(a, x, x.ndim) = b: b's shape is that of a's first axes.
Var tensorsolve(const Arg& a, const Arg& b);

}  // namespace damo
