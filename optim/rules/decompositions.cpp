#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

// Solutions in place of inverses, triangles that are known to be some, and logarithms of
// determinants that neither overflow nor underflow.
namespace damo::optim {
namespace {

/// Whether nothing else reads the operand, which the rule makes superfluous.
std::function<bool(const Apply&, Context&)> alone(std::size_t operand) {
  return [operand](const Apply& node, Context& context) {
    return context.uses(node.input(operand)) == 1;
  };
}

/// Whether `v` applies the op of `example`.
bool applies(const Var& v, const Var& example) { return v.op().equals(example.op()); }

bool is_cholesky(const Var& v) {
  static const Var example = cholesky(any("a"));
  return applies(v, example);
}

/// Its diagonals, placed by the sizes of what it is the factor of: those of a factor that does not
/// exist are known too.
Var diagonals_of_cholesky(const Var& l) { return sum(where(on_diagonal(l.inputs()[0]), l, 0), -1); }

std::optional<Vars> det_of_cholesky(const Apply& node, Context&) {
  if (!is_cholesky(node.input(0))) return std::nullopt;
  return Vars{prod(diagonals_of_cholesky(node.input(0)), -1)};
}

std::optional<Vars> slogdet_of_cholesky(const Apply& node, Context&) {
  if (!is_cholesky(node.input(0))) return std::nullopt;
  const Var diagonal = diagonals_of_cholesky(node.input(0));
  return Vars{prod(damo::sign(diagonal), -1), sum(log(diagonal), -1)};
}

/// Also of |det(a)|. A determinant soon leaves the range of its dtype.
std::optional<Vars> log_det(const Apply& node, Context&) {
  static const Var determinant = det(any("a")), magnitude = abs(determinant);
  const bool of_magnitude = applies(node.input(0), magnitude);
  const Var x = of_magnitude ? node.input(0).inputs()[0] : node.input(0);
  if (!applies(x, determinant)) return std::nullopt;
  const SiteScope scope(node.site());
  const auto [sign, log_magnitude] = slogdet(x.inputs()[0]);
  return Vars{of_magnitude ? log_magnitude : log(sign) + log_magnitude};
}

Rules make_decomposition_rules() {
  Rules rules;
  const Var a = any("a", 2), b = any("b", 2), v = any("v", 1);
  rules.push_back(rule("inverse_times_matrix", dot(matrix_inverse(a), b), solve(a, b))
                      .specializes()
                      .sound(Soundness::method)
                      .when(alone(0)));
  rules.push_back(rule("inverse_times_vector", dot(matrix_inverse(a), v), solve(a, v))
                      .specializes()
                      .sound(Soundness::method)
                      .when(alone(0)));
  rules.push_back(rule("matrix_times_inverse", dot(b, matrix_inverse(a)), solve(a.T(), b.T()).T())
                      .specializes()
                      .sound(Soundness::method)
                      .when(alone(1)));
  rules.push_back(rule("vector_times_inverse", dot(v, matrix_inverse(a)), solve(a.T(), v))
                      .specializes()
                      .sound(Soundness::method)
                      .when(alone(1)));
  const Var batch = any("a", 3), other = any("b", 3);
  rules.push_back(rule("batched_inverse_times_matrix", batched_dot(matrix_inverse(batch), other),
                       solve(batch, other))
                      .specializes()
                      .sound(Soundness::method)
                      .when(alone(0)));
  rules.push_back(rule("batched_matrix_times_inverse", batched_dot(other, matrix_inverse(batch)),
                       mT(solve(mT(batch), mT(other))))
                      .specializes()
                      .sound(Soundness::method)
                      .when(alone(1)));
  const Var l = cholesky(a);
  rules.push_back(rule("solve_of_cholesky", solve(l, b), solve_triangular(l, b, {.lower = true}))
                      .specializes()
                      .sound(Soundness::method));
  rules.push_back(rule("solve_of_turned_cholesky", solve(l.T(), b), solve_triangular(l.T(), b))
                      .specializes()
                      .sound(Soundness::method));
  rules.push_back(node_rewriter("det_of_cholesky", {"det"}, "det(cholesky(a)) = prod(its diagonal)",
                                det_of_cholesky)
                      .specializes());
  rules.push_back(node_rewriter("slogdet_of_cholesky", {"slogdet"},
                                "log det(cholesky(a)) = sum(log(its diagonal))",
                                slogdet_of_cholesky)
                      .specializes());
  rules.push_back(
      node_rewriter("log_det", {"log"}, "log(det(a)) = log(sign) + log |det(a)|", log_det)
          .stabilizes());
  return rules;
}

}  // namespace

const Rules& decomposition_rules() {
  static const Rules rules = make_decomposition_rules();
  return rules;
}

}  // namespace damo::optim
