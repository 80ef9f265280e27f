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
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() { ::close(fd); }
};

}  // namespace

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

Bytes read_file(const std::filesystem::path& path, std::uint64_t limit) {
  // O_NONBLOCK: opening a named pipe must not hang; it has no effect on regular files.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw_errno(path, "cannot open");
  const Descriptor file{fd};
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw_errno(path, "cannot stat");
  if (!S_ISREG(status.st_mode)) throw_io(path, "is not a regular file");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > limit) {
    throw_io(path, fmt::format("has {} bytes, more than the {} allowed here", size, limit));
  }
  Bytes bytes(size);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno(path, "cannot read");
    if (n == 0) throw_io(path, done, "the file became shorter while it was read");
    done += static_cast<std::size_t>(n);
  }
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

}  // namespace damo::io
