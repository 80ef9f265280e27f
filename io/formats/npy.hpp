#pragma once
#include <filesystem>
#include <span>
#include <string_view>

#include <damo/graph/values/array.hpp>
#include <damo/io/files/file.hpp>

namespace damo::io {

/// Reads a NumPy .npy file: format versions 1 to 3, C or Fortran order, either byte order; floats
/// (f2 becomes float32), integers (u1 and i4 stay uint8 and int32, others become int64; a u8 that
/// does not fit is refused) and b1.
/// Throws IoError with path, byte offset and reason for anything else, and for sizes that do not
/// agree with the file's.
Array read_npy(const std::filesystem::path& path);
/// The same from memory; `path` is for the messages.
Array parse_npy(std::span<const std::byte> bytes, const std::filesystem::path& path);

/// Writes what numpy.save would, atomically.
void write_npy(const std::filesystem::path& path, const Array& array);
Bytes format_npy(const Array& array);

}  // namespace damo::io
