#include <cmath>
#include <memory>
#include <type_traits>

#include <damo/ops/elementwise/math.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/language/pattern.hpp>
#include <damo/optim/language/placeholder.hpp>

namespace damo::optim {
namespace {

/// What remains to be matched after the present part; true when all of it does.
class Next {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Next>) Next(F&& f)  // NOLINT: a reference type
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* o) { return (*static_cast<std::remove_reference_t<F>*>(o))(); }) {}
  bool operator()() const { return call_(object_); }

 private:
  void* object_;
  bool (*call_)(void*);
};

/// A cheap refusal: every call among the pattern's terms needs a leaf that applies it.
bool has_heads(const Pattern& p, const Terms& terms) { return !lacks(terms.heads(), p.heads); }

bool is_power_of_two(double v) {
  int exponent = 0;
  return v != 0 && std::isfinite(v) && std::abs(std::frexp(v, &exponent)) == 0.5;
}

/// Backtracking search: each part, once matched, asks `next` whether the rest matches too, and
/// tries its other ways when not.
class Matcher {
 public:
  Matcher(const Vars& wildcards, Context& context, Steps& steps, DType dtype, Conditions conditions)
      : wildcards_(wildcards),
        context_(context),
        steps_(steps),
        dtype_(dtype),
        conditions_(conditions),
        bindings_(wildcards.size()) {}

  std::optional<Match> at(const Pattern& pattern, const Var& root) {
    Match found;
    const auto done = [&] {
      found.bindings = bindings_;
      return true;
    };
    if (!pattern.is_group()) {
      if (!part(pattern, {root}, done)) return std::nullopt;
      return found;
    }
    const Terms& terms = context_.terms(pattern.group(), root);
    std::vector<bool> used(terms.leaves().size(), false);
    const auto finish = [&] {
      bool flipped = false;
      if (!constants_fit(pattern, terms, used, flipped)) return false;
      found.bindings = bindings_;
      found.rest = terms.without(used);
      found.rest.negative = found.rest.negative != flipped;
      found.partial = found.rest.v.defined() || found.rest.negative;
      // In a longer sum the terms would be added in another order: 1 would be lost in one where
      // they are large and cancel, exp(a) - exp(b) - 1.
      return !found.partial || pattern.group() == Terms::Group::product;
    };
    if (!terms_from(0, pattern, terms, used, true, finish)) return std::nullopt;
    return found;
  }

 private:
  /// At the root, a constant in the pattern must be the product's, up to its sign, or all that a
  /// sum's constants add up to, and is then used up; where the pattern has none, constants stay
  /// with the rest.
  static bool constants_fit(const Pattern& p, const Terms& terms, std::vector<bool>& used,
                            bool& flipped) {
    const bool product = p.kind == Pattern::Kind::product;
    if (p.value == (product ? 1 : 0)) return true;
    const auto constant = total_constant(terms);
    if (!constant) return false;
    const DType dtype = terms.leaves()[0].seen.core.dtype();
    if (!is_number(product ? std::copysign(*constant, p.value) : *constant, p.value, dtype))
      return false;
    for (std::size_t i = 0; i < used.size(); ++i) {
      const auto& value = terms.leaves()[i].constant;
      if (!value) continue;
      used[i] = true;
      flipped = flipped != (product && *value < 0);
    }
    flipped = flipped != (product && p.value < 0);
    return true;
  }

  /// What the constants of a sum add up to, or the product of a product's. Nothing for a sum that
  /// loses part of one: 1 - p + 1e-7 has no constant 1, however little 1e-7 is beside it.
  static std::optional<double> total_constant(const Terms& terms) {
    if (terms.group() == Terms::Group::product) return terms.constant();
    double total = 0;
    for (const auto& leaf : terms.leaves()) {
      if (!leaf.constant) continue;
      const double c = leaf.inverse ? -*leaf.constant : *leaf.constant;
      if (!adds_exactly(total, c)) return std::nullopt;
      total += c;
    }
    return total;
  }

  bool part(const Pattern& p, const Seen& seen, Next next) {
    if (++steps_taken_ > max_steps) return false;
    switch (p.kind) {
      case Pattern::Kind::wild:
        return bind(p.wild, seen, 1, next);
      case Pattern::Kind::constant: {
        const auto c = uniform_value(seen.core);
        return c && is_number(*c, p.value, seen.core.dtype()) && next();
      }
      case Pattern::Kind::call:
        return call(p, seen, next);
      default:
        return group(p, seen, false, next);
    }
  }

