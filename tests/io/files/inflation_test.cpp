#include <doctest/doctest.h>

#include <damo/io/dataset.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/io/formats/idx.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/pictures/png.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

constexpr std::size_t mib = std::size_t{1} << 20U;

// Compressed zeros, `size` bytes of them, after a beginning.
Bytes zeros(const std::string& beginning, std::size_t size) {
  Bytes bytes(beginning.size() + size);
  std::copy_n(as_bytes(beginning).begin(), beginning.size(), bytes.begin());
  return gzip(bytes);
}

TEST_CASE("compressed files that would fill the memory are refused and the limit is named") {
  const TemporaryFolder folder;
  // 65 MiB of zeros, and an idx header that says so.
  write_file(folder / "x.gz", zeros(std::string("\0\0\x08\x02\0\0\0\x41\0\x10\0\0", 12), 65 * mib));
  CHECK(test::io_error([&] { read_idx(folder / "x.gz"); }).find("64 MiB, or 200 times") !=
        std::string::npos);
  CHECK(test::io_error([&] { read_numbers(folder / "x.gz"); }).find("64 MiB, or 200 times") !=
        std::string::npos);
  // A header that lies: a byte too many is enough.
  write_file(folder / "y.gz", zeros(std::string("\0\0\x08\x01\0\0\0\x02", 8), 60 * mib));
  CHECK(test::io_error([&] { read_idx(folder / "y.gz"); }).find("goes on after") !=
        std::string::npos);
  write_file(folder / "z.gz", zeros(std::string("\0\0\x08\x01\x01\0\0\0", 8), 16 * mib));
  CHECK(read_idx(folder / "z.gz").data.size() == 16 * mib);
}

void append(Bytes& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::byte>(value >> 8 * i & 0xffU));
}

// A zip archive of `count` deflated members with the same content, named a0.npy and on.
Bytes zip_of(int count, const Bytes& content) {
  const Bytes packed = gzip(content);  // ten bytes, what is deflated, and its checksum and size
  const std::size_t deflated = packed.size() - 18;
  Bytes all, directory;
  for (int i = 0; i < count; ++i) {
    const std::string name = "a" + std::to_string(i) + ".npy";
    const std::size_t at = all.size();
    Bytes facts;  // method to length of extra fields, as both headers have them
    append(facts, 8, 2);
    append(facts, 0, 4);
    facts.insert(facts.end(), packed.end() - 8, packed.end() - 4);
    append(facts, deflated, 4);
    append(facts, content.size(), 4);
    append(facts, name.size(), 2);
    append(facts, 0, 2);
    append(all, 0x04034b50, 4);
    append(all, 20, 4);
    all.insert(all.end(), facts.begin(), facts.end());
    all.insert(all.end(), as_bytes(name).begin(), as_bytes(name).end());
    all.insert(all.end(), packed.begin() + 10, packed.end() - 8);
    append(directory, 0x02014b50, 4);
    append(directory, 20 << 16 | 20, 4);
    append(directory, 0, 2);
    directory.insert(directory.end(), facts.begin(), facts.end());
    append(directory, 0, 10);
    append(directory, at, 4);
    directory.insert(directory.end(), as_bytes(name).begin(), as_bytes(name).end());
  }
  const std::size_t at = all.size();
  all.insert(all.end(), directory.begin(), directory.end());
  append(all, 0x06054b50, 4);
  append(all, 0, 4);
  append(all, count, 2);
  append(all, count, 2);
  append(all, directory.size(), 4);
  append(all, at, 4);
  append(all, 0, 2);
  return all;
}

TEST_CASE("a zip file whose members would fill the memory is refused and the limit is named") {
  const TemporaryFolder folder;
  const auto megabytes = [](std::int64_t n) {
    return format_npy(Array(DType::uint8, Shape{n, 1024, 1024}));
  };
  write_file(folder / "one.npz", zip_of(1, megabytes(65)));
  write_file(folder / "many.npz", zip_of(65, megabytes(1)));
  write_file(folder / "few.npz", zip_of(10, megabytes(1)));
  for (const char* name : {"one.npz", "many.npz"}) {
    CHECK(test::io_error([&] { read_npz(folder / name); }).find("64 MiB, or 200 times") !=
          std::string::npos);
  }
  CHECK(read_npz(folder / "few.npz").size() == 10);
}

TEST_CASE("a folder of pictures that would fill the memory is refused and the limit is named") {
  const TemporaryFolder folder;
  create_folder(folder / "bomb");
  create_folder(folder / "blank");
  write_png(folder / "bomb/0.png", Picture(8000, 8000, 1, 0));
  std::filesystem::create_hard_link(folder / "bomb/0.png", folder / "bomb/1.png");
  CHECK(test::io_error([&] {
          load_dataset((folder / "bomb").string());
        }).find("its 2 PNG images have 128000000 pixels; at most 67108864 are read (64 MiB") !=
        std::string::npos);
  // Blank pictures of a usual size are no bomb.
  for (const char* name : {"blank/0.png", "blank/1.png", "blank/2.png"})
    write_png(folder / name, Picture(64, 64, 3, 255));
  CHECK(load_dataset((folder / "blank").string()).pixels() == 4096);
}

TEST_CASE("what is smaller than the limit is read to its end from plain and compressed files") {
  const TemporaryFolder folder;
  const std::string text(3 * mib + 7, 'x');
  write_file(folder / "plain", text);
  write_file(folder / "small.gz", gzip(as_bytes(text)));
  for (const char* name : {"plain", "small.gz"})
    CHECK(as_text(InputFile(folder / name).read_all()) == text);
}

}  // namespace
