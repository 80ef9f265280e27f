#include <doctest/doctest.h>

#include <sys/mount.h>
#include <unistd.h>
#include <cstring>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/io/formats/idx.hpp>
#include <damo/io/formats/midi.hpp>
#include <damo/io/formats/note_json.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/pictures/pictures.hpp>
#include <damo/io/runs/checkpoint.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

/// A file system of 64 KiB where this machine lets us mount one.
class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& folder) : folder_(folder) {
    mounted_ = ::geteuid() == 0 && ::mount("damo", folder.c_str(), "tmpfs", 0, "size=64k") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }

 private:
  std::filesystem::path folder_;
  bool mounted_ = false;
};

// Values that no compression makes small.
Array noise(const Shape& shape) {
  test::TestRandom random(1);
  Array array(float32, shape);
  for (std::int64_t i = 0; i < array.elements(); ++i) {
    array.data<float>()[i] = static_cast<float>(random() >> 40U) / (1U << 24U);
  }
  return array;
}

TEST_CASE("on a full disk every writer says so and keeps the old file and leaves no other") {
  const TemporaryFolder folder;
  const SmallDisk disk(folder.path());
  if (!disk.mounted()) return;
  const Array large = noise(Shape{1000, 88});
  Picture picture(400, 400, 1);
  test::TestRandom random(2);
  for (std::uint8_t& pixel : picture.pixels) pixel = static_cast<std::uint8_t>(random());
  const Bytes bytes(large.raw(), large.raw() + large.bytes());
  const std::filesystem::path path = folder / "a";
  const std::pair<std::string, std::function<void()>> writers[] = {
      {"text", [&] { write_file(path, std::string(100000, 'x')); }},
      {"npy", [&] { write_npy(path, large); }},
      {"npz",
       [&] {
         write_npz(path, {{"a", large}});
       }},
      {"idx",
       [&] {
         write_idx(path, {IdxType::f32, large.shape(), bytes});
       }},
      {"png", [&] { write_png(path, picture); }},
      {"midi", [&] { write_midi(path, large); }},
      {"json",
       [&] {
         write_note_json(path, {{"train", {to_note_frames(large, {})}}});
       }},
  };
  for (const auto& [writer, write] : writers) {
    const std::string& name = writer;
    CAPTURE(name);
    write_file(path, "old");
    const std::string message = test::io_error(write);
    CHECK(message.find(path.string() + ": ") == 0);
    CHECK(message.find("No space left on device") != std::string::npos);
    CHECK(read_file(path).size() == 3);
    CHECK(folder.entries() == 1);
  }
}

TEST_CASE("a checkpoint that finds the disk full leaves the last two as they were") {
  const TemporaryFolder folder;
  const SmallDisk disk(folder.path());
  if (!disk.mounted()) return;
  const std::filesystem::path path = folder / "c.npz";
  save_checkpoint(path, {{{"w", noise(Shape{1000})}}, Record().set("epoch", 1)});
  save_checkpoint(path, {{{"w", noise(Shape{1000})}}, Record().set("epoch", 2)});
  const std::string message = test::io_error([&] {
    save_checkpoint(path, {{{"w", noise(Shape{100000})}}, Record().set("epoch", 3)});
  });
  CHECK(message.find("No space left on device") != std::string::npos);
  CHECK(load_checkpoint(path).metadata.integer("epoch") == 2);
  CHECK(load_checkpoint(folder / "c.previous.npz").metadata.integer("epoch") == 1);
  CHECK(folder.entries() == 2);
}

TEST_CASE("a table of metrics on a full disk says so") {
  const TemporaryFolder folder;
  const SmallDisk disk(folder.path());
  if (!disk.mounted()) return;
  CsvWriter csv(folder / "m.csv", {"a"});
  const std::string message = test::io_error([&] {
    for (int i = 0; i < 100000; ++i) csv.row({i / 3.0});
  });
  CHECK(message.find("m.csv: cannot write: No space left on device") != std::string::npos);
}

}  // namespace