  bool call(const Pattern& p, Seen seen, Next next) {
    while (scalar_op(seen.core) != p.op) {
      if (!look_deeper(seen, steps_) && !look_through_rounding(seen)) return false;
    }
    if (operands(p, seen, 0, false, next)) return true;
    return p.op->commutative && p.children.size() == 2 && operands(p, seen, 0, true, next);
  }

  /// A conversion to the dtype of the whole, which is rounded to it in any case.
  bool look_through_rounding(Seen& seen) const {
    if (!is_float_cast(seen.core) || seen.core.dtype() != dtype_) return false;
    seen.core = Var(seen.core.inputs()[0]);
    return true;
  }

  bool operands(const Pattern& p, const Seen& seen, std::size_t i, bool swapped, Next next) {
    if (i == p.children.size()) return next();
    const Var& in = seen.core.inputs()[swapped ? 1 - i : i];
    return part(p.children[i], {in, seen.path},
                [&] { return operands(p, seen, i + 1, swapped, next); });
  }

  /// A sum or product below the root, or (negative) a subtracted term: all of it must match.
  bool group(const Pattern& p, const Seen& seen, bool negative, Next next) {
    if (p.kind == Pattern::Kind::product && p.children.size() == 1 && !p.inverse[0]) {
      const Pattern& only = p.children[0];
      // -x matches anything: x is then its negative. So does x / 2.
      if (only.kind == Pattern::Kind::wild && is_power_of_two(p.value))
        return bind(only.wild, seen, (negative ? -1 : 1) / p.value, next);
    }
    if (p.children.size() > 1 && !Terms::splits(p.group(), seen.core)) return false;
    const Reached reached = context_.reached(seen.core);
    if (lacks(p.kind == Pattern::Kind::sum ? reached.in_sum : reached.in_product, p.heads) ||
        lacks(reached.in_both, p.within))
      return false;
    std::optional<Terms> moved;
    const Terms& terms = seen.path == nullptr ? context_.terms(p.group(), seen.core)
                                              : moved.emplace(p.group(), seen, steps_);
    if (terms.leaves().size() < p.children.size() || !has_heads(p, terms)) return false;
    std::vector<bool> used(terms.leaves().size(), false);
    // A placeholder may stand for the constant, when the pattern has none of its own.
    const double neutral = p.kind == Pattern::Kind::product ? 1 : 0;
    if (terms.n_constants() > 0 && p.value == neutral && !terms.negated() && !negative &&
        terms_from(0, p, terms, used, false, next))
      return true;
    const auto constant = total_constant(terms);
    if (!constant || !is_number(negative ? -*constant : *constant, p.value, seen.core.dtype()))
      return false;
    for (std::size_t i = 0; i < used.size(); ++i) used[i] = terms.leaves()[i].constant.has_value();
    return terms_from(0, p, terms, used, false, next);
  }

  bool terms_from(std::size_t k, const Pattern& p, const Terms& terms, std::vector<bool>& used,
                  bool rest_allowed, Next next) {
    if (++steps_taken_ > max_steps) return false;
    if (k == p.children.size()) return (rest_allowed || all_used(used)) && next();
    const Pattern& child = p.children[k];
    const bool inverse = !p.inverse.empty() && p.inverse[k];
    const auto go_on = [&] { return terms_from(k + 1, p, terms, used, rest_allowed, next); };
    if (child.kind == Pattern::Kind::wild && bindings_[child.wild].bound() &&
        bound_group(child, inverse, terms, used, go_on))
      return true;
    for (std::size_t i = 0; i < used.size(); ++i) {
      if (used[i] || (terms.leaves()[i].constant && child.kind != Pattern::Kind::wild)) continue;
      used[i] = true;
      if (term(p, child, inverse, terms.leaves()[i], go_on)) return true;
      used[i] = false;
    }
    return !rest_allowed && k + 1 == p.children.size() &&
           remainder(child, inverse, terms, used, next);
  }

  bool term(const Pattern& p, const Pattern& child, bool inverse, const Terms::Leaf& leaf,
            Next next) {
    if (p.kind == Pattern::Kind::product)
      return leaf.inverse == inverse && part(child, leaf.seen, next);
    if (child.kind == Pattern::Kind::product) return signed_term(child, leaf, next);
    if (child.kind == Pattern::Kind::wild)
      return bind(child.wild, leaf.seen, leaf.inverse ? -1 : 1, next);
    return !leaf.inverse && part(child, leaf.seen, next);
  }

  bool signed_term(const Pattern& child, const Terms::Leaf& leaf, Next next) {
    const bool plain = child.children.size() == 1 && !child.inverse[0];
    if (plain && child.value == -1 && leaf.inverse && part(child.children[0], leaf.seen, next))
      return true;
    return group(child, leaf.seen, leaf.inverse, next);
  }

