#include <fmt/format.h>

#include <damo/io/formats/npy_header.hpp>

namespace damo::io {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t header_alignment = 64;

// Parses the header: a Python dict with exactly the keys descr, fortran_order and shape.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::size_t start, const std::filesystem::path& path)
      : text_(text), start_(start), path_(path) {}

  NpyHeader parse() {
    NpyHeader header;
    bool descr = false;
    bool order = false;
    bool shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        header.descr = quoted();
        descr = true;
      } else if (key == "fortran_order" && !order) {
        header.fortran_order = boolean();
        order = true;
      } else if (key == "shape" && !shape) {
        header.shape = tuple();
        shape = true;
      } else {
        fail(fmt::format("unexpected key '{}'", key));
      }
      if (!accept(',') && peek() != '}') fail("expected ',' or '}'");
    }
    if (!descr || !order || !shape) fail("descr, fortran_order or shape is missing");
    if (peek() != '\0') fail("text after the header's dict");
    return header;
  }

 private:
  [[noreturn]] void fail(std::string_view reason) const {
    throw_io(path_, start_ + at_, fmt::format("malformed npy header: {}", reason));
  }
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("expected '{}'", c));
  }
  std::string_view quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("expected a quoted string");
    const std::size_t begin = at_ + 1;
    const std::size_t end = text_.find(quote, begin);
    if (end == std::string_view::npos) fail("a string without end");
    at_ = end + 1;
    return text_.substr(begin, end - begin);
  }
  bool boolean() {
    peek();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return value;
    }
    fail("expected True or False");
  }
  Shape tuple() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      if (shape.rank() == max_rank) fail(fmt::format("more than {} dimensions", max_rank));
      shape.push_back(integer());
      if (!accept(',') && peek() != ')') fail("expected ',' or ')'");
    }
    return shape;
  }
  std::int64_t integer() {
    std::int64_t value = 0;
    const char first = peek();
    if (first < '0' || first > '9') fail("expected a size");
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, text_[at_] - '0', &value)) {
        fail("a size beyond 64 bits");
      }
    }
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers as 3L
    return value;
  }

  std::string_view text_;
  std::size_t start_;
  const std::filesystem::path& path_;
  std::size_t at_ = 0;
};

}  // namespace

NpyHeader read_npy_header(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(bytes[i]); };
  if (bytes.size() < 10) throw_io(path, bytes.size(), "the file ends within the npy header");
  if (as_text(bytes.first(6)) != magic)
    throw_io(path, 0, "not an npy file: the magic number is wrong");
  const std::size_t version = byte(6);
  if (version < 1 || version > 3) {
    throw_io(path, 6, fmt::format("npy format version {}; 1 to 3 can be read", version));
  }
  const std::size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start) throw_io(path, bytes.size(), "the file ends within the npy header");
  std::size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > bytes.size() - start) {
    throw_io(
        path, 8,
        fmt::format("the npy header is {} bytes long, but the file has {}", length, bytes.size()));
  }
  const std::string_view text = as_text(bytes.subspan(start, length));
  NpyHeader header = HeaderParser(text, start, path).parse();
  header.end = start + length;
  return header;
}

Bytes npy_header(std::string_view descr, const Shape& shape) {
  std::string sizes;
  for (const std::int64_t dim : shape) sizes += fmt::format("{}, ", dim);
  if (shape.rank() > 1) sizes.resize(sizes.size() - 2);
  if (shape.rank() == 1) sizes.pop_back();
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, sizes);
  const std::size_t unpadded = magic.size() + 4 + header.size() + 1;
  header.append((header_alignment - unpadded % header_alignment) % header_alignment, ' ');
  header += '\n';
  Bytes out;
  const auto append = [&](std::span<const std::byte> part) {
    out.insert(out.end(), part.begin(), part.end());
  };
  append(as_bytes(magic));
  const std::byte version_and_length[] = {std::byte{1}, std::byte{0},
                                          static_cast<std::byte>(header.size() & 0xffU),
                                          static_cast<std::byte>(header.size() >> 8U)};
  append(version_and_length);
  append(as_bytes(header));
  return out;
}

}  // namespace damo::io
