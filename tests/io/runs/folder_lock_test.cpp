#include <doctest/doctest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include <damo/io/runs/folder_lock.hpp>
#include "tests/support/files.hpp"

using namespace damo;

namespace {

using test::io_error;
using test::TemporaryFolder;

TEST_CASE("a lock on a folder lasts as long as its object and as its process, which is named") {
  const TemporaryFolder temporary;
  const std::filesystem::path folder = temporary / "held", another = temporary / "another";
  for (const auto& path : {folder, another}) std::filesystem::create_directory(path);
  const auto trouble = [&] { return io_error([&] { io::FolderLock(folder, "somebody"); }); };
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const io::FolderLock lock(folder);
    static_cast<void>(::write(ready[1], "x", 1));
    for (;;) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  const std::string named = "damo_tests, process " + std::to_string(child) + ", is writing to it";
  CHECK(trouble().find(named) != std::string::npos);
  CHECK(io_error([&] { io::FolderLock{another}; }) == "");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  {
    const io::FolderLock lock(folder);
    CHECK(trouble().find("process " + std::to_string(::getpid())) != std::string::npos);
  }
  CHECK(trouble() == "");
  CHECK(std::filesystem::is_empty(folder));
  CHECK(io_error([&] { io::FolderLock{temporary / "nowhere"}; }).find("cannot open") !=
        std::string::npos);
}

}  // namespace
