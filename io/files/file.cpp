#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/file.hpp>

namespace damo::io {
void throw_errno(const std::filesystem::path& path, std::string_view what) {
  const int error = errno;
  throw_io(path, fmt::format("{}: {}", what, std::generic_category().message(error)));
}

void throw_io(const std::filesystem::path& path, std::string_view reason) {
  throw IoError(fmt::format("{}: {}", path.string(), reason));
}

void throw_io(const std::filesystem::path& path, std::uint64_t offset, std::string_view reason) {
  throw IoError(fmt::format("{}: at byte {}: {}", path.string(), offset, reason));
}

OpenFile::OpenFile(const std::filesystem::path& path, std::uint64_t limit) : path_(path) {
  // O_NONBLOCK: opening a named pipe must not hang; it has no effect on regular files.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) throw_errno(path, "cannot open");
  struct stat status {};
  try {
    if (::fstat(fd_, &status) != 0) throw_errno(path, "cannot stat");
    if (!S_ISREG(status.st_mode)) throw_io(path, "is not a regular file");
    size_ = static_cast<std::uint64_t>(status.st_size);
    if (size_ > limit) {
      throw_io(path, fmt::format("has {} bytes, more than the {} allowed here", size_, limit));
    }
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

OpenFile::~OpenFile() { ::close(fd_); }

void OpenFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  for (std::size_t done = 0; done < out.size();) {
    const ssize_t n =
        ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(path_, "cannot read");
    if (n == 0) throw_io(path_, offset + done, "the file became shorter while it was read");
    done += static_cast<std::size_t>(n);
  }
}

Bytes read_file(const std::filesystem::path& path, std::uint64_t limit) {
  const OpenFile file(path, limit);
  Bytes bytes(file.size());
  file.read_at(0, bytes);
  return bytes;
}

void create_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && !std::filesystem::is_directory(path, error) && !error) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  if (error) throw_io(path, "cannot create the folder: " + error.message());
}

std::string lower_case(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

}  // namespace damo::io
