#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace damo::io {

/// A file that appears whole or not at all. Bytes go to "<path>.tmp"; `commit` flushes them to the
/// disk and renames the file over `path`, so that a crash at any moment leaves either the old
/// content or the new one. Any failure throws IoError with the path and the system's reason; then,
/// and when the object dies uncommitted, the temporary file is removed and `path` is untouched.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Write, fsync, rename, fsync of the folder, in this order.
  void commit();

 private:
  [[noreturn]] void fail(std::string_view what);
  void discard() noexcept;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
};

/// Replaces the content of `path` in one step.
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace damo::io
