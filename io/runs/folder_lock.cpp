#include <damo/io/runs/folder_lock.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include <damo/io/files/file.hpp>

namespace damo::io {
namespace {

namespace fs = std::filesystem;

// The processes that hold locks on whole files, as Linux lists them.
std::set<long> processes_with_locks() {
  std::set<long> processes;
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, advisory, access;
    long process = 0;
    words >> number >> kind >> advisory >> access >> process;
    if (kind == "FLOCK" && process > 0) processes.insert(process);
  }
  return processes;
}

bool has_open(long process, const struct stat& folder) {
  std::error_code error;
  for (fs::directory_iterator files(fmt::format("/proc/{}/fd", process), error), end;
       !error && files != end; files.increment(error)) {
    struct stat file {};
    if (::stat(files->path().c_str(), &file) == 0 && file.st_dev == folder.st_dev &&
        file.st_ino == folder.st_ino)
      return true;
  }
  return false;
}

// "rbm, process 123," where that can be known. The folder's number in /proc/locks is not that of
// stat on every file system, so what a process has open tells which lock is its own.
std::optional<std::string> holder_of(const fs::path& folder) {
  struct stat file {};
  if (::stat(folder.c_str(), &file) != 0) return std::nullopt;
  for (const long process : processes_with_locks()) {
    if (!has_open(process, file)) continue;
    std::error_code error;
    std::string program =
        fs::read_symlink(fmt::format("/proc/{}/exe", process), error).filename().string();
    // So the system writes of a program that was built anew meanwhile.
    program = program.substr(0, program.find(" (deleted)"));
    return fmt::format("{}process {},", error ? "" : program + ", ", process);
  }
  return std::nullopt;
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder, const std::string& otherwise)
    : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) throw_errno(folder, "cannot open the folder");
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(fd_);
  throw_io(folder, holder_of(folder).value_or(otherwise) +
                       " is writing to it; wait for its end, stop it, or choose another folder "
                       "with --out");
}

FolderLock::~FolderLock() { ::close(fd_); }

}  // namespace damo::io
