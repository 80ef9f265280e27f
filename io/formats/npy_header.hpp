#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <damo/graph/values/shape.hpp>
#include <damo/io/files/file.hpp>

namespace damo::io {

/// What stands before the elements of a .npy file.
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
  std::size_t end = 0;  ///< where the elements begin
};

/// Throws IoError with path, byte offset and reason.
NpyHeader read_npy_header(std::span<const std::byte> bytes, const std::filesystem::path& path);

/// The header of elements in row-major order, as numpy.save writes it.
Bytes npy_header(std::string_view descr, const Shape& shape);

}  // namespace damo::io
