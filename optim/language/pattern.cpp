#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/language/pattern.hpp>
#include <damo/optim/language/placeholder.hpp>

namespace damo::optim {
namespace {

/// Terms with most to recognise come first, placeholders last.
void sort_children(Pattern& p) {
  const auto rank = [](const Pattern& c) {
    return c.kind == Pattern::Kind::wild ? 2 : c.kind == Pattern::Kind::call ? 0 : 1;
  };
  std::vector<std::size_t> order(p.children.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return rank(p.children[a]) < rank(p.children[b]);
  });
  Pattern sorted = p;
  for (std::size_t i = 0; i < order.size(); ++i) {
    sorted.children[i] = p.children[order[i]];
    if (!p.inverse.empty()) sorted.inverse[i] = p.inverse[order[i]];
  }
  p = std::move(sorted);
}

/// The functions that must be among the heads of a matching group: calls among the children, and
/// in a sum also those behind a sign. Another coefficient hides the head one level down.
FunctionSet needed_heads(const Pattern& p) {
  FunctionSet heads;
  for (const Pattern& child : p.children) {
    const bool signed_call = p.kind == Pattern::Kind::sum && child.kind == Pattern::Kind::product &&
                             child.children.size() == 1 && std::abs(child.value) == 1;
    const Pattern& c = signed_call ? child.children[0] : child;
    if (c.kind == Pattern::Kind::call) heads |= head_bit(*c.op);
  }
  return heads;
}

FunctionSet functions_within(const Pattern& p) {
  FunctionSet all;
  for (const Pattern& child : p.children)
    all |= child.kind == Pattern::Kind::call ? head_bit(*child.op) : child.within;
  return all;
}

void add_factors(const Var& v, bool inverse, Pattern& product, Vars& wildcards) {
  const Vocabulary& w = vocabulary();
  const ScalarOp* f = scalar_op(v);
  const auto& in = v.inputs();
  if (const auto c = uniform_value(v)) {
    product.value = inverse ? product.value / *c : product.value * *c;
  } else if (f != nullptr && (f == w.mul || f == w.div)) {
    add_factors(in[0], inverse, product, wildcards);
    add_factors(in[1], inverse != (f == w.div), product, wildcards);
  } else if (f != nullptr && f == w.neg) {
    product.value = -product.value;
    add_factors(in[0], inverse, product, wildcards);
  } else if (f != nullptr && f == w.reciprocal) {
    add_factors(in[0], !inverse, product, wildcards);
  } else if (f != nullptr && f == w.sqr) {
    add_factors(in[0], inverse, product, wildcards);
    add_factors(in[0], inverse, product, wildcards);
  } else {
    product.children.push_back(Pattern::compile(v, wildcards));
    product.inverse.push_back(inverse);
  }
}

void add_terms(const Var& v, bool negative, Pattern& sum, Vars& wildcards) {
  const Vocabulary& w = vocabulary();
  const ScalarOp* f = scalar_op(v);
  const auto& in = v.inputs();
  if (const auto c = uniform_value(v)) {
    sum.value += negative ? -*c : *c;
  } else if (f != nullptr && (f == w.add || f == w.sub)) {
    add_terms(in[0], negative, sum, wildcards);
    add_terms(in[1], negative != (f == w.sub), sum, wildcards);
  } else {
    Pattern product{.kind = Pattern::Kind::product, .value = negative ? -1.0 : 1.0};
    add_factors(v, false, product, wildcards);
    sort_children(product);
    product.heads = needed_heads(product);
    product.within = functions_within(product);
    const bool plain = product.value == 1 && product.children.size() == 1 && !product.inverse[0];
    sum.children.push_back(plain ? product.children[0] : product);
  }
}

}  // namespace

Pattern Pattern::compile(const Var& side, Vars& wildcards) {
  const Vocabulary& w = vocabulary();
  const ScalarOp* f = scalar_op(side);
  if (as<Wildcard>(side) != nullptr) {
    const auto at = std::find_if(wildcards.begin(), wildcards.end(),
                                 [&](const Var& v) { return same(v, side); });
    const auto index = static_cast<std::size_t>(at - wildcards.begin());
    if (at == wildcards.end()) wildcards.push_back(side);
    return {.kind = Kind::wild, .wild = index};
  }
  const auto number = uniform_value(side);
  if (number || constant_value(side) != nullptr)
    return {.kind = Kind::constant, .value = number.value_or(NAN)};
  if (f == nullptr) throw InternalError("a pattern must be elementwise: " + pprint(side));
  if (is_conversion(scalar_op(side))) return compile(side.inputs()[0], wildcards);
  Pattern p;
  if (f == w.add || f == w.sub) {
    p.kind = Kind::sum;
    add_terms(side, false, p, wildcards);
    sort_children(p);
    p.heads = needed_heads(p);
    p.within = functions_within(p);
  } else if (f == w.mul || f == w.div || f == w.neg || f == w.reciprocal || f == w.sqr) {
    p.kind = Kind::product;
    p.value = 1;
    add_factors(side, false, p, wildcards);
    sort_children(p);
    p.heads = needed_heads(p);
    p.within = functions_within(p);
  } else {
    p.kind = Kind::call;
    p.op = f;
    for (const Var& in : side.inputs()) p.children.push_back(compile(in, wildcards));
  }
  return p;
}

std::vector<std::string> Pattern::roots() const {
  switch (kind) {
    case Kind::call:
      return {op->name};
    case Kind::sum:
      return {"add", "sub"};
    case Kind::product:
      if (children.size() == 1 && !inverse[0] && value == -1) return {"neg"};
      if (children.size() == 1) return {"mul", "div", "reciprocal"};
      return {"mul", "div", "reciprocal", "sqr"};
    default:
      throw InternalError("a pattern must have a function at its root");
  }
}

Var Binding::value() const {
  const Var v = surface(seen);
  if (scale == 1) return v;
  return scale == -1 ? -v : v * scale;
}

}  // namespace damo::optim
