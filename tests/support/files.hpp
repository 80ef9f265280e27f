#pragma once
#include <stdlib.h>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/file.hpp>

namespace damo::test {

/// A fresh folder that is removed with all its content at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "damo-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw IoError("cannot make a temporary folder");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  /// Number of files and folders directly in it.
  std::ptrdiff_t entries() const {
    return std::distance(std::filesystem::directory_iterator(path_), {});
  }

 private:
  std::filesystem::path path_;
};

/// A small generator with a seed to print; the same numbers everywhere.
class TestRandom {
 public:
  explicit TestRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>((*this)() % n); }

 private:
  std::uint64_t state_;
};

/// Writes a file without waiting for the disk, for tests that write thousands.
void write_quickly(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// A damaged copy: some bytes changed, a piece cut out, the end cut off, or bytes put in.
io::Bytes mutate(io::Bytes bytes, TestRandom& random);

/// Runs `read` and says whether it threw IoError; any other exception passes through.
bool throws_io_error(const std::function<void()>& read);
/// The message of the IoError that `read` throws; empty when it throws none.
std::string io_error(const std::function<void()>& read);

/// Whether Debian's Python has NumPy.
bool has_numpy();
/// Runs a Python program with NumPy as np in `folder`; true when it ends without an error.
bool python(const std::filesystem::path& folder, const std::string& program);
/// Runs a shell command; true when it succeeds.
bool shell(const std::string& command);

}  // namespace damo::test
