#include <doctest/doctest.h>

#include <cstring>

#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/formats/idx.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int v : values) bytes.push_back(static_cast<std::byte>(v));
  return bytes;
}

const Bytes six_pixels =
    bytes_of({0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 255});

std::string read_error(const TemporaryFolder& folder, const Bytes& bytes) {
  test::write_quickly(folder / "x.idx", bytes);
  return test::io_error([&] { read_idx(folder / "x.idx"); });
}

TEST_CASE("an idx file gives its sizes and elements plain or gzipped") {
  const TemporaryFolder folder;
  write_file(folder / "plain", six_pixels);
  write_file(folder / "packed", gzip(six_pixels));
  for (const char* name : {"plain", "packed"}) {
    const Idx idx = read_idx(folder / name);
    CHECK(idx.type == IdxType::u8);
    CHECK(idx.shape == Shape{1, 2, 3});
    const Array array = to_array(idx, float32, 1.0 / 256);
    CHECK(array.data<float>()[5] == 255.0F / 256.0F);
    CHECK(to_array(idx, int64).data<std::int64_t>()[1] == 20);
  }
}

TEST_CASE("numbers in idx files are big endian") {
  const TemporaryFolder folder;
  write_file(folder / "x", bytes_of({0, 0, 11, 1, 0, 0, 0, 2, 1, 2, 0xff, 0xfe}));
  const Array array = to_array(read_idx(folder / "x"), int64);
  CHECK(array.data<std::int64_t>()[0] == 258);
  CHECK(array.data<std::int64_t>()[1] == -2);
}

TEST_CASE("every element type survives writing and reading") {
  const TemporaryFolder folder;
  for (const IdxType type :
       {IdxType::u8, IdxType::i8, IdxType::i16, IdxType::i32, IdxType::f32, IdxType::f64}) {
    CAPTURE(name(type));
    Idx idx{type, Shape{2, 3}, Bytes(6 * item_size(type))};
    for (std::size_t i = 0; i < idx.data.size(); ++i)
      idx.data[i] = static_cast<std::byte>(7 * i + 1);
    for (const char* name : {"a.idx", "a.idx.gz"}) {
      write_idx(folder / name, idx);
      const Idx back = read_idx(folder / name);
      CHECK(back.type == type);
      CHECK(back.shape == idx.shape);
      CHECK(back.data == idx.data);
    }
  }
}

TEST_CASE("a damaged idx file is an error with the file and the offset and the reason") {
  const TemporaryFolder folder;
  Bytes bytes = six_pixels;
  bytes[0] = std::byte{0x89};
  CHECK(read_error(folder, bytes).find("at byte 0: not an idx file") != std::string::npos);
  bytes = six_pixels;
  bytes[2] = std::byte{10};
  CHECK(read_error(folder, bytes).find("at byte 2: unknown idx element type 0x0a") !=
        std::string::npos);
  bytes = six_pixels;
  bytes[3] = std::byte{200};
  CHECK(read_error(folder, bytes).find("at byte 3: 200 dimensions") != std::string::npos);
  bytes = six_pixels;
  bytes[4] = std::byte{0xff};
  CHECK(read_error(folder, bytes).find("more than this file can hold") != std::string::npos);
  bytes = six_pixels;
  bytes.pop_back();
  CHECK(read_error(folder, bytes).find("x.idx") != std::string::npos);
  bytes = six_pixels;
  bytes.push_back({});
  CHECK(read_error(folder, bytes).find("at byte 22: the file goes on") != std::string::npos);
  CHECK(read_error(folder, {}).find("at byte 0: the file ends within the magic number") !=
        std::string::npos);
}

TEST_CASE("damaged gzip data is told from good data at every cut and every changed byte") {
  const TemporaryFolder folder;
  const Bytes packed = gzip(six_pixels);
  for (std::size_t cut = 2; cut < packed.size(); ++cut) {
    CHECK(!read_error(folder, Bytes(packed.begin(), packed.begin() + static_cast<long>(cut)))
               .empty());
  }
  Bytes longer = packed;
  longer.push_back(std::byte{1});
  CHECK(read_error(folder, longer).find("stray bytes") != std::string::npos);
  Bytes wrong_sum = packed;
  wrong_sum[packed.size() - 5] ^= std::byte{1};
  CHECK(read_error(folder, wrong_sum).find("incorrect data check") != std::string::npos);
}

TEST_CASE("a gzip file of several members reads as their contents joined") {
  const TemporaryFolder folder;
  Bytes both = gzip(std::span(six_pixels).first(9));
  const Bytes rest = gzip(std::span(six_pixels).subspan(9));
  both.insert(both.end(), rest.begin(), rest.end());
  write_file(folder / "x.gz", both);
  CHECK(read_idx(folder / "x.gz").data.size() == 6);
}

TEST_CASE("mutated idx files are errors or well-formed and never anything else") {
  const TemporaryFolder folder;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    test::TestRandom random(seed);
    const Bytes good = random.below(2) == 0 ? six_pixels : gzip(six_pixels);
    test::write_quickly(folder / "x", test::mutate(good, random));
    try {
      const Idx idx = read_idx(folder / "x");
      CHECK(idx.data.size() ==
            static_cast<std::size_t>(idx.shape.elements()) * item_size(idx.type));
      CHECK(idx.data.size() <= 2000);
    } catch (const IoError& error) {
      CHECK(std::strstr(error.what(), folder.path().c_str()) != nullptr);
    }
  }
}

}  // namespace
