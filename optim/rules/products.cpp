#include <algorithm>
#include <array>
#include <cmath>

#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/binary_dot.hpp>
#include <damo/ops/linalg/dot.hpp>
#include <damo/ops/linalg/gemm.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>
#include <damo/optim/engine/catalogue.hpp>
#include <damo/optim/language/context.hpp>

namespace damo::optim {
namespace {

/// Whether `v` is a whole number: 1 / v is finite then, unless v is 0.
bool is_count(const Var& v) { return v.inputs().size() == 1 && !is_float(v.inputs()[0].dtype()); }

/// number * scalar (1 when null).
struct Coefficient {
  double number = 1;
  Var scalar{};

  Coefficient times(double c) const { return {number * c, scalar}; }
  Coefficient times(const Var& s) const { return {number, scalar.defined() ? scalar * s : s}; }
  Coefficient over(const Var& s) const { return {number, scalar.defined() ? scalar / s : 1 / s}; }
  bool is_one() const { return number == 1 && !scalar.defined(); }
  Var value(DType dtype) const {
    const Var c = Arg(number).var(dtype);
    if (!scalar.defined()) return c;
    const Var s = scalar.dtype() == dtype ? scalar : cast(scalar, dtype);
    return number == 1 ? s : c * s;
  }
  Var applied(const Var& v) const {
    if (is_one()) return v;
    if (number == -1 && !scalar.defined()) return -v;
    return value(v.dtype()) * v;
  }
};

/// A sum of multiples of tensors, products among them.
struct Combination {
  struct Term {
    Coefficient coefficient;
    Var v;
  };
  struct Product {
    Coefficient coefficient;
    Var a, b;
  };
  std::vector<Term> terms{};
  std::vector<Product> products{};
  /// Plain products and accumulations that the sum itself adds up, and how many of its terms come
  /// from inside one of those.
  std::size_t plain_products = 0;
  std::size_t accumulations = 0;
  std::size_t inner_terms = 0;

  /// Whether products are only added and subtracted.
  bool plain() const {
    return std::all_of(products.begin(), products.end(), [](const Product& p) {
      return std::abs(p.coefficient.number) == 1 && !p.coefficient.scalar.defined();
    });
  }
};

constexpr int max_depth = 12;

class Flattener {
 public:
  Flattener(const Var& root, Context& context) : root_(root), context_(context) {
    add(root, {}, 0);
  }
  Combination result;

 private:
  void add(const Var& v, const Coefficient& c, int depth) {
    const bool opens = depth < max_depth && (depth == 0 || own(v));
    if (opens && open(v, c, depth + 1)) return;
    result.terms.push_back({c, v});
    if (inside_ > 0) ++result.inner_terms;
  }

  /// Whether `v` serves this sum only, at full size.
  bool own(const Var& v) const {
    return context_.uses(v) == 1 && v.ndim() == root_.ndim() && v.dtype() == root_.dtype() &&
           stretched_axes(v.type(), root_.type()).empty();
  }

  bool open(const Var& v, const Coefficient& c, int depth) {
    const Vocabulary& w = vocabulary();
    const auto& in = v.inputs();
    if (as<Dot>(v) != nullptr) {
      if (inside_ == 0) ++result.plain_products;
      result.products.push_back({c, in[0], in[1]});
      return true;
    }
    if (as<Gemm>(v) != nullptr) {
      if (inside_++ == 0) ++result.accumulations;
      add(in[0], scaled(c, in[4]), depth);
      --inside_;
      result.products.push_back({scaled(c, in[1]), in[2], in[3]});
      for (std::size_t i = 5; i < in.size(); i += 3)
        result.products.push_back({scaled(c, in[i]), in[i + 1], in[i + 2]});
      return true;
    }
    const ScalarOp* f = scalar_op(v);
    if (f == nullptr) return false;
    if (f == w.add || f == w.sub) {
      add(in[0], c, depth);
      add(in[1], f == w.sub ? c.times(-1) : c, depth);
      return true;
    }
    if (f == w.neg) {
      add(in[0], c.times(-1), depth);
      return true;
    }
    if (f == w.mul && (is_scalar(in[0]) || is_scalar(in[1]))) {
      const bool left = is_scalar(in[0]);
      if (sums_up(in[left ? 1 : 0])) return false;
      add(in[left ? 1 : 0], scaled(c, in[left ? 0 : 1]), depth);
      return true;
    }
    if (f == w.div && is_scalar(in[1])) {
      if (sums_up(in[0])) return false;
      const auto value = uniform_value(in[1]);
      if (value ? !std::isfinite(1 / *value) : !is_count(in[1])) return false;
      add(in[0], value ? c.times(1 / *value) : c.over(in[1]), depth);
      return true;
    }
    return false;
  }

