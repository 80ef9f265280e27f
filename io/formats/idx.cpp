#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/formats/idx.hpp>

namespace damo::io {
namespace {

static_assert(std::endian::native == std::endian::little,
              "idx files are converted from big endian");

// Calls f with a zero of the C++ type of an element.
template <class F>
auto dispatch_idx(IdxType type, F&& f) {
  switch (type) {
    case IdxType::u8:
      return f(std::uint8_t{});
    case IdxType::i8:
      return f(std::int8_t{});
    case IdxType::i16:
      return f(std::int16_t{});
    case IdxType::i32:
      return f(std::int32_t{});
    case IdxType::f32:
      return f(float{});
    default:
      return f(double{});
  }
}

bool is_type(std::uint8_t code) { return code >= 8 && code <= 14 && code != 10; }

void swap_bytes(std::span<std::byte> data, std::size_t size) {
  for (std::size_t i = 0; size > 1 && i + size <= data.size(); i += size) {
    std::reverse(data.begin() + static_cast<std::ptrdiff_t>(i),
                 data.begin() + static_cast<std::ptrdiff_t>(i + size));
  }
}

/// Refuses a header that declares more than its file can hold.
void check_bytes(const InputFile& file, IdxType type, const Shape& shape) {
  std::uint64_t bytes = item_size(type);
  std::uint64_t without_zeros = bytes;  // so that sizes beside a 0 are checked too
  bool overflow = false;
  for (const std::int64_t dim : shape) {
    const auto size = static_cast<std::uint64_t>(dim);
    bytes *= size;
    overflow |=
        __builtin_mul_overflow(without_zeros, std::max<std::uint64_t>(size, 1), &without_zeros);
  }
  overflow |= without_zeros > std::uint64_t{1} << 62U;
  if (overflow || bytes > file.largest_size()) {
    throw_io(file.path(), 4,
             fmt::format("the header declares {} {}, more than this file can hold: {}",
                         to_string(shape), name(type), file.limit_text()));
  }
}

}  // namespace

std::string_view name(IdxType type) {
  switch (type) {
    case IdxType::u8:
      return "uint8";
    case IdxType::i8:
      return "int8";
    case IdxType::i16:
      return "int16";
    case IdxType::i32:
      return "int32";
    case IdxType::f32:
      return "float32";
    default:
      return "float64";
  }
}

std::size_t item_size(IdxType type) {
  return dispatch_idx(type, [](auto zero) { return sizeof(zero); });
}

IdxFile::IdxFile(const std::filesystem::path& path) : file_(path) {
  std::uint8_t magic[4];
  file_.read_exactly(std::as_writable_bytes(std::span(magic)), "the magic number");
  if (magic[0] != 0 || magic[1] != 0) {
    throw_io(path, 0,
             fmt::format("not an idx file: it begins with bytes {:02x} {:02x}, not 00 00", magic[0],
                         magic[1]));
  }
  if (!is_type(magic[2])) {
    throw_io(path, 2, fmt::format("unknown idx element type 0x{:02x}", magic[2]));
  }
  if (magic[3] == 0 || magic[3] > max_rank) {
    throw_io(path, 3, fmt::format("{} dimensions; 1 to {} are possible", magic[3], max_rank));
  }
  type_ = static_cast<IdxType>(magic[2]);
  for (int i = 0; i < magic[3]; ++i) {
    std::uint8_t d[4];
    file_.read_exactly(std::as_writable_bytes(std::span(d)), "the sizes");
    shape_.push_back(std::int64_t{d[0]} << 24 | d[1] << 16 | d[2] << 8 | d[3]);
  }
  check_bytes(file_, type_, shape_);
}

void IdxFile::read(std::span<std::byte> out) {
  const std::uint64_t start = file_.offset();
  const std::size_t n = file_.read(out);
  read_ += n;
  if (n < out.size()) {
    throw_io(file_.path(), start + n,
             fmt::format("the file ends within the data: {} of {} bytes are there", read_,
                         static_cast<std::size_t>(shape_.elements()) * item_size(type_)));
  }
  swap_bytes(out, item_size(type_));
}

void IdxFile::expect_end() { file_.expect_end(); }

Idx read_idx(const std::filesystem::path& path) {
  IdxFile file(path);
  Idx idx{file.type(), file.shape(), {}};
  idx.data.resize(static_cast<std::size_t>(idx.shape.elements()) * item_size(idx.type));
  file.read(idx.data);
  file.expect_end();
  return idx;
}

void write_idx(const std::filesystem::path& path, const Idx& idx) {
  const std::size_t size = item_size(idx.type);
  if (idx.data.size() != static_cast<std::size_t>(idx.shape.elements()) * size) {
    throw ShapeError(fmt::format("write_idx: {} bytes of data for {} {}", idx.data.size(),
                                 to_string(idx.shape), name(idx.type)));
  }
  Bytes out{std::byte{0}, std::byte{0}, static_cast<std::byte>(idx.type),
            static_cast<std::byte>(idx.shape.rank())};
  for (const std::int64_t dim : idx.shape) {
    if (dim > 0xffffffffLL) throw ShapeError("write_idx: a dimension does not fit in 32 bits");
    for (int shift = 24; shift >= 0; shift -= 8)
      out.push_back(static_cast<std::byte>(dim >> shift));
  }
  const std::size_t header = out.size();
  out.insert(out.end(), idx.data.begin(), idx.data.end());
  swap_bytes(std::span(out).subspan(header), size);
  write_file(path, path.extension() == ".gz" ? gzip(out) : out);
}

Array to_array(const Idx& idx, DType dtype, double scale) {
  Array out(dtype, idx.shape);
  const auto n = static_cast<std::size_t>(out.elements());
  dispatch_idx(idx.type, [&](auto stored) {
    const auto* in = reinterpret_cast<const decltype(stored)*>(idx.data.data());
    dispatch(dtype, [&](auto zero) {
      using T = decltype(zero);
      T* to = out.template data<T>();
      for (std::size_t i = 0; i < n; ++i) {
        to[i] = static_cast<T>(static_cast<double>(in[i]) * scale);
      }
    });
  });
  return out;
}

}  // namespace damo::io
