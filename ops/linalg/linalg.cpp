#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/size_check.hpp>

namespace damo {
namespace {

/// Both operands in the dtype in which they meet.
std::pair<Var, Var> in_one_dtype(const Arg& a, const Arg& b) {
  DType dtype = DType::int64;
  for (const Arg* x : {&a, &b}) {
    if (!x->is_literal()) dtype = promote(dtype, x->dtype());
  }
  const auto converted = [&](const Arg& x) {
    const Var v = x.var(x.is_literal() ? dtype : x.dtype());
    return v.dtype() == dtype ? v : cast(v, dtype);
  };
  return {converted(a), converted(b)};
}

std::vector<int> positive(const char* who, const std::vector<int>& axes, const Var& x, Site site) {
  std::vector<int> result;
  const int n = static_cast<int>(x.ndim());
  for (const int axis : axes) {
    if (axis < -n || axis >= n) {
      throw ShapeError(fmt::format("{}: there is no axis {} in {}, at {}", who, axis, describe(x),
                                   to_string(SiteScope::or_else(site))));
    }
    result.push_back(axis < 0 ? axis + n : axis);
    if (std::count(result.begin(), result.end(), result.back()) > 1) {
      throw ShapeError(fmt::format("{}: axis {} of {} is summed over twice, at {}", who, axis,
                                   describe(x), to_string(SiteScope::or_else(site))));
    }
  }
  return result;
}

/// The same without axis 0.
std::vector<int> after_batch(const char* who, const std::vector<int>& axes, const Var& x,
                             Site site) {
  std::vector<int> result = positive(who, axes, x, site);
  if (x.ndim() == 0 || std::count(result.begin(), result.end(), 0) > 0) {
    throw ShapeError(fmt::format("{}: axis 0 is the batch's, in {}, at {}", who, describe(x),
                                 to_string(SiteScope::or_else(site))));
  }
  return result;
}

std::vector<int> others(const std::vector<int>& axes, const Var& x) {
  std::vector<int> rest;
  for (int i = 0; i < static_cast<int>(x.ndim()); ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) rest.push_back(i);
  }
  return rest;
}

Vars sizes_of(const Var& x, const std::vector<int>& axes) {
  Vars result;
  for (const int axis : axes) result.push_back(size_at(x, static_cast<std::size_t>(axis)));
  return result;
}

std::vector<int> joined_axes(std::vector<int> first, const std::vector<int>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// A tensor as the matrix whose rows run over some axes and whose columns over the rest.
Var as_matrix(const Var& x, const std::vector<int>& rows, const std::vector<int>& cols) {
  return reshape(shuffle_axes(x, joined_axes(rows, cols)),
                 Vars{size_product(sizes_of(x, rows)), size_product(sizes_of(x, cols))});
}

/// A batch of tensors as one of such matrices.
Var as_matrices(const Var& x, const std::vector<int>& rows, const std::vector<int>& cols) {
  return reshape(
      shuffle_axes(x, joined_axes({0}, joined_axes(rows, cols))),
      Vars{size_at(x, 0), size_product(sizes_of(x, rows)), size_product(sizes_of(x, cols))});
}

/// "left" and "right" lines, and the user's own.
std::string operands_text(const char* who, const Var& a, const Var& b, Site site) {
  return fmt::format("\n  left   {}\n  right  {}\n  node   {}, made at {}", describe(a),
                     describe(b), who, to_string(SiteScope::or_else(site)));
}

void check_pairs(const char* who, const Var& a, const Var& b, const std::vector<int>& a_axes,
                 const std::vector<int>& b_axes, Site site) {
  if (a_axes.size() != b_axes.size()) {
    throw ShapeError(fmt::format("{}: {} axes of the left operand are paired with {}{}", who,
                                 a_axes.size(), b_axes.size(), operands_text(who, a, b, site)));
  }
  for (std::size_t i = 0; i < a_axes.size(); ++i) {
    const std::int64_t left = a.type().dims[static_cast<std::size_t>(a_axes[i])];
    const std::int64_t right = b.type().dims[static_cast<std::size_t>(b_axes[i])];
    if (left == right || left == unknown || right == unknown) continue;
    throw ShapeError(fmt::format("{}: sizes differ, {} and {}, along axes {} and {}{}", who, left,
                                 right, a_axes[i], b_axes[i], operands_text(who, a, b, site)));
  }
}

/// `product`, once the sizes of several pairs have been seen to agree: (2, 3) and (3, 2) have
/// equally many elements.
Var after_pairs(const char* who, const Var& product, const Var& a, const Var& b,
                const std::vector<int>& a_axes, const std::vector<int>& b_axes) {
  Vars checks;
  for (std::size_t i = 0; a_axes.size() > 1 && i < a_axes.size(); ++i) {
    const Var left = size_at(a, static_cast<std::size_t>(a_axes[i]));
    const Var right = size_at(b, static_cast<std::size_t>(b_axes[i]));
    if (scalar_constant(left) && scalar_constant(left) == scalar_constant(right)) continue;
    checks.push_back(
        size_check(Demand::Kind::equal, left, right, who, {a, b}, SiteScope::or_else(a.site())));
  }
  return checks.empty() ? product : after_checks(product, checks);
}

}  // namespace

Var dot(const Arg& a, const Arg& b) {
  const auto [left, right] = in_one_dtype(a, b);
  const Site site = SiteScope::or_else(a.site());
  if (left.ndim() == 0 || right.ndim() == 0) {
    const SiteScope scope(site);
    return left * right;
  }
  if (left.ndim() <= 2 && right.ndim() <= 2) {
    return make_var(std::make_shared<Dot>(), {left, right}, site);
  }
  const SiteScope scope(site);
  return tensordot(left, right, {-1}, {right.ndim() == 1 ? 0 : -2});
}

Var outer(const Arg& a, const Arg& b) {
  const auto [left, right] = in_one_dtype(a, b);
  const SiteScope scope(SiteScope::or_else(a.site()));
  return dot(expand_dims(ravel(left), 1), expand_dims(ravel(right), 0));
}

Var tensordot(const Arg& a, const Arg& b, int axes) {
  const int rank = static_cast<int>(a.var().ndim());
  std::vector<int> last(static_cast<std::size_t>(std::max(axes, 0)));
  std::vector<int> first(last.size());
  std::iota(last.begin(), last.end(), rank - axes);
  std::iota(first.begin(), first.end(), 0);
  return tensordot(a, b, last, first);
}

Var tensordot(const Arg& a, const Arg& b, const std::vector<int>& a_axes,
              const std::vector<int>& b_axes) {
  const auto [left, right] = in_one_dtype(a, b);
  const SiteScope scope(SiteScope::or_else(a.site()));
  const std::vector<int> left_axes = positive("tensordot", a_axes, left, a.site());
  const std::vector<int> right_axes = positive("tensordot", b_axes, right, b.site());
  check_pairs("tensordot", left, right, left_axes, right_axes, a.site());
  const std::vector<int> left_rest = others(left_axes, left);
  const std::vector<int> right_rest = others(right_axes, right);
  const Var product =
      dot(as_matrix(left, left_rest, left_axes), as_matrix(right, right_axes, right_rest));
  Vars result = sizes_of(left, left_rest);
  for (const Var& n : sizes_of(right, right_rest)) result.push_back(n);
  return reshape(after_pairs("tensordot", product, left, right, left_axes, right_axes), result);
}

Var batched_tensordot(const Arg& a, const Arg& b, int axes) {
  const int rank = static_cast<int>(a.var().ndim());
  std::vector<int> last(static_cast<std::size_t>(std::max(axes, 0)));
  std::vector<int> first(last.size());
  std::iota(last.begin(), last.end(), rank - axes);
  std::iota(first.begin(), first.end(), 1);
  return batched_tensordot(a, b, last, first);
}

Var batched_tensordot(const Arg& a, const Arg& b, const std::vector<int>& a_axes,
                      const std::vector<int>& b_axes) {
  const char* who = "batched_tensordot";
  const auto [left, right] = in_one_dtype(a, b);
  const SiteScope scope(SiteScope::or_else(a.site()));
  const std::vector<int> left_axes = after_batch(who, a_axes, left, a.site());
  const std::vector<int> right_axes = after_batch(who, b_axes, right, b.site());
  check_pairs(who, left, right, left_axes, right_axes, a.site());
  const std::vector<int> left_rest = others(joined_axes({0}, left_axes), left);
  const std::vector<int> right_rest = others(joined_axes({0}, right_axes), right);
  const Var product = batched_dot(as_matrices(left, left_rest, left_axes),
                                  as_matrices(right, right_axes, right_rest));
  Vars result{size_at(left, 0)};
  for (const Var& n : sizes_of(left, left_rest)) result.push_back(n);
  for (const Var& n : sizes_of(right, right_rest)) result.push_back(n);
  return reshape(after_pairs(who, product, left, right, left_axes, right_axes), result);
}

Var Var::dot(const Arg& b, Site site) const {
  return damo::dot(Arg(*this, site.file, site.line), b);
}

}  // namespace damo