  /// Whether `v` adds up products, as the steps of an unrolled loop: what multiplies their sum does
  /// not multiply each, which would be rounded otherwise than in the loop.
  static bool sums_up(const Var& v) {
    std::array<int, 2> count{};
    count_products(v, false, count, 0);
    return count[0] > 1 || count[1] > 1;
  }
  static void count_products(const Var& v, bool negative, std::array<int, 2>& count, int depth) {
    const ScalarOp* f = scalar_op(v);
    if (as<Dot>(v) != nullptr) ++count[negative ? 1 : 0];
    if (depth == max_depth) return;
    if (as<Gemm>(v) != nullptr) {
      for (std::size_t i = 1; i < v.inputs().size(); i += i == 1 ? 4 : 3) {
        const bool minus = uniform_value(v.inputs()[i]).value_or(1) < 0;
        ++count[negative != minus ? 1 : 0];
      }
      count_products(v.inputs()[0], negative, count, depth + 1);
    } else if (f == vocabulary().add || f == vocabulary().sub) {
      count_products(v.inputs()[0], negative, count, depth + 1);
      count_products(v.inputs()[1], negative != (f == vocabulary().sub), count, depth + 1);
    }
  }

  static bool is_scalar(const Var& v) { return v.ndim() == 0; }
  static Coefficient scaled(const Coefficient& c, const Var& s) {
    const auto value = uniform_value(s);
    return value ? c.times(*value) : c.times(s);
  }

