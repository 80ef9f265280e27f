#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/einsum.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// The axes of a term. Letters name themselves; the axes of "..." are the digits, '0' for the last.
using Letters = std::string;

struct Term {
  Var value;
  Letters letters;
};

bool has(const Letters& letters, char c) { return letters.find(c) != std::string::npos; }
int place(const Letters& letters, char c) { return static_cast<int>(letters.find(c)); }

[[noreturn]] void fail(const std::string& subscripts, const std::string& what, Site site) {
  throw ShapeError(fmt::format("einsum: '{}': {}, at {}", subscripts, what,
                               to_string(SiteScope::or_else(site))));
}

class Subscripts {
 public:
  Subscripts(const std::string& text, const Vars& operands, Site site) : text_(text), site_(site) {
    std::string plain;
    for (const char c : text) {
      if (c != ' ') plain += c;
    }
    const auto arrow = plain.find("->");
    const std::vector<std::string> inputs = parts(plain.substr(0, arrow));
    if (inputs.size() != operands.size()) {
      fail(text_, fmt::format("{} terms for {} operands", inputs.size(), operands.size()), site_);
    }
    for (std::size_t i = 0; i < inputs.size(); ++i)
      terms.push_back({operands[i], spelled(inputs[i], operands[i])});
    result = arrow == std::string::npos ? implicit() : of_result(plain.substr(arrow + 2));
  }

  std::vector<Term> terms;
  Letters result;

 private:
  static std::vector<std::string> parts(const std::string& text) {
    std::vector<std::string> found{""};
    for (const char c : text) {
      if (c == ',') {
        found.emplace_back();
      } else {
        found.back() += c;
      }
    }
    return found;
  }

  void check_letters(const std::string& part) const {
    for (const char c : part) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (!letter)
        fail(text_, fmt::format("'{}' is no letter, comma, arrow or ellipsis", c), site_);
    }
  }

  static Letters digits(std::size_t n) {
    Letters all;
    for (std::size_t i = n; i-- > 0;) all += static_cast<char>('0' + i);
    return all;
  }

  Letters spelled(const std::string& part, const Var& operand) {
    const auto dots = part.find("...");
    std::string named = part;
    if (dots != std::string::npos) named.erase(dots, 3);
    check_letters(named);
    const std::size_t rank = operand.ndim();
    if (dots == std::string::npos ? named.size() != rank : named.size() > rank) {
      fail(text_,
           fmt::format("'{}' names {} axes, the operand is {}", part, named.size(),
                       describe(operand)),
           site_);
    }
    if (dots == std::string::npos) return named;
    rest_ = std::max(rest_, rank - named.size());
    return named.substr(0, dots) + digits(rank - named.size()) + named.substr(dots);
  }

  Letters implicit() const {
    std::map<char, int> times;
    for (const Term& t : terms) {
      for (const char c : t.letters) ++times[c];
    }
    Letters once;
    for (const auto& [c, n] : times) {
      if (n == 1 && c > '9') once += c;
    }
    std::sort(once.begin(), once.end());
    return digits(rest_) + once;
  }

  Letters of_result(const std::string& part) const {
    const auto dots = part.find("...");
    std::string named = part;
    if (dots != std::string::npos) named.erase(dots, 3);
    check_letters(named);
    for (const char c : named) {
      if (std::count(named.begin(), named.end(), c) > 1)
        fail(text_, fmt::format("'{}' stands twice in the result", c), site_);
      const bool there =
          std::any_of(terms.begin(), terms.end(), [&](const Term& t) { return has(t.letters, c); });
      if (!there) fail(text_, fmt::format("'{}' of the result is in no operand", c), site_);
    }
    if (dots == std::string::npos) {
      if (rest_ > 0) fail(text_, "the result has no ellipsis", site_);
      return named;
    }
    return named.substr(0, dots) + digits(rest_) + named.substr(dots);
  }

  std::string text_;
  Site site_;
  std::size_t rest_ = 0;
};

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

Vars sizes_of(const Term& t, const Letters& letters) {
  Vars result;
  for (const char c : letters) result.push_back(size_of(t, c));
  return result;
}

Var as_blocks(const Term& t, const std::vector<Letters>& groups) {
  Letters order;
  Vars blocks;
  for (const Letters& g : groups) {
    order += g;
    blocks.push_back(size_product(sizes_of(t, g)));
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
  Vars shape = sizes_of(a, s.batch + s.left);
  for (const Var& n : sizes_of(b, s.right)) shape.push_back(n);
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

/// Sizes of one letter that are known to differ are an error of the whole.
void check_sizes(const std::string& subscripts, const std::vector<Term>& terms, Site site) {
  std::map<char, std::pair<std::int64_t, const Term*>> known;
  for (const Term& t : terms) {
    for (std::size_t i = 0; i < t.letters.size(); ++i) {
      const std::int64_t n = t.value.type().dims[i];
      if (n == unknown || n == 1) continue;
      const auto [at, fresh] = known.try_emplace(t.letters[i], n, &t);
      if (fresh || at->second.first == n) continue;
      fail(subscripts,
           fmt::format("'{}' has sizes {} and {}\n  {}\n  {}\n ", t.letters[i], at->second.first, n,
                       describe(at->second.second->value), describe(t.value)),
           site);
    }
  }
}

Vars in_one_dtype(const Vars& operands) {
  DType dtype = DType::int64;
  for (const Var& v : operands) dtype = promote(dtype, v.dtype());
  Vars result;
  for (const Var& v : operands) result.push_back(cast(v, dtype));
  return result;
}

}  // namespace

Var einsum(const std::string& subscripts, const Vars& operands, Site site) {
  const SiteScope scope(SiteScope::or_else(site));
  if (operands.empty()) fail(subscripts, "there are no operands", site);
  const Subscripts parsed(subscripts, in_one_dtype(operands), site);
  check_sizes(subscripts, parsed.terms, site);
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