  /// The last placeholder takes all the terms that are left.
  bool remainder(const Pattern& child, bool inverse, const Terms& terms, std::vector<bool>& used,
                 Next next) {
    if (child.kind != Pattern::Kind::wild || inverse || bindings_[child.wild].bound()) return false;
    std::size_t left = 0;
    for (const bool u : used) left += u ? 0 : 1;
    if (left < 2) return false;
    const Terms::Rest rest = terms.without(used);
    if (!rest.v.defined()) return false;
    return bind(child.wild, {rest.v}, rest.negative ? -1 : 1, next);
  }

  /// A placeholder bound to a sum stands for several terms of a longer one.
  bool bound_group(const Pattern& child, bool inverse, const Terms& terms, std::vector<bool>& used,
                   Next next) {
    const Binding& b = bindings_[child.wild];
    if (inverse || b.scale != 1) return false;
    const Terms parts(terms.group(), b.seen, steps_);
    if (parts.leaves().size() < 2) return false;
    const std::vector<bool> before = used;
    for (const auto& wanted : parts.leaves()) {
      std::size_t i = 0;
      for (; i < used.size(); ++i) {
        const auto& leaf = terms.leaves()[i];
        if (!used[i] && leaf.inverse == wanted.inverse && same(leaf.seen, wanted.seen)) break;
      }
      if (i == used.size()) {
        used = before;
        return false;
      }
      used[i] = true;
    }
    if (next()) return true;
    used = before;
    return false;
  }

  static bool all_used(const std::vector<bool>& used) {
    for (const bool u : used) {
      if (!u) return false;
    }
    return true;
  }

  /// Reduces to a core variable times a sign or power of two, so that equal things compare equal.
  Binding normal_form(Seen seen, double scale) {
    const Vocabulary& w = vocabulary();
    for (int depth = 0; depth < 32; ++depth) {
      if (look_deeper(seen, steps_)) continue;
      const ScalarOp* f = scalar_op(seen.core);
      if (f == nullptr) break;
      const Vars in = seen.core.inputs();  // kept, as `seen.core` moves on
      if (f == w.neg) {
        scale = -scale;
        seen.core = in[0];
        continue;
      }
      if (f != w.mul && f != w.div) break;
      const bool left = f == w.mul && uniform_value(in[0]).has_value();
      const auto c = uniform_value(in[left ? 0 : 1]);
      const Var& other = in[left ? 1 : 0];
      if (!c || !is_power_of_two(*c) || !(other.type() == seen.core.type())) break;
      scale = f == w.div ? scale / *c : scale * *c;
      seen.core = other;
    }
    return {seen, scale};
  }

  bool bind(std::size_t index, const Seen& seen, double scale, Next next) {
    const auto& wildcard = static_cast<const Wildcard&>(wildcards_[index].op());
    const DType dtype = seen.core.dtype();
    if ((wildcard.dtype() == DType::boolean) != (dtype == DType::boolean)) return false;
    const Binding candidate = is_float(dtype) ? normal_form(seen, scale) : Binding{seen, scale};
    if (bindings_[index].bound()) return equal(bindings_[index], candidate) && next();
    const bool asked = wildcard.condition() && conditions_ == Conditions::asked;
    if (asked && !wildcard.condition()(candidate.value(), context_)) return false;
    if (wildcard.has_rank() && wildcards_[index].ndim() != candidate.value().ndim()) return false;
    bindings_[index] = candidate;
    if (next()) return true;
    bindings_[index] = {};
    return false;
  }

  static bool equal(const Binding& a, const Binding& b) {
    if (a.scale == b.scale && same(a.seen, b.seen)) return true;
    const auto x = uniform_value(a.seen.core);
    const auto y = uniform_value(b.seen.core);
    return x && y && *x * a.scale == *y * b.scale;
  }

  static constexpr int max_steps = 2000;
  const Vars& wildcards_;
  Context& context_;
  Steps& steps_;
  DType dtype_;  // of the whole
  Conditions conditions_;
  std::vector<Binding> bindings_;
  int steps_taken_ = 0;
};

}  // namespace

std::optional<Match> match(const Pattern& pattern, const Vars& wildcards, const Var& root,
                           Context& context, Steps& steps, Conditions conditions) {
  if (pattern.is_group() && !has_heads(pattern, context.terms(pattern.group(), root)))
    return std::nullopt;
  return Matcher(wildcards, context, steps, root.dtype(), conditions).at(pattern, root);
}

}  // namespace damo::optim
