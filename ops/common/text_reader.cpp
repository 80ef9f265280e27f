#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include <damo/graph/errors/error.hpp>
#include <damo/ops/common/text_reader.hpp>

namespace damo {
namespace {

constexpr std::int64_t most_elements = std::int64_t{1} << 48;  // sums of such still fit in 64 bits
constexpr std::size_t shown = 20;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// A NaN with the sign and payload that `std::numeric_limits` gives is "nan"; others show their
/// bits.
template <class T>
void append_value(std::string& text, T value) {
  if constexpr (std::is_same_v<T, bool>) {
    text += value ? '1' : '0';
  } else if constexpr (std::is_integral_v<T>) {
    fmt::format_to(std::back_inserter(text), "{}", value);
  } else {
    const auto bits = std::bit_cast<Bits<T>>(value);
    if (!std::isnan(value)) {
      fmt::format_to(std::back_inserter(text), "{}", value);
    } else if (bits == std::bit_cast<Bits<T>>(std::numeric_limits<T>::quiet_NaN())) {
      text += "nan";
    } else {
      fmt::format_to(std::back_inserter(text), "nan:{:x}", bits);
    }
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string TextReader::where() const {
  const std::string_view before = text_.substr(0, at_);
  const std::size_t line_start = before.rfind('\n') + 1;  // 0 when there is none
  return fmt::format("line {}, column {}", std::count(before.begin(), before.end(), '\n') + 1,
                     at_ - line_start + 1);
}

void TextReader::fail(std::string_view expected) const {
  std::string_view found = rest();
  found = found.substr(0, std::min(found.find('\n'), shown));
  throw GraphError(fmt::format("graph text: {}: expected {}, found {}", where(), expected,
                               at_end()        ? "the end of the text"
                               : found.empty() ? "the end of the line"
                                               : damo::quoted(found)));
}

void TextReader::blanks() {
  while (at_ < text_.size() && text_[at_] == ' ') ++at_;
}

void TextReader::skip_lines() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r')) {
    ++at_;
  }
}

void TextReader::expect_line_end() {
  blanks();
  if (at_ < text_.size() && text_[at_] == '\r') ++at_;
  if (at_ < text_.size() && text_[at_] != '\n') fail("the end of the line");
}

bool TextReader::next_is(char c) {
  blanks();
  return at_ < text_.size() && text_[at_] == c;
}

bool TextReader::accept(std::string_view token) {
  blanks();
  if (!rest().starts_with(token)) return false;
  at_ += token.size();
  return true;
}

void TextReader::expect(std::string_view token) {
  if (!accept(token)) fail(fmt::format("'{}'", token));
}

bool TextReader::accept_word(std::string_view word) {
  blanks();
  const std::string_view next = rest();
  if (!next.starts_with(word) || (next.size() > word.size() && is_word(next[word.size()])))
    return false;
  at_ += word.size();
  return true;
}

std::string_view TextReader::word(std::string_view what, std::string_view more) {
  blanks();
  std::size_t n = 0;
  const auto belongs = [&](char c) { return is_word(c) || more.find(c) != std::string_view::npos; };
  while (at_ + n < text_.size() && belongs(text_[at_ + n])) ++n;
  if (n == 0) fail(what);
  at_ += n;
  return text_.substr(at_ - n, n);
}

template <class T>
T TextReader::value() {
  blanks();
  const char* first = text_.data() + at_;
  const char* last = text_.data() + text_.size();
  T result{};
  if constexpr (std::is_same_v<T, bool>) {
    if (!next_is('0') && !next_is('1')) fail("0 or 1");
    return text_[at_++] == '1';
  } else {
    if constexpr (std::is_floating_point_v<T>) {
      if (accept("nan:")) {
        Bits<T> bits{};
        const auto [end, error] = std::from_chars(text_.data() + at_, last, bits, 16);
        result = std::bit_cast<T>(bits);
        if (error != std::errc() || !std::isnan(result)) fail("the bits of a NaN");
        at_ = static_cast<std::size_t>(end - text_.data());
        return result;
      }
    }
    const auto [end, error] = std::from_chars(first, last, result);
    if (error != std::errc())
      fail(std::is_integral_v<T> ? fmt::format("a {}-bit integer", 8 * sizeof(T)) : "a number");
    at_ = static_cast<std::size_t>(end - text_.data());
    return result;
  }
}

std::int64_t TextReader::integer() { return value<std::int64_t>(); }
double TextReader::real() { return value<double>(); }

std::size_t TextReader::number_below(std::size_t limit, std::string_view what) {
  blanks();
  const TextReader start = *this;
  const std::int64_t n = integer();
  if (n < 0 || static_cast<std::uint64_t>(n) >= limit)
    start.fail(fmt::format("{} below {}", what, limit));
  return static_cast<std::size_t>(n);
}

std::string TextReader::quoted() {
  expect("'");
  std::string result;
  while (true) {
    if (at_end() || text_[at_] == '\n') fail("the closing '");
    const char c = text_[at_++];
    if (c == '\'') return result;
    if (c != '\\') {
      result += c;
    } else if (rest().starts_with('\\') || rest().starts_with('\'')) {
      result += text_[at_++];
    } else {
      if (rest().size() < 3 || rest()[0] != 'x' || hex_digit(rest()[1]) < 0 ||
          hex_digit(rest()[2]) < 0) {
        fail(R"(one of \\, \' and \x with two hexadecimal digits)");
      }
      result += static_cast<char>(hex_digit(rest()[1]) * 16 + hex_digit(rest()[2]));
      at_ += 3;
    }
  }
}

DType TextReader::dtype() {
  for (const DType d : all_dtypes) {
    if (accept_word(name(d))) return d;
  }
  blanks();
  const bool complex = rest().starts_with("complex");
  fail(fmt::format(
      "a dtype: bool, uint8, int32, int64, float32 or float64{}",
      complex ? " (complex numbers are not supported: two tensors hold the parts)" : ""));
}

std::vector<std::int64_t> TextReader::list(std::string_view open, std::string_view close,
                                           const std::vector<Word>& words) {
  expect(open);
  std::vector<std::int64_t> items;
  while (!accept(close)) {
    const auto found = std::find_if(words.begin(), words.end(),
                                    [&](const Word& word) { return accept(word.text); });
    items.push_back(found != words.end() ? found->value : integer());
    if (!accept(",") && !next_is(close[0])) fail(fmt::format("',' or '{}'", close));
  }
  return items;
}

Shape TextReader::sizes(std::string_view open, std::string_view close,
                        const std::vector<Word>& words) {
  blanks();
  const TextReader start = *this;
  const auto sizes = list(open, close, words);
  if (sizes.size() > max_rank) start.fail(fmt::format("at most {} sizes", max_rank));
  std::int64_t elements = 1;
  for (const std::int64_t n : sizes) {
    const bool is_word =
        std::any_of(words.begin(), words.end(), [&](const Word& w) { return w.value == n; });
    if (n < 0 && !is_word) start.fail("sizes that are not negative");
    if (__builtin_mul_overflow(elements, std::max<std::int64_t>(n, 1), &elements) ||
        elements > most_elements)
      start.fail("sizes of a tensor that could fit in memory");
  }
  return Shape(sizes);
}

TensorType TextReader::type() {
  const DType d = dtype();
  return {d, dims()};
}

template <class T>
Array TextReader::values_as(const Shape& shape, std::string_view close) {
  // Grows with the text: sizes that the text does not fill allocate nothing.
  std::vector<T> items;
  while (!next_is(close[0])) {
    items.push_back(value<T>());
    if (!accept(",")) break;
  }
  if (static_cast<std::int64_t>(items.size()) != shape.elements()) {
    fail(fmt::format("{} elements, for shape {}, not {}", shape.elements(), to_string(shape),
                     items.size()));
  }
  expect(close);
  // Array::from makes int64 of int32.
  return Array::from(items, shape).cast(stored_as<T>());
}

Array TextReader::values(DType dtype, const Shape& shape, std::string_view close) {
  for (const std::int64_t n : shape) {
    if (n < 0) fail("a shape without unknown sizes");
  }
  return dispatch(dtype, [&](auto zero) { return values_as<decltype(zero)>(shape, close); });
}

void TextReader::skip_braces() {
  for (int depth = 1; depth > 0;) {
    if (at_end() || text_[at_] == '\n') fail("'}'");
    if (text_[at_] == '\'') {
      static_cast<void>(quoted());
      continue;
    }
    const char c = text_[at_++];
    depth += c == '{' ? 1 : c == '}' ? -1 : 0;
  }
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}",
                     static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + "'";
}

void append_values(std::string& text, const Array& a) {
  dispatch(a.dtype(), [&](auto zero) {
    for (std::int64_t i = 0; i < a.elements(); ++i) {
      if (i > 0) text += ", ";
      append_value(text, a.data<decltype(zero)>()[i]);
    }
  });
}

std::string exact(double value) {
  std::string text;
  append_value(text, value);
  return text;
}

}  // namespace damo
