#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include <damo/io/dataset.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/formats/idx.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

using test::TemporaryFolder;

Idx pixels(std::int64_t n, int first) {
  Idx idx{IdxType::u8, Shape{n, 2, 3}, Bytes(static_cast<std::size_t>(n) * 6)};
  for (std::size_t i = 0; i < idx.data.size(); ++i) {
    idx.data[i] = static_cast<std::byte>(static_cast<std::size_t>(first) + i);
  }
  return idx;
}

Idx labels(std::int64_t n) {
  Idx idx{IdxType::u8, Shape{n}, Bytes(static_cast<std::size_t>(n))};
  for (std::size_t i = 0; i < idx.data.size(); ++i) idx.data[i] = static_cast<std::byte>(i % 10);
  return idx;
}

void write_small_mnist(const std::filesystem::path& folder, const char* dash, const char* gz) {
  create_folder(folder);
  const auto path = [&](const std::string& stem, const std::string& kind) {
    return folder / (stem + dash + kind + gz);
  };
  write_idx(path("train-images", "idx3-ubyte"), pixels(12, 0));
  write_idx(path("train-labels", "idx1-ubyte"), labels(12));
  write_idx(path("t10k-images", "idx3-ubyte"), pixels(3, 200));
  write_idx(path("t10k-labels", "idx1-ubyte"), labels(3));
}

TEST_CASE("a folder of idx files gives train and valid and test under every usual name") {
  const TemporaryFolder folder;
  std::set<std::string> fingerprints;
  for (const char* dash : {"-", "."}) {
    for (const char* gz : {"", ".gz"}) {
      const std::filesystem::path path = folder / (std::string("digits") + dash + gz);
      write_small_mnist(path, dash, gz);
      const Dataset data = load_dataset(path.string());
      CHECK(data.rows == 2);
      CHECK(data.cols == 3);
      CHECK(data.train.shape() == Shape{10, 6});
      CHECK(data.valid.shape() == Shape{2, 6});
      CHECK(data.test.shape() == Shape{3, 6});
      CHECK(data.train.data<float>()[59] == 59.0F / 256);
      CHECK(data.valid.data<float>()[0] == 60.0F / 256);
      CHECK(data.test.data<float>()[0] == 200.0F / 256);
      CHECK(data.valid_labels.data<std::int64_t>()[1] == 1);
      fingerprints.insert(data.fingerprint);
    }
  }
  CHECK(fingerprints.size() == 1);
}