  Var root_;
  Context& context_;
  int inside_ = 0;
};

/// c + dot(a, b), c - dot(a, b), dot(a, b) + c, dot(a, b) - c with what is rounded there: sums of
/// many terms keep their order, so that a loop that adds them up step by step has the same bits.
std::optional<Vars> accumulate_one(const Apply& node, Context& context) {
  const Var root = node.output();
  const bool minus = scalar_op(root) == vocabulary().sub;
  const auto fills = [&](const Var& v) {
    return v.ndim() == 2 && stretched_axes(v.type(), root.type()).empty() && !uniform_value(v);
  };
  for (const std::size_t i : {1, 0}) {
    const Var& product = node.input(i);
    const Var& c = node.input(1 - i);
    if (as<Dot>(product) == nullptr || context.uses(product) > 1) continue;
    if (!fills(product) || !fills(c)) continue;
    const Var signs[] = {Arg(i == 1 && minus ? -1.0 : 1.0).var(root.dtype()),
                         Arg(i == 0 && minus ? -1.0 : 1.0).var(root.dtype())};
    const Var sum = make_var(std::make_shared<Gemm>(),
                             {c, signs[0], product.inputs()[0], product.inputs()[1], signs[1]});
    return Vars{fit(sum, root)};
  }
  return std::nullopt;
}

Var accumulate(const Var& c, const Combination::Product& p) {
  const Var one = Arg(1.0).var(c.dtype());
  return make_var(std::make_shared<Gemm>(), {c, p.coefficient.value(c.dtype()), p.a, p.b, one});
}

Var sum_of_terms(const std::vector<Combination::Term>& terms) {
  Var total;
  for (const auto& [coefficient, v] : terms) {
    if (total.defined() && coefficient.number == -1 && !coefficient.scalar.defined()) {
      total = total - v;
    } else {
      total = total.defined() ? total + coefficient.applied(v) : coefficient.applied(v);
    }
  }
  return total;
}

std::optional<Vars> accumulate_products(const Apply& node, Context& context) {
  const Var root = node.output();
  if (!is_float(root.dtype()) || root.ndim() != 2) return std::nullopt;
  Combination all = Flattener(root, context).result;
  if (all.products.empty()) return std::nullopt;
  if (all.plain()) return accumulate_one(node, context);
  // What has full size is what the products are added to; a row or column is added at the end,
  // where it joins other elementwise work.
  std::vector<Combination::Term> full;
  std::vector<Combination::Term> small;
  for (const auto& term : all.terms) {
    const bool fills = term.v.ndim() == root.ndim() &&
                       stretched_axes(term.v.type(), root.type()).empty() && !uniform_value(term.v);
    (fills ? full : small).push_back(term);
  }
  // One accumulation, and rows or columns beside it, is what this rule leaves.
  if (all.plain_products == 0 && all.accumulations == 1 && full.size() <= all.inner_terms)
    return std::nullopt;
  Var total;
  std::size_t next = 0;
  if (!full.empty()) {
    total = sum_of_terms(full);
  } else {
    if (all.products.size() < 2 || !all.products[0].coefficient.is_one()) return std::nullopt;
    total = make_var(std::make_shared<Dot>(), {all.products[0].a, all.products[0].b});
    next = 1;
  }
  for (; next < all.products.size(); ++next) total = accumulate(total, all.products[next]);
  for (const auto& term : small) {
    total = term.coefficient.number < 0 ? total - term.coefficient.times(-1).applied(term.v)
                                        : total + term.coefficient.applied(term.v);
  }
  return Vars{fit(total, root)};
}

/// How many products one accumulation has at most: a loop written out has one for each step, and
/// what goes through all of them at every step takes the square of their number.
constexpr std::size_t most_products = 16;

/// An accumulation upon one that it alone reads.
std::optional<Vars> gemm_chain(const Apply& node, Context& context) {
  const Var& inner = node.input(0);
  if (as<Gemm>(inner) == nullptr || context.uses(inner) != 1 || uniform_value(node.input(4)) != 1)
    return std::nullopt;
  if (inner.inputs().size() + node.inputs().size() > 3 * most_products + 4) return std::nullopt;
  Vars inputs = inner.inputs();
  inputs.insert(inputs.end(), node.inputs().begin() + 1, node.inputs().begin() + 4);
  inputs.insert(inputs.end(), node.inputs().begin() + 5, node.inputs().end());
  const Var all = make_var(std::make_shared<Gemm>(), std::move(inputs), node.site());
  if (all.type() != node.types()[0]) return std::nullopt;
  return Vars{all};
}

std::optional<Vars> binary_product(const Apply& node, Context& context) {
  const Var& a = node.input(0);
  const Var& b = node.input(1);
  if (b.ndim() != 2 || !is_float(a.dtype())) return std::nullopt;
  if (const auto* moved = as<DimShuffle>(a)) {
    const int last = static_cast<int>(a.inputs()[0].ndim()) - 1;
    if (moved->pattern().back() != last) return std::nullopt;  // its rows are not contiguous
  }
  const Fact fact = context.fact(a);
  // Whole numbers may be zeros and ones, as images rounded: looking takes no time beside a product.
  if (!fact.binary() && !fact.perhaps_binary && !fact.integer) return std::nullopt;
  return make_node(std::make_shared<BinaryDot>(!fact.binary()), {a, b}, node.site());
}

}  // namespace

const Rules& product_rules() {
  static const Rules rules = [] {
    Rules list;
    list.push_back(node_rewriter("gemm_accumulate", {"add", "sub"},
                                 "c + alpha * dot(a, b) = gemm(c, alpha, a, b)",
                                 accumulate_products)
                       .tagged("blas"));
    list.push_back(node_rewriter("gemm_chain", {"gemm"},
                                 "gemm(gemm(c, s, a, b), t, x, y) goes through c once", gemm_chain)
                       .tagged("blas")
                       .sound(Soundness::bit_exact));
    list.push_back(node_rewriter("binary_product", {"dot"},
                                 "dot(x, w) adds rows of w where x has only zeros and ones",
                                 binary_product)
                       .tagged("blas")
                       .sound(Soundness::selection));
    return list;
  }();
  return rules;
}

}  // namespace damo::optim
