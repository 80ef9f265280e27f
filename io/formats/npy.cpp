#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npy_header.hpp>

namespace damo::io {
namespace {

struct Element {
  char kind;  // 'b', 'i', 'u' or 'f', as NumPy has it
  std::size_t size;
  bool big_endian;
  DType dtype;  // what it becomes
};

float from_half(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16U;
  const std::uint32_t exponent = half >> 10U & 0x1fU;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0) {
    const float tiny = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -tiny : tiny;
  }
  const std::uint32_t wide = exponent == 0x1fU ? 0xffU : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23U | fraction << 13U);
}

template <class Stored>
Stored load(const std::byte* in, bool big_endian) {
  std::array<std::byte, sizeof(Stored)> bytes;
  std::memcpy(bytes.data(), in, bytes.size());
  if (big_endian) std::reverse(bytes.begin(), bytes.end());
  return std::bit_cast<Stored>(bytes);
}

template <class Stored, class T>
void widen(const Element& element, const std::byte* in, T* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto value = load<Stored>(in + i * sizeof(Stored), element.big_endian);
    // Negative int8 becomes negative int64: meant.
    out[i] = static_cast<T>(value);  // NOLINT(bugprone-signed-char-misuse)
  }
}

template <class One, class Two, class Four, class Eight>
void widen_integers(const Element& element, const std::byte* in, std::int64_t* out, std::size_t n) {
  if (element.size == 1) return widen<One>(element, in, out, n);
  if (element.size == 2) return widen<Two>(element, in, out, n);
  if (element.size == 4) return widen<Four>(element, in, out, n);
  widen<Eight>(element, in, out, n);
}

void convert(const Element& element, const std::byte* in, Array& out) {
  const auto n = static_cast<std::size_t>(out.elements());
  if (element.kind == 'b') {
    widen<std::uint8_t>(element, in, out.data<bool>(), n);
  } else if (element.kind == 'f' && element.size == 2) {
    for (std::size_t i = 0; i < n; ++i)
      out.data<float>()[i] = from_half(load<std::uint16_t>(in + 2 * i, element.big_endian));
  } else if (element.kind == 'f' && element.size == 4) {
    widen<float>(element, in, out.data<float>(), n);
  } else if (element.kind == 'f') {
    widen<double>(element, in, out.data<double>(), n);
  } else if (element.dtype == DType::uint8) {
    widen<std::uint8_t>(element, in, out.data<std::uint8_t>(), n);
  } else if (element.dtype == DType::int32) {
    widen<std::int32_t>(element, in, out.data<std::int32_t>(), n);
  } else if (element.kind == 'i') {
    widen_integers<std::int8_t, std::int16_t, std::int32_t, std::int64_t>(
        element, in, out.data<std::int64_t>(), n);
  } else {
    widen_integers<std::uint8_t, std::uint16_t, std::uint32_t, std::uint64_t>(
        element, in, out.data<std::int64_t>(), n);
  }
}

// Only where uint64 became int64 may a value be lost: it has turned negative.
void check_range(const Element& element, const Array& array, const std::filesystem::path& path) {
  if (element.kind != 'u' || element.size != 8) return;
  for (const std::int64_t v : array.values<std::int64_t>()) {
    if (v < 0) {
      throw_io(path,
               fmt::format("the number {} does not fit in 63 bits", static_cast<std::uint64_t>(v)));
    }
  }
}

// Fortran order is the row-major order of the reversed shape: permute it into ours.
Array from_fortran(const Array& reversed, const Shape& shape) {
  Array out(reversed.dtype(), shape);
  const std::size_t size = item_size(out.dtype());
  Shape strides = shape;
  std::int64_t step = 1;
  for (std::size_t i = 0; i < shape.rank(); ++i) {
    strides[i] = step;
    step *= shape[i];
  }
  Shape index = shape;
  for (std::int64_t& i : index) i = 0;
  std::int64_t from = 0;
  for (std::int64_t to = 0; to < out.elements(); ++to) {
    std::memcpy(out.raw() + static_cast<std::size_t>(to) * size,
                reversed.raw() + static_cast<std::size_t>(from) * size, size);
    for (std::size_t d = shape.rank(); d-- > 0;) {
      from += strides[d];
      if (++index[d] < shape[d]) break;
      from -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return out;
}

Element find_element(std::string_view descr, const std::filesystem::path& path) {
  struct Kind {
    std::string_view code;
    DType dtype;
  };
  constexpr Kind kinds[] = {{"b1", DType::boolean}, {"f2", DType::float32}, {"f4", DType::float32},
                            {"f8", DType::float64}, {"i1", DType::int64},   {"i2", DType::int64},
                            {"i4", DType::int32},   {"i8", DType::int64},   {"u1", DType::uint8},
                            {"u2", DType::int64},   {"u4", DType::int64},   {"u8", DType::int64}};
  const bool ordered =
      !descr.empty() && std::string_view("<>=|").find(descr[0]) != std::string_view::npos;
  for (const auto& [code, dtype] : kinds) {
    if (!ordered || descr.substr(1) != code) continue;
    const auto size = static_cast<std::size_t>(code[1] - '0');
    return {code[0], size, size > 1 && descr[0] == '>', dtype};
  }
  const bool complex = ordered && descr.size() > 1 && descr[1] == 'c';
  throw_io(path,
           fmt::format("elements of type '{}'; f2, f4, f8, i1, i2, i4, i8, u1, u2, u4, u8 and "
                       "b1 can be read, in either byte order{}",
                       descr,
                       complex ? "; complex numbers are not supported: save a.real and a.imag as "
                                 "two arrays"
                               : ""));
}

}  // namespace

Array parse_npy(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  const NpyHeader header = read_npy_header(bytes, path);
  const std::size_t start = header.end;
  const Element element = find_element(header.descr, path);
  std::size_t need = element.size;
  std::size_t without_zeros = element.size;  // so that sizes beside a 0 are checked too
  bool overflow = false;
  for (const std::int64_t dim : header.shape) {
    const auto size = static_cast<std::size_t>(dim);
    need *= size;
    overflow |=
        __builtin_mul_overflow(without_zeros, std::max<std::size_t>(size, 1), &without_zeros);
  }
  const std::size_t have = bytes.size() - start;
  if (overflow || need != have) {
    throw_io(path, start,
             fmt::format("shape {} of '{}' needs {} bytes, but {} follow the header",
                         to_string(header.shape), header.descr,
                         overflow ? std::string("more than 2^64") : std::to_string(need), have));
  }
  Shape stored = header.shape;
  if (header.fortran_order) std::reverse(stored.begin(), stored.end());
  Array array(element.dtype, stored);
  convert(element, bytes.data() + start, array);
  check_range(element, array, path);
  const bool permute = header.fortran_order && header.shape.rank() > 1;
  return permute ? from_fortran(array, header.shape) : array;
}

Array read_npy(const std::filesystem::path& path) { return parse_npy(read_file(path), path); }

Bytes format_npy(const Array& array) {
  constexpr std::string_view descr[] = {"|b1", "|u1", "<i4", "<i8", "<f4", "<f8"};
  static_assert(std::size(descr) == static_cast<std::size_t>(DType::float64) + 1);
  Bytes out = npy_header(descr[static_cast<std::size_t>(array.dtype())], array.shape());
  out.reserve(out.size() + array.bytes());
  out.insert(out.end(), array.raw(), array.raw() + array.bytes());
  return out;
}

void write_npy(const std::filesystem::path& path, const Array& array) {
  write_file(path, format_npy(array));
}

}  // namespace damo::io
