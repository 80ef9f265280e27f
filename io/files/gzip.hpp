#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <damo/io/files/file.hpp>

namespace damo::io {

/// Reads a file front to back, decompressing it when it begins with the gzip magic number (whatever
/// its name). Truncated or corrupt compressed data, and bytes after the compressed data, are
/// IoErrors with the path and the offset in the file.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(InputFile&&) noexcept;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Fills `out` as far as the content goes; returns the number of bytes read.
  std::size_t read(std::span<std::byte> out);
  /// Fills `out`; when the content ends before, throws an IoError that says what was missing.
  void read_exactly(std::span<std::byte> out, std::string_view what);
  /// Position in the decompressed content.
  std::uint64_t offset() const;
  /// The content may not be longer than this: the size of a plain file, `most_inflated` of a
  /// compressed one's. Check a size that a header declares against it before allocating.
  std::uint64_t largest_size() const;
  /// "at most 1234 bytes", and for a compressed file why.
  std::string limit_text() const;
  /// All that is left, up to `largest_size`; a longer content is refused.
  Bytes read_all();
  /// Throws unless the content ends here.
  void expect_end();
  const std::filesystem::path& path() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The most bytes that `compressed` ones are allowed to become: 64 MiB, or 200 times as many where
/// that is more. Data comes nowhere near; archives made to fill memory go up to 1032 times.
std::uint64_t most_inflated(std::uint64_t compressed);
/// "64 MiB, or 200 times the compressed size": for messages.
std::string_view inflation_rule();

/// The CRC-32 of `bytes` after others, of which it is `before`; 0 after none.
std::uint32_t checksum(std::uint32_t before, std::span<const std::byte> bytes);

/// `bytes` as a gzip file.
Bytes gzip(std::span<const std::byte> bytes);

}  // namespace damo::io
