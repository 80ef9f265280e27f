#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>

namespace damo::io {
namespace {

// A folder that cannot be opened or synced (some network file systems) does not make the file
// wrong.
void sync_folder(std::filesystem::path folder) {
  if (folder.empty()) folder = ".";
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)), temporary_(path_) {
  // The finished file would take the place of /dev/null.
  std::error_code error;
  if (std::filesystem::is_other(path_, error)) throw_io(path_, "is a device or a pipe, not a file");
  temporary_ += ".tmp";
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) throw_errno(path_, "cannot create");
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
  fd_ = -1;
}

void AtomicFile::fail(std::string_view what) {
  const int error = errno;
  discard();
  errno = error;
  throw_errno(path_, what);
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("cannot write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void AtomicFile::write(std::string_view text) { write(as_bytes(text)); }

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) fail("cannot write to the disk");
  if (::close(std::exchange(fd_, -1)) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    errno = error;
    throw_errno(path_, "cannot put the finished file in place");
  }
  sync_folder(path_.parent_path());
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  write_file(path, as_bytes(text));
}

}  // namespace damo::io
