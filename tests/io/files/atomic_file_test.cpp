#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdlib>

#include <damo/io/files/atomic_file.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

std::string text(const std::filesystem::path& path) {
  return std::string(as_text(read_file(path)));
}

/// Runs `f` in a child process whose files may not grow beyond `bytes`; true when f returned true.
bool with_file_limit(std::size_t bytes, const std::function<bool()>& f) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);
    ::_exit(f() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("write_file replaces a file and leaves nothing else behind") {
  const TemporaryFolder folder;
  write_file(folder / "a", "one");
  write_file(folder / "a", "three");
  CHECK(text(folder / "a") == "three");
  CHECK(folder.entries() == 1);
}

TEST_CASE("an atomic file that is not committed leaves the old content and no temporary file") {
  const TemporaryFolder folder;
  write_file(folder / "a", "old");
  {
    AtomicFile file(folder / "a");
    file.write("new");
  }
  CHECK(text(folder / "a") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("writing to a folder that is not there names the file and the reason") {
  const TemporaryFolder folder;
  const std::string message = test::io_error([&] { write_file(folder / "none/x.csv", "text"); });
  CHECK(message.find("none/x.csv") != std::string::npos);
  CHECK(message.find("No such file or directory") != std::string::npos);
}

TEST_CASE("what is no file is not replaced by one") {
  const TemporaryFolder folder;
  const std::filesystem::path pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(test::io_error([&] { write_file(pipe, "text"); }).find("not a file") != std::string::npos);
  CHECK(std::filesystem::is_fifo(pipe));
  CHECK(folder.entries() == 1);
}

TEST_CASE("a file that cannot grow is an error and the old content stays") {
  const TemporaryFolder folder;
  write_file(folder / "a", "old");
  CHECK(with_file_limit(4096, [&] {
    const std::string message =
        test::io_error([&] { write_file(folder / "a", std::string(10000, 'x')); });
    return message.find("File too large") != std::string::npos;
  }));
  CHECK(text(folder / "a") == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("a process killed while it writes never leaves half a file") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "state";
  const std::size_t size = std::size_t{1} << 20U;
  write_file(path, std::string(size, 'a'));
  for (int kill_after = 0; kill_after < 10; ++kill_after) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (char c = 'a';; c = c == 'z' ? 'a' : static_cast<char>(c + 1)) {
        write_file(path, std::string(size, c));
      }
    }
    ::usleep(static_cast<useconds_t>(1000 + 700 * kill_after));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string content = text(path);
    REQUIRE(content.size() == size);
    CHECK(content.find_first_not_of(content[0]) == std::string::npos);
  }
}

TEST_CASE("read_file refuses folders and files beyond its limit") {
  const TemporaryFolder folder;
  write_file(folder / "a", "12345");
  CHECK(read_file(folder / "a", 5).size() == 5);
  CHECK_THROWS_AS(read_file(folder / "a", 4), IoError);
  CHECK_THROWS_AS(read_file(folder.path()), IoError);
}

}  // namespace
