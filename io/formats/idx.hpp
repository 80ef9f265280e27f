#pragma once
#include <cstdint>
#include <filesystem>
#include <string_view>

#include <damo/graph/values/array.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/files/gzip.hpp>

namespace damo::io {

/// Element types of the idx format (MNIST's), with their codes in the file.
enum class IdxType : std::uint8_t { u8 = 8, i8 = 9, i16 = 11, i32 = 12, f32 = 13, f64 = 14 };

/// "uint8", "int32", ...
std::string_view name(IdxType type);
std::size_t item_size(IdxType type);

/// An array as an idx file stores it; `data` is row-major, in this machine's byte order.
struct Idx {
  IdxType type = IdxType::u8;
  Shape shape;
  Bytes data;
};

/// An idx file read front to back.
class IdxFile {
 public:
  /// Reads the header; throws as `read_idx` does.
  explicit IdxFile(const std::filesystem::path& path);
  IdxType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  /// The next bytes of the data, in this machine's byte order; whole elements.
  void read(std::span<std::byte> out);
  /// Throws unless all data has been read and the file ends.
  void expect_end();

 private:
  InputFile file_;
  IdxType type_ = IdxType::u8;
  Shape shape_;
  std::uint64_t read_ = 0;  ///< bytes of the data so far
};

/// Reads an idx file, plain or gzipped. Throws IoError with path, byte offset and reason when the
/// file is not idx, is truncated, goes on after its end, or declares more than it can hold.
Idx read_idx(const std::filesystem::path& path);
/// Writes it atomically; gzipped when the name ends in ".gz".
void write_idx(const std::filesystem::path& path, const Idx& idx);

/// The elements converted to `dtype`, each multiplied by `scale`.
Array to_array(const Idx& idx, DType dtype, double scale = 1);

}  // namespace damo::io
