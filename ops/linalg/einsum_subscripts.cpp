#include <fmt/format.h>

#include <algorithm>
#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/linalg/einsum_subscripts.hpp>

namespace damo::detail {
namespace {

std::vector<std::string> parts(const std::string& text) {
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

Letters digits(std::size_t n) {
  Letters all;
  for (std::size_t i = n; i-- > 0;) all += static_cast<char>('0' + i);
  return all;
}

}  // namespace

void Subscripts::fail(const std::string& subscripts, const std::string& what, Site site) {
  throw ShapeError(fmt::format("einsum: '{}': {}, at {}", subscripts, what,
                               to_string(SiteScope::or_else(site))));
}

Subscripts::Subscripts(const std::string& text, const Vars& operands, Site site)
    : text_(text), site_(site) {
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

void Subscripts::check_letters(const std::string& part) const {
  for (const char c : part) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter) fail(text_, fmt::format("'{}' is no letter, comma, arrow or ellipsis", c), site_);
  }
}

Letters Subscripts::spelled(const std::string& part, const Var& operand) {
  const auto dots = part.find("...");
  std::string named = part;
  if (dots != std::string::npos) named.erase(dots, 3);
  check_letters(named);
  const std::size_t rank = operand.ndim();
  if (dots == std::string::npos ? named.size() != rank : named.size() > rank) {
    fail(
        text_,
        fmt::format("'{}' names {} axes, the operand is {}", part, named.size(), describe(operand)),
        site_);
  }
  if (dots == std::string::npos) return named;
  rest_ = std::max(rest_, rank - named.size());
  return named.substr(0, dots) + digits(rank - named.size()) + named.substr(dots);
}

Letters Subscripts::implicit() const {
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

Letters Subscripts::of_result(const std::string& part) const {
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

void Subscripts::check_sizes() const {
  std::map<char, std::pair<std::int64_t, const Term*>> known;
  for (const Term& t : terms) {
    for (std::size_t i = 0; i < t.letters.size(); ++i) {
      const std::int64_t n = t.value.type().dims[i];
      if (n == unknown || n == 1) continue;
      const auto [at, fresh] = known.try_emplace(t.letters[i], n, &t);
      if (fresh || at->second.first == n) continue;
      fail(text_,
           fmt::format("'{}' has sizes {} and {}\n  {}\n  {}\n ", t.letters[i], at->second.first, n,
                       describe(at->second.second->value), describe(t.value)),
           site_);
    }
  }
}

}  // namespace damo::detail
