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

/// A regular file that is open for reading. Throws IoError when it is none, cannot be opened or is
/// longer than `limit` bytes.
class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path, std::uint64_t limit = most_bytes);
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();

  static constexpr std::uint64_t most_bytes = std::uint64_t{1} << 34U;
  std::uint64_t size() const { return size_; }
  /// Fills `out` from byte `offset` on; IoError where the file has become shorter.
  void read_at(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

/// The whole content of a regular file. Throws IoError when it cannot be read, or is longer than
/// `limit` bytes.
Bytes read_file(const std::filesystem::path& path, std::uint64_t limit = OpenFile::most_bytes);

/// Creates a folder with its parents; throws IoError when that fails.
void create_folder(const std::filesystem::path& path);

/// `text` with the letters A to Z small.
std::string lower_case(std::string text);

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace damo::io
