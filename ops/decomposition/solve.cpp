#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/kernels/decomposition/factors.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/shape/axes.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

// Equations: inputs [a, b] of equal leading axes, and the x with a x = b.

std::vector<TensorType> infer_solution(std::span<const TensorType> in) {
  check_arity(in, 2);
  check_square(in[0]);
  check_matrices(in[1]);
  const TensorType &a = in[0], &b = in[1];
  if (a.dtype != b.dtype || a.rank() != b.rank()) {
    throw TypeError(fmt::format("expected operands of one dtype and rank, got {} and {}",
                                to_string(a), to_string(b)));
  }
  TensorType x = b;
  const std::size_t rows = a.rank() - 2;
  for (std::size_t i = 0; i <= rows; ++i) {
    const std::int64_t n = i == rows && a.dims[i] == unknown ? a.dims[i + 1] : a.dims[i];
    if (x.dims[i] == unknown) x.dims[i] = n;
    if (n == unknown || n == x.dims[i]) continue;
    throw ShapeError(fmt::format("{} do not fit, {} and {}",
                                 i == rows ? "the numbers of rows" : "leading axes", n, x.dims[i]));
  }
  return {x};
}

std::vector<Demand> demands_of_equations(const std::vector<Vars>& shapes) {
  std::vector<Demand> all = demand_square(shapes[0]);
  for (std::size_t i = 0; i + 1 < shapes[0].size(); ++i)
    all.push_back({Demand::Kind::equal, shapes[0][i], shapes[1][i]});
  return all;
}

Var solution(std::shared_ptr<const Op> op, const Var& a, const Var& b) {
  return make_var(std::move(op), {a, b});
}

class Solve final : public OpOf<Solve> {
 public:
  std::string name() const override { return "solve"; }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    return infer_solution(in);
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[1]};
  }
  std::vector<Demand> demands(const Apply&, const std::vector<Vars>& shapes) const override {
    return demands_of_equations(shapes);
  }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const Var b = solution(node.op_ptr(), mT(node.input(0)), g[0]);
    return {-matmul(b, mT(node.output())), b};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    Var right = tangents[1];
    if (tangents[0].defined()) right = add_or_either(right, -matmul(tangents[0], node.output()));
    if (!right.defined()) return {Var{}};
    return {solution(node.op_ptr(), node.input(0), right)};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::solve(*in[0], *in[1], *out[0]);
  }
  friend bool operator==(const Solve&, const Solve&) = default;
};

class SolveTriangular final : public OpOf<SolveTriangular> {
 public:
  explicit SolveTriangular(Triangle triangle) : triangle_(triangle) {}

