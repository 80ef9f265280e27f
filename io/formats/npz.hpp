#pragma once
#include <filesystem>
#include <map>
#include <string>

#include <damo/graph/values/array.hpp>
#include <damo/io/files/file.hpp>

namespace damo::io {

/// The members of a zip file by name, decompressed and checked against their CRC-32. Throws
/// IoError when the archive or a member is corrupt, encrypted, or larger than `most_inflated`
/// allows.
std::map<std::string, Bytes> read_zip(const std::filesystem::path& path);
/// A zip file of the members, stored, not compressed. `path` is for the messages.
Bytes format_zip(const std::map<std::string, Bytes>& members, const std::filesystem::path& path);

/// The arrays of a NumPy .npz file by name. Members that are not .npy files are ignored, as
/// numpy.load leaves them to the caller.
std::map<std::string, Array> read_npz(const std::filesystem::path& path);
/// Writes what numpy.savez would, atomically.
void write_npz(const std::filesystem::path& path, const std::map<std::string, Array>& arrays);

}  // namespace damo::io
