#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/graph/values/type.hpp>

namespace damo {

/// Reads the text of a graph from left to right. What is not as expected is a GraphError with line
/// and column. Blanks within a line are skipped before everything.
class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) {}

  /// Whether `token` comes next; goes past it when it does.
  bool accept(std::string_view token);
  void expect(std::string_view token);
  /// Goes past a word that is exactly this one.
  bool accept_word(std::string_view word);
  /// Letters, digits, '_' and what else is given; `what` is for the error.
  std::string_view word(std::string_view what, std::string_view more = {});
  std::int64_t integer();
  /// An integer in [0, limit).
  std::size_t number_below(std::size_t limit, std::string_view what);
  double real();
  /// 'text' with the escapes that `quoted` writes.
  std::string quoted();
  bool next_is(char c);

  DType dtype();
  /// A list such as "{2, any}" of numbers and of words that stand for negative ones.
  struct Word {
    std::string_view text;
    std::int64_t value;
  };
  std::vector<std::int64_t> list(std::string_view open, std::string_view close,
                                 const std::vector<Word>& words);
  /// The same as sizes: at most `max_rank` of them, and no more elements than memory ever holds.
  Shape sizes(std::string_view open, std::string_view close, const std::vector<Word>& words);
  /// "(3, ?)": `unknown` for "?".
  Shape dims() { return sizes("(", ")", {{"?", unknown}}); }
  TensorType type();
  /// Elements as `values_text` wrote them, up to `close`.
  Array values(DType dtype, const Shape& shape, std::string_view close);

  /// Past blank lines and the ends of lines.
  void skip_lines();
  void expect_line_end();
  bool at_end() const { return at_ == text_.size(); }
  /// Past what balanced braces enclose, within a line; the opening one is already read.
  void skip_braces();
  [[noreturn]] void fail(std::string_view expected) const;
  /// "line 3, column 14".
  std::string where() const;

 private:
  void blanks();
  std::string_view rest() const { return text_.substr(at_); }
  template <class T>
  T value();
  template <class T>
  Array values_as(const Shape& shape, std::string_view close);

  std::string_view text_;
  std::size_t at_ = 0;
};

/// 'text', with quotes, backslashes and control characters escaped.
std::string quoted(std::string_view text);
/// The elements in row-major order, each in the shortest form that gives the same bits.
void append_values(std::string& text, const Array& a);
/// "low=0.1": a double in the shortest form that reads back as the same.
std::string exact(double value);

}  // namespace damo
