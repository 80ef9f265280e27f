#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace damo::io {

using Bytes = std::vector<std::byte>;

/// Throws IoError "<path>: <what>: <the system's text for errno>".
[[noreturn]] void throw_errno(const std::filesystem::path& path, std::string_view what);
/// Throws IoError "<path>: <reason>".
[[noreturn]] void throw_io(const std::filesystem::path& path, std::string_view reason);
/// Throws IoError "<path>: at byte <offset>: <reason>".
[[noreturn]] void throw_io(const std::filesystem::path& path, std::uint64_t offset,
                           std::string_view reason);

/// The whole content of a regular file. Throws IoError when it cannot be read, or is longer than
/// `limit` bytes.
Bytes read_file(const std::filesystem::path& path, std::uint64_t limit = std::uint64_t{1} << 34U);

/// Creates a folder with its parents; throws IoError when that fails.
void create_folder(const std::filesystem::path& path);

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace damo::io
