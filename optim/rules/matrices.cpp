#include <limits>
#include <typeinfo>

#include <damo/graph/variables.hpp>
#include <damo/ops/decomposition/decomposition.hpp>
#include <damo/ops/decomposition/matrices.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/near.hpp>
#include <damo/ops/indexing/advanced_inc_subtensor.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/shape_of.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>
#include <damo/optim/rules/shared.hpp>

// What is known of matrices by how they were made: diagonal, triangular, symmetric.
namespace damo::optim {
namespace {

bool adds(const Var& v) { return scalar_op(v) == words().add; }

/// Whatever is known of its length.
bool is_arange(const Var& v) {
  static const Var example = arange(0, lscalar());
  const Op &op = v.op(), &counts = example.op();
  return typeid(op) == typeid(counts);
}

bool is_number_zero(const Var& v) { return scalar_constant(v) == 0; }

/// Whether all elements are a constant 0.
bool is_zero(const Var& v) {
  if (const Array* value = constant_value(v)) {
    const Array wide = value->cast(float64);
    for (const double x : wide.values<double>()) {
      if (x != 0) return false;
    }
    return true;
  }
  const auto from = v.op().origin(v.owner(), 0);
  return from.moves() && from.end - from.first == 1 && is_zero(v.inputs()[from.first]);
}

/// What is left when zeros that are added are not.
Var without_zeros(const Var& v) {
  if (adds(v) && is_number_zero(v.inputs()[1])) return without_zeros(v.inputs()[0]);
  if (adds(v) && is_number_zero(v.inputs()[0])) return without_zeros(v.inputs()[1]);
  return v;
}

bool same_size(const Var& a, const Var& b) {
  const Var x = without_zeros(a), y = without_zeros(b);
  if (const auto known = scalar_constant(x)) return scalar_constant(y) == known;
  if (same(x, y)) return true;
  return as<ShapeOf>(x) != nullptr && x.op().equals(y.op()) && same(x.inputs()[0], y.inputs()[0]);
}

/// Whether these are the numbers 0, 1, ... below n.
bool counts_to(const Var& v, const Var& n) {
  const Var x = without_zeros(v);
  if (is_arange(x)) {
    return is_number_zero(x.inputs()[0]) && scalar_constant(x.inputs()[2]) == 1 &&
           same_size(x.inputs()[1], n);
  }
  const Array* value = constant_value(x);
  if (value == nullptr || value->rank() != 1 || value->dtype() != DType::int64) return false;
  std::int64_t next = 0;
  for (const std::int64_t i : value->values<std::int64_t>()) {
    if (i != next++) return false;
  }
  return scalar_constant(n) == static_cast<double>(next);
}

/// The size of an axis, by what `v` was made with.
Var size_of(const Var& v, std::size_t axis) {
  if (v.type().dims[axis] != unknown || v.inputs().empty()) return size_at(v, axis);
  std::vector<Vars> shapes;
  for (const Var& in : v.inputs()) shapes.push_back(sizes(in));
  const auto made = v.op().shape_rule(v.owner(), shapes)[v.index()];
  return made ? (*made)[axis] : size_at(v, axis);
}

/// The vector of which `m` is `diag(v)`.
std::optional<Var> diagonal_of(const Var& m) {
  const auto* set = as<AdvancedIncSubtensor>(m);
  if (set == nullptr || !set->set() || m.ndim() != 2) return {};
  const Vars& in = m.inputs();
  if (set->index().n_advanced() != 2 || set->index().n_bounds() != 0 || in.size() != 4) return {};
  if (in[1].ndim() != 1 || in[2].ndim() != 1 || in[3].ndim() != 1 || !is_zero(in[0])) return {};
  const bool whole = counts_to(in[2], size_of(in[0], 0)) && counts_to(in[3], size_of(in[0], 1));
  return whole ? std::optional(in[1]) : std::nullopt;
}

/// `scaled`, of which each element reads one of x along `axis`, and NaN where another one there is
/// not finite: 0 times that is NaN.
Var beside_others(const Var& scaled, const Var& x, int axis, Context& context) {
  if (context.fact(x).finite) return scaled;
  const Var wild = not_(isfinite(x));
  return where(sum(wild, axis, {.keepdims = true}) > wild, std::numeric_limits<double>::quiet_NaN(),
               scaled);
}

std::optional<Vars> product_with_diagonal(const Apply& node, Context& context) {
  const Var &a = node.input(0), &b = node.input(1);
  const SiteScope scope(node.site());
  if (const auto v = diagonal_of(a))
    return Vars{beside_others(b.ndim() == 1 ? *v * b : scale_rows(*v, b), b, 0, context)};
  if (const auto v = diagonal_of(b))
    return Vars{beside_others(a.ndim() == 1 ? a * *v : scale_columns(a, *v), a, -1, context)};
  return std::nullopt;
}

/// The number that all elements are.
std::optional<double> number(const Var& v) {
  if (const auto known = scalar_constant(v)) return known;
  const auto from = v.op().origin(v.owner(), 0);
  return from.moves() && from.end - from.first == 1 ? number(v.inputs()[from.first]) : std::nullopt;
}

/// Whether `v` is a matrix with further axes before it.
bool adds_leading_axes(const Var& v) {
  const auto* shuffle = as<DimShuffle>(v);
  if (shuffle == nullptr || !shuffle->keeps_order() || v.inputs()[0].ndim() < 2) return false;
  const std::size_t n = v.ndim(), rank = v.inputs()[0].ndim();
  return n > rank && shuffle->pattern()[n - rank] == 0;
}

/// The first of numbers that go up by 1.
std::optional<double> first_number(const Var& v) {
  if (is_arange(v) && scalar_constant(v.inputs()[2]) == 1) return scalar_constant(v.inputs()[0]);
  if (!adds(v)) return {};
  for (const int k : {0, 1}) {
    const auto plus = number(v.inputs()[1 - k]);
    const auto first = plus ? first_number(v.inputs()[k]) : std::nullopt;
    if (first) return *first + *plus;
  }
  return {};
}

/// One side of a comparison: the number of an element's row or column, plus something.
struct Numbered {
  bool row;
  double plus;
};

std::optional<Numbered> numbered(const Var& v) {
  if (adds(v)) {
    for (const int k : {0, 1}) {
      const auto plus = number(v.inputs()[1 - k]);
      const auto rest = plus ? numbered(v.inputs()[k]) : std::nullopt;
      if (rest) return Numbered{rest->row, rest->plus + *plus};
    }
    return {};
  }
  const auto* shuffle = as<DimShuffle>(v);
  if (shuffle == nullptr || v.inputs()[0].ndim() != 1) return {};
  const auto first = first_number(v.inputs()[0]);
  if (!first) return {};
  const std::vector<int>& axes = shuffle->pattern();
  const std::size_t n = axes.size();
  if (n < 2 || axes[n - 1] + axes[n - 2] != DimShuffle::new_axis) return {};
  return Numbered{axes[n - 2] == 0, *first};
}

/// Which columns of row i a mask keeps: those up to i + k, or from i + k on.
struct Kept {
  bool lower;
  double k;
};

std::optional<Kept> kept_part(const Var& mask) {
  if (adds_leading_axes(mask)) return kept_part(mask.inputs()[0]);
  const ScalarOp* compares = scalar_op(mask);
  const bool greater = compares == words().greater_equal || compares == words().greater;
  const bool less = compares == words().less_equal || compares == words().less;
  if (!greater && !less) return {};
  const auto left = numbered(mask.inputs()[0]), right = numbered(mask.inputs()[1]);
  if (!left || !right || left->row == right->row) return {};
  // As column <= row + k, or column >= row + k.
  const double strict = compares == words().greater || compares == words().less ? 1 : 0;
  const bool lower = greater == left->row;
  const double k = left->row ? left->plus - right->plus : right->plus - left->plus;
  return Kept{lower, lower ? k - strict : k + strict};
}

/// Whether `v` has its last two axes in the other order.
bool turns_matrices(const Var& v) {
  const auto* shuffle = as<DimShuffle>(v);
  if (shuffle == nullptr || v.ndim() < 2 || v.inputs()[0].ndim() != v.ndim()) return false;
  std::vector<int> turned(v.ndim());
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = static_cast<int>(i);
  std::swap(turned[v.ndim() - 1], turned[v.ndim() - 2]);
  return shuffle->pattern() == turned;
}

/// Which triangle holds all of `m`, and what holds the same there.
struct Triangular {
  bool lower;
  Var value;
};

std::optional<Triangular> triangle_of(const Var& m) {
  if (turns_matrices(m)) {
    const auto turned = triangle_of(m.inputs()[0]);
    return turned ? std::optional(Triangular{!turned->lower, mT(turned->value)}) : std::nullopt;
  }
  if (scalar_op(m) != words().where || !is_zero(m.inputs()[2]) || m.inputs()[1].ndim() != m.ndim())
    return {};
  const auto kept = kept_part(m.inputs()[0]);
  if (!kept || (kept->lower ? kept->k > 0 : kept->k < 0)) return {};
  const Var& value = m.inputs()[1];
  const bool whole = kept->k == 0 && stretched_axes(value.type(), m.type()).empty();
  return Triangular{kept->lower, whole ? value : m};
}

std::optional<Vars> solve_of_triangle(const Apply& node, Context&) {
  const auto triangle = triangle_of(node.input(0));
  if (!triangle) return std::nullopt;
  const SiteScope scope(node.site());
  return Vars{
      solve_triangular(triangle->value, node.input(1), {.lower = triangle->lower, .b_ndim = 2})};
}

bool are_turned(const Var& a, const Var& b) {
  return (turns_matrices(a) && same(a.inputs()[0], b)) ||
         (turns_matrices(b) && same(b.inputs()[0], a));
}

bool is_symmetric(const Var& v, int depth = 6) {
  static const Var m = any("m");
  static const Var inverse = matrix_inverse(m), exponential = expm(m), product = dot(m, m),
                   total = m + m;
  if (depth == 0 || v.ndim() < 2) return false;
  if (diagonal_of(v)) return true;
  const auto is = [&](const Var& example) { return v.op().equals(example.op()); };
  if (is(inverse) || is(exponential)) return is_symmetric(v.inputs()[0], depth - 1);
  if (is(product)) return are_turned(v.inputs()[0], v.inputs()[1]);
  if (!is(total)) return false;
  const Var &a = v.inputs()[0], &b = v.inputs()[1];
  const auto alike = [&](const Var& x) { return x.ndim() == 0 || is_symmetric(x, depth - 1); };
  return are_turned(a, b) || (alike(a) && alike(b));
}

std::optional<Vars> transpose_of_symmetric(const Apply& node, Context&) {
  if (!turns_matrices(node.output()) || !is_symmetric(node.input(0))) return std::nullopt;
  return Vars{node.input(0)};
}

Rules make_matrix_rules() {
  Rules rules;
  rules.push_back(node_rewriter("product_with_diagonal", {"dot"},
                                "dot(diag(v), a) = v[:, None] * a", product_with_diagonal)
                      .canonicalizes()
                      .sound(Soundness::needs_fact));
  rules.push_back(node_rewriter("solve_of_triangle", {"solve"},
                                "solve(tril(a), b) = solve_triangular(a, b)", solve_of_triangle)
                      .canonicalizes()
                      .sound(Soundness::method));
  rules.push_back(node_rewriter("transpose_of_symmetric", {"dimshuffle"},
                                "x.T = x where x is symmetric by how it was made",
                                transpose_of_symmetric)
                      .canonicalizes());
  return rules;
}

}  // namespace

const Rules& matrix_rules() {
  static const Rules rules = make_matrix_rules();
  return rules;
}

}  // namespace damo::optim
