#include <algorithm>
#include <set>

#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/einsum.hpp>
#include <damo/ops/linalg/einsum_subscripts.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

using detail::has;
using detail::Letters;
using detail::Subscripts;
using detail::Term;

int place(const Letters& letters, char c) { return static_cast<int>(letters.find(c)); }

Term summed(const Term& t, const Letters& gone) {
  std::vector<int> axes;
  Letters kept;
  for (std::size_t i = 0; i < t.letters.size(); ++i) {
    if (has(gone, t.letters[i])) {
      axes.push_back(static_cast<int>(i));
    } else {
      kept += t.letters[i];
    }
  }
  return axes.empty() ? t : Term{sum(t.value, Axes(axes)), kept};
}

/// Each letter once: the diagonal of those that stand more often.
Term with_diagonals(Term t) {
  for (std::size_t i = 0; i < t.letters.size(); ++i) {
    const auto again = t.letters.find(t.letters[i], i + 1);
    if (again == std::string::npos) continue;
    const Var at = arange(size_at(t.value, i));
    // Indexing one axis by position after the other, each must have the other's size.
    std::vector<Arg> promise(t.value.ndim(), Arg(-1));
    promise[again] = size_at(t.value, i);
    std::vector<int> order;
    Letters letters;
    for (std::size_t k = 0; k < t.letters.size(); ++k) {
      if (k == i || k == again) continue;
      order.push_back(static_cast<int>(k));
      letters += t.letters[k];
    }
    order.push_back(static_cast<int>(i));
    order.push_back(static_cast<int>(again));
    const Var square = shuffle_axes(specify_shape(t.value, Sizes(promise)), order);
    return with_diagonals({square(ellipsis, at, at), letters + t.letters[i]});
  }
  return t;
}

/// The axes in the order of `letters`; new ones of size 1 for those that are not there.
Var laid_out(const Term& t, const Letters& letters) {
  std::vector<int> pattern;
  for (const char c : letters)
    pattern.push_back(has(t.letters, c) ? place(t.letters, c) : DimShuffle::new_axis);
  return shuffle_axes(t.value, pattern);
}

bool stretches(const Term& t, char c) {
  return t.value.type().broadcastable(static_cast<std::size_t>(place(t.letters, c)));
}
Var size_of(const Term& t, char c) {
  return size_at(t.value, static_cast<std::size_t>(place(t.letters, c)));
}

/// Which letters of two terms are of both and stay, of both and go, of one.
struct Split {
  Letters batch, inner, left, right;
};
Split split(const Term& a, const Term& b, const Letters& kept) {
  Split s;
  for (const char c : a.letters) {
    (!has(b.letters, c) ? s.left : has(kept, c) ? s.batch : s.inner) += c;
  }
  for (const char c : b.letters) {
    if (!has(a.letters, c)) s.right += c;
  }
  return s;
}

Vars sizes_of_letters(const Term& t, const Letters& letters) {
  Vars result;
  for (const char c : letters) result.push_back(size_of(t, c));
  return result;
}

Var as_blocks(const Term& t, const std::vector<Letters>& groups) {
  Letters order;
  Vars blocks;
  for (const Letters& g : groups) {
    order += g;
    blocks.push_back(size_product(sizes_of_letters(t, g)));
  }
  return reshape(laid_out(t, order), blocks);
}

/// Both terms in one; letters that no other needs (`kept`) are summed over.
Term contracted(Term a, Term b, const Letters& kept) {
  const auto only = [&](const Term& t, const Term& other) {
    Letters gone;
    for (const char c : t.letters) {
      // An axis of size 1 that the other stretches is none.
      const bool stretched = has(other.letters, c) && stretches(t, c) && !stretches(other, c);
      if (stretched || (!has(other.letters, c) && !has(kept, c))) gone += c;
    }
    return summed(t, gone);
  };
  const Term reduced = only(a, b);
  b = only(b, a);
  a = reduced;
  const Split s = split(a, b, kept);
  const Letters result = s.batch + s.left + s.right;
  if (s.inner.empty()) {
    return {laid_out(a, result) * laid_out(b, result), result};
  }
  if (s.left.empty() && s.right.empty() && !s.batch.empty()) {
    const Letters all = s.batch + s.inner;
    return summed({laid_out(a, all) * laid_out(b, all), all}, s.inner);
  }
  Vars shape = sizes_of_letters(a, s.batch + s.left);
  for (const Var& n : sizes_of_letters(b, s.right)) shape.push_back(n);
  if (s.batch.empty()) {
    return {reshape(dot(as_blocks(a, {s.left, s.inner}), as_blocks(b, {s.inner, s.right})), shape),
            result};
  }
  const Var product = batched_dot(as_blocks(a, {s.batch, s.left, s.inner}),
                                  as_blocks(b, {s.batch, s.inner, s.right}));
  return {reshape(product, shape), result};
}

/// How many multiplications a pair takes, with a guess for sizes that are not known, and how large
/// what it leaves is.
double cost(const Term& a, const Term& b) {
  double total = 1;
  std::set<char> seen;
  for (const Term* t : {&a, &b}) {
    for (std::size_t i = 0; i < t->letters.size(); ++i) {
      const std::int64_t n = t->value.type().dims[i];
      if (seen.insert(t->letters[i]).second) total *= n == unknown ? 32.0 : static_cast<double>(n);
    }
  }
  return total;
}

Letters needed(const std::vector<Term>& terms, std::size_t i, std::size_t k,
               const Letters& result) {
  Letters all = result;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    if (t != i && t != k) all += terms[t].letters;
  }
  return all;
}

Vars all_in_one_dtype(const Vars& operands) {
  DType dtype = DType::int64;
  for (const Var& v : operands) dtype = promote(dtype, v.dtype());
  Vars result;
  for (const Var& v : operands) result.push_back(cast(v, dtype));
  return result;
}

}  // namespace

Var einsum(const std::string& subscripts, const Vars& operands, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  if (operands.empty()) Subscripts::fail(subscripts, "there are no operands", site);
  const Subscripts parsed(subscripts, all_in_one_dtype(operands), site);
  parsed.check_sizes();
  std::vector<Term> terms;
  for (const Term& t : parsed.terms) terms.push_back(with_diagonals(t));
  while (terms.size() > 1) {
    std::size_t first = 0;
    std::size_t second = 1;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      for (std::size_t k = i + 1; k < terms.size(); ++k) {
        if (cost(terms[i], terms[k]) < cost(terms[first], terms[second])) first = i, second = k;
      }
    }
    terms[first] =
        contracted(terms[first], terms[second], needed(terms, first, second, parsed.result));
    terms.erase(terms.begin() + static_cast<std::ptrdiff_t>(second));
  }
  Letters gone;
  for (const char c : terms[0].letters) {
    if (!has(parsed.result, c)) gone += c;
  }
  return laid_out(summed(terms[0], gone), parsed.result);
}

}  // namespace damo
