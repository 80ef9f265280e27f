#include <doctest/doctest.h>

#include <damo/io/files/atomic_file.hpp>
#include "examples/support/run_files.hpp"
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::examples;

namespace {

using test::TemporaryFolder;

std::vector<std::int64_t> numbers(const TemporaryFolder& folder, const std::string& stem) {
  std::vector<std::int64_t> found;
  const NumberedFiles files = files_by_stem(folder.path(), ".png");
  for (const auto& [number, path] : files.at(stem)) found.push_back(number);
  return found;
}

TEST_CASE("files of many epochs are thinned out: at most 40, the first and the last among them") {
  const TemporaryFolder folder;
  test::write_quickly(folder / "other_epoch_7.png", {});
  test::write_quickly(folder / "samples_epoch_7.txt", {});
  for (std::int64_t epoch = 1; epoch <= 300; ++epoch) {
    CAPTURE(epoch);
    test::write_quickly(folder / ("samples_epoch_" + std::to_string(epoch) + ".png"), {});
    remove_between(folder.path(), "samples_epoch_", ".png", epoch);
    const auto kept = numbers(folder, "samples_epoch_");
    CHECK(kept.size() <= 40);
    CHECK(kept.size() >= std::min<std::size_t>(static_cast<std::size_t>(epoch), 19));
    CHECK(kept.front() == 1);
    CHECK(kept.back() == epoch);
  }
  CHECK(numbers(folder, "other_epoch_") == std::vector<std::int64_t>{7});
  CHECK(std::filesystem::exists(folder / "samples_epoch_7.txt"));
}

TEST_CASE("files of a stem are told by the number at their ends") {
  const TemporaryFolder folder;
  for (const char* name : {"song_1.mid", "song_12.mid", "song_1.png", "samples.png"})
    test::write_quickly(folder / name, {});
  const NumberedFiles all = files_by_stem(folder.path());
  CHECK(all.at("song_").size() == 2);
  CHECK(all.at("song_").rbegin()->first == 12);
  CHECK(all.at("samples").begin()->first == 0);
  CHECK(files_by_stem(folder.path(), ".mid").size() == 1);
}

}  // namespace
