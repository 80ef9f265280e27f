#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <damo/graph/var.hpp>

namespace damo::detail {

/// The axes of a term. Letters name themselves; the axes of "..." are the digits, '0' for the last.
using Letters = std::string;

/// An operand of `einsum` with its axes.
struct Term {
  Var value;
  Letters letters;
};

inline bool has(const Letters& letters, char c) { return letters.find(c) != std::string::npos; }

/// What "ij,jk->ik" says of its operands. Throws ShapeError, with the user's line, where it does
/// not fit them.
class Subscripts {
 public:
  Subscripts(const std::string& text, const Vars& operands, Site site);

  std::vector<Term> terms;
  Letters result;

  [[noreturn]] static void fail(const std::string& subscripts, const std::string& what, Site site);
  /// Sizes of one letter that are known to differ are an error of the whole.
  void check_sizes() const;

 private:
  void check_letters(const std::string& part) const;
  Letters spelled(const std::string& part, const Var& operand);
  Letters implicit() const;
  Letters of_result(const std::string& part) const;

  std::string text_;
  Site site_;
  std::size_t rest_ = 0;
};

}  // namespace damo::detail