TEST_CASE("images of several megabytes are read piece by piece into their places") {
  const TemporaryFolder folder;
  Idx many{IdxType::u8, Shape{900, 60, 61}, Bytes(900 * 60 * 61)};
  for (std::size_t i = 0; i < many.data.size(); ++i)
    many.data[i] = static_cast<std::byte>(i * 2654435761U >> 7U);
  Idx few{IdxType::u8, Shape{2, 60, 61}, Bytes(2 * 60 * 61)};
  for (const char* gz : {"", ".gz"}) {
    const auto path = [&](const char* name) { return folder / (std::string(name) + gz); };
    write_idx(path("train-images-idx3-ubyte"), many);
    write_idx(path("train-labels-idx1-ubyte"), labels(900));
    write_idx(path("t10k-images-idx3-ubyte"), few);
    write_idx(path("t10k-labels-idx1-ubyte"), labels(2));
    const Dataset data = load_dataset(folder.path().string());
    const Array all = to_array(many, float32, 1.0 / 256);
    const std::size_t cut = data.train.bytes();
    CHECK(data.train.shape() == Shape{750, 3660});
    CHECK(data.valid.shape() == Shape{150, 3660});
    CHECK(std::equal(all.raw(), all.raw() + cut, data.train.raw()));
    CHECK(std::equal(all.raw() + cut, all.raw() + all.bytes(), data.valid.raw()));
    for (const char* name : {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"})
      std::filesystem::remove(path(name));
  }
}

TEST_CASE("a data set named mnist is found through DAMO_DATA and its absence is explained") {
  const TemporaryFolder folder;
  ::setenv("DAMO_DATA", folder.path().c_str(), 1);
  write_small_mnist(folder / "mnist", "-", "");
  CHECK(load_dataset("mnist").source == (folder / "mnist").string());
  std::filesystem::remove(folder / "mnist/train-labels-idx1-ubyte");
  const std::string by_path = test::io_error([&] { load_dataset((folder / "mnist").string()); });
  CHECK(by_path.find("some of the four idx files are missing") != std::string::npos);
  if (!std::filesystem::exists("data/mnist")) {
    const std::string by_name = test::io_error([] { load_dataset("mnist"); });
    CHECK(by_name.find("scripts/fetch-mnist") != std::string::npos);
    CHECK(by_name.find(folder.path().string()) != std::string::npos);
  }
  ::unsetenv("DAMO_DATA");
}

TEST_CASE("wrong data names and mismatched files are errors that help") {
  const TemporaryFolder folder;
  CHECK(test::io_error([] { load_dataset("mnits"); }).find("mnist, fashion, bars") !=
        std::string::npos);
  CHECK(test::io_error([] { load_dataset("bars11"); }).find("bars2 to bars10") !=
        std::string::npos);
  CHECK(test::io_error([&] { load_dataset(folder.path().string()); }).find("no idx files") !=
        std::string::npos);
  write_small_mnist(folder / "m", "-", "");
  write_idx(folder / "m/train-labels-idx1-ubyte", labels(11));
  CHECK(test::io_error([&] {
          load_dataset((folder / "m").string());
        }).find("labels (11,) for the 12 images") != std::string::npos);
  write_idx(folder / "m/train-labels-idx1-ubyte", pixels(2, 0));
  CHECK(test::throws_io_error([&] { load_dataset((folder / "m").string()); }));
  CHECK(test::throws_io_error([] { parse_binarize("gray"); }));
}

TEST_CASE("bars and stripes are all rows-filled and all columns-filled pictures") {
  for (const int n : {2, 3, 4}) {
    const Array patterns = bars_and_stripes(n);
    REQUIRE(patterns.shape() == Shape{std::int64_t{2} << n, std::int64_t{n} * n});
    std::set<std::vector<float>> distinct;
    for (std::int64_t i = 0; i < patterns.shape()[0]; ++i) {
      const float* p = patterns.data<float>() + i * n * n;
      bool rows = true, columns = true;
      for (int y = 0; y < n; ++y) {
        for (int x = 0; x < n; ++x) {
          rows &= p[std::ptrdiff_t{y} * n + x] == p[std::ptrdiff_t{y} * n];
          columns &= p[std::ptrdiff_t{y} * n + x] == p[x];
        }
      }
      CHECK((rows || columns));
      distinct.insert(std::vector<float>(p, p + std::ptrdiff_t{n} * n));
    }
    CHECK(distinct.size() == (std::size_t{2} << static_cast<unsigned>(n)) - 2);
  }
}

TEST_CASE("the built-in data set holds every pattern equally often and depends on its seed") {
  const Dataset a = load_dataset("bars3");
  CHECK(a.train.shape() == Shape{1600, 9});
  CHECK(a.test.shape() == Shape{16, 9});
  CHECK(a.pixels() == 9);
  double sum = 0;
  for (const float v : a.train.values<float>()) sum += v;
  CHECK(sum == 1600 * 4.5);
  CHECK(load_dataset("bars3").fingerprint == a.fingerprint);
  CHECK(load_dataset("bars3", {.seed = 5}).fingerprint != a.fingerprint);
  CHECK(load_dataset("bars3", {.limit = 7}).train.shape() == Shape{7, 9});
}

TEST_CASE("binarized pixels are zero or one with the gray level as their mean") {
  const TemporaryFolder folder;
  create_folder(folder / "g");
  write_small_mnist(folder / "g", "-", "");
  Idx level{IdxType::u8, Shape{1200, 2, 3}, Bytes(7200, std::byte{64})};
  write_idx(folder / "g/train-images-idx3-ubyte", level);
  write_idx(folder / "g/train-labels-idx1-ubyte", labels(1200));
  const std::string path = (folder / "g").string();
  const Dataset sampled = load_dataset(path, {.binarize = Binarize::sampled, .seed = 3});
  double sum = 0;
  for (const float v : sampled.train.values<float>()) {
    CHECK((v == 0 || v == 1));
    sum += v;
  }
  // 6000 draws of probability 1/4: four standard deviations are 134.
  CHECK(std::abs(sum - 1500) < 134);
  const Dataset again = load_dataset(path, {.binarize = Binarize::sampled, .seed = 3});
  CHECK(std::equal(again.test.values<float>().begin(), again.test.values<float>().end(),
                   sampled.test.values<float>().begin()));
  const Dataset threshold = load_dataset(path, {.binarize = Binarize::threshold});
  CHECK(threshold.train.data<float>()[0] == 0);
  CHECK(threshold.test.data<float>()[0] == 1);
}

TEST_CASE("Fashion-MNIST from its Debian package has its published sizes") {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist")) return;
  const Dataset data = load_dataset("fashion");
  CHECK(data.train.shape() == Shape{50000, 784});
  CHECK(data.valid.shape() == Shape{10000, 784});
  CHECK(data.test.shape() == Shape{10000, 784});
  std::vector<int> count(10);
  for (const std::int64_t label : data.test_labels.values<std::int64_t>()) {
    ++count.at(static_cast<std::size_t>(label));
  }
  CHECK(count == std::vector<int>(10, 1000));
}

}  // namespace