  std::string name() const override { return "solve_triangular"; }
  std::string parameters() const override {
    return std::string(triangle_.lower ? "lower" : "upper") +
           (triangle_.unit_diagonal ? " unit_diagonal" : "");
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override {
    return infer_solution(in);
  }
  std::vector<std::optional<Vars>> shape_rule(const Apply&,
                                              const std::vector<Vars>& shapes) const override {
    return {shapes[1]};
  }
  std::vector<Demand> demands(const Apply&, const std::vector<Vars>& shapes) const override {
    return demands_of_equations(shapes);
  }
  Gradients gradient(const Apply& node, const Vars& g) const override {
    const auto turned =
        std::make_shared<SolveTriangular>(Triangle{!triangle_.lower, triangle_.unit_diagonal});
    const Var b = solution(turned, mT(node.input(0)), g[0]);
    return {read_part(-matmul(b, mT(node.output()))), b};
  }
  Vars push_forward(const Apply& node, const Vars& tangents) const override {
    Var right = tangents[1];
    if (tangents[0].defined())
      right = add_or_either(right, -matmul(read_part(tangents[0]), node.output()));
    if (!right.defined()) return {Var{}};
    return {solution(node.op_ptr(), node.input(0), right)};
  }
  void perform(const Apply&, TensorsIn in, TensorsOut out, Workspace&) const override {
    damo::solve_triangular(*in[0], *in[1], triangle_, *out[0]);
  }
  friend bool operator==(const SolveTriangular&, const SolveTriangular&) = default;

 private:
  /// `x` where the op reads `a`, zeros elsewhere.
  Var read_part(const Var& x) const {
    const int off = triangle_.unit_diagonal ? 1 : 0;
    return triangle_.lower ? tril(x, -off) : triu(x, off);
  }

  Triangle triangle_;
};

OpPtr read_solve_triangular(OpText& text) {
  Triangle triangle{.lower = text.parameters.accept_word("lower")};
  if (!triangle.lower) text.parameters.expect("upper");
  triangle.unit_diagonal = text.parameters.accept_word("unit_diagonal");
  return std::make_shared<SolveTriangular>(triangle);
}

/// One matrix for a batch of right sides, whose columns are then those of one.
Var solved_together(std::shared_ptr<const Op> op, const Var& a, const Var& b) {
  std::vector<int> rows_first{static_cast<int>(b.ndim()) - 2};
  std::vector<int> back;
  for (int i = 0; i + 2 < static_cast<int>(b.ndim()); ++i) {
    rows_first.push_back(i);
    back.push_back(i + 1);
  }
  rows_first.push_back(static_cast<int>(b.ndim()) - 1);
  back.insert(back.end(), {0, static_cast<int>(b.ndim()) - 1});
  const Var moved = transpose(b, rows_first);
  const Vars kept = sizes(moved);
  const Vars columns(kept.begin() + 1, kept.end());
  const Var x = solution(std::move(op), a, reshape(moved, Vars{kept[0], size_product(columns)}));
  return transpose(reshape(x, kept), back);
}

/// The equations as `op` takes them; for a vector on the right, a vector.
Var solved(const char* who, std::shared_ptr<const Op> op, const Var& a, const Var& b, int b_ndim) {
  const DType dtype = promote(a.dtype(), b.dtype());
  const auto in_dtype = [&](const Var& v) { return v.dtype() == dtype ? v : cast(v, dtype); };
  const bool vectors = b_ndim == 1 || (b_ndim == 0 && b.ndim() == 1);
  if (a.ndim() < 2 || b_ndim < 0 || b_ndim > 2 || b.ndim() < (vectors ? 1 : 2)) {
    throw ShapeError(fmt::format(
        "{}: expected a square matrix and a vector (b_ndim 1) or matrix (b_ndim 2), got b_ndim {}"
        "\n  left   {}\n  right  {}",
        who, b_ndim, describe(a), describe(b)));
  }
  const Var columns = vectors ? expand_dims(in_dtype(b), -1) : in_dtype(b);
  const auto [left, right] = with_equal_batches(in_dtype(a), columns);
  const Var x = a.ndim() == 2 && columns.ndim() > 2
                    ? solved_together(std::move(op), in_dtype(a), columns)
                    : solution(std::move(op), left, right);
  return vectors ? squeeze(x, -1) : x;
}

}  // namespace

Var solve_triangular(const Arg& a, const Arg& b, TriangularOptions options) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Triangle triangle{options.lower, options.unit_diagonal};
  return solved("solve_triangular", std::make_shared<SolveTriangular>(triangle), as_float(a),
                as_float(b), options.b_ndim);
}

Var solve(const Arg& a, const Arg& b, SolveOptions options) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  switch (options.assume_a) {
    case Assume::positive_definite:
      return cho_solve(cholesky(a), b, {.lower = true, .b_ndim = options.b_ndim});
    case Assume::lower_triangular:
      return solve_triangular(a, b, {.lower = true, .b_ndim = options.b_ndim});
    case Assume::upper_triangular:
      return solve_triangular(a, b, {.lower = false, .b_ndim = options.b_ndim});
    default:
      return solved("solve", std::make_shared<Solve>(), as_float(a), as_float(b), options.b_ndim);
  }
}

Var cho_solve(const Arg& l, const Arg& b, TriangularOptions options) {
  const SiteScope scope(SiteScope::or_else(l.site()));
  const Var factor = as_float(l);
  if (factor.ndim() < 2) return solve_triangular(factor, b, options);
  const Var first = options.lower ? factor : mT(factor);
  // What b is taken for holds for y too, which has the axes of the batch besides.
  const int b_ndim = options.b_ndim == 0 && b.var().ndim() == 1 ? 1 : options.b_ndim;
  const Var y = solve_triangular(first, b, {true, options.unit_diagonal, b_ndim});
  return solve_triangular(mT(first), y, {false, options.unit_diagonal, b_ndim});
}

DAMO_OPS(solve) {
  ops.reader({"solve", read_plain<Solve>, 2, 2});
  ops.reader({"solve_triangular", read_solve_triangular, 2, 2});
  const auto dominant = [](const Var& a) { return a + 9 * eye(size_at(a, a.ndim() - 1), float32); };
  ops.sample({.name = "solve", .inputs = {{"bnn"}, {"bnm"}}, .apply = [dominant](const Vars& in) {
                return solve(dominant(in[0]), in[1]);
              }});
  ops.sample(
      {.name = "solve_triangular", .inputs = {{"bnn"}, {"bnm"}}, .apply = [=](const Vars& in) {
         return solve_triangular(dominant(in[0]), in[1], {.lower = true});
       }});
  ops.sample({.name = "solve_triangular, unit diagonal",
              .inputs = {{"nn"}, {"nm"}},
              .apply = [](const Vars& in) {
                return solve_triangular(in[0], in[1], {.unit_diagonal = true});
              }});
}

}  // namespace damo
