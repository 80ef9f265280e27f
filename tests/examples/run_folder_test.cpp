#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <damo/io/files/atomic_file.hpp>
#include "examples/support/run_folder.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::examples;

namespace {

namespace fs = std::filesystem;
using test::io_error;
using test::TemporaryFolder;

TEST_CASE("a run that is replaced loses the files that it has listed and no others") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  {
    const RunFolder first = RunFolder::create("toy", run, false);
    for (const char* name : {"a.png", "metrics.csv", "song_1.mid", "odd name.dat"})
      io::write_file(first.output(name), "old");
    first.save_info(io::Record().set("program", "toy").set("seed", 1));
    io::write_file(run / "a.png.tmp", "half");  // what a killed writer leaves
  }
  for (const char* name : {"b.png", "mine.csv", "notes.json", "x.tmp"})
    io::write_file(run / name, "mine");
  fs::create_directory(run / "folder");
  const RunFolder second = RunFolder::create("toy", run, true);
  for (const char* name : {"a.png", "a.png.tmp", "metrics.csv", "song_1.mid", "odd name.dat"})
    CHECK(!fs::exists(run / name));
  for (const char* name : {"b.png", "mine.csv", "notes.json", "x.tmp", "folder"})
    CHECK(fs::exists(run / name));
  CHECK(!second.info().has("seed"));
}

TEST_CASE("a list of files that leads out of the folder removes nothing there") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  RunFolder::create("toy", run, false);
  io::write_file(folder / "outside", "mine");
  fs::create_directory(run / "sub");
  io::write_file(run / "sub/inside", "mine");
  io::write_file(run / "run.files",
                 "../outside\n..\n.\n/etc/passwd\nsub/inside\nsub\n\nmissing\nrun.json\n");
  RunFolder::create("toy", run, true);
  CHECK(fs::exists(folder / "outside"));
  CHECK(fs::exists(run / "sub/inside"));
}

TEST_CASE("a folder with another program's run.json is refused whatever is asked") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  fs::create_directory(run);
  io::write_file(run / "run.json", "{\"name\": \"wandb\"}\n");
  io::write_file(run / "model.npz", "mine");
  for (const bool force : {false, true}) {
    CHECK(io_error([&] { RunFolder::create("toy", run, force); }).find("another program's") !=
          std::string::npos);
    CHECK(io_error([&] { RunFolder::check(run, force); }) ==
          io_error([&] { RunFolder::create("toy", run, force); }));
  }
  CHECK(fs::exists(run / "model.npz"));
  io::write_file(folder / "file", "mine");
  CHECK(io_error([&] { RunFolder::check(folder / "file", true); }).find("no folder") !=
        std::string::npos);
}

TEST_CASE("a folder that another process writes to is refused and the process is named") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const RunFolder held = RunFolder::create("toy", run, false);
    static_cast<void>(::write(ready[1], "x", 1));
    for (;;) ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  const std::string named = "damo_tests, process " + std::to_string(child) + ", is writing to it";
  CHECK(io_error([&] { RunFolder::create("toy", run, true); }).find(named) != std::string::npos);
  CHECK(io_error([&] { RunFolder::create("toy", run, false); }).find(named) != std::string::npos);
  CHECK(io_error([&] { RunFolder::resume(run); }).find(named) != std::string::npos);
  CHECK(RunFolder::open(run).info().text("program") == "toy");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  CHECK(RunFolder::resume(run).path() == run);
  const RunFolder again = RunFolder::create("toy", run, true);
  CHECK(io_error([&] { RunFolder::resume(run); }).find("is writing to it") != std::string::npos);
}

}  // namespace
