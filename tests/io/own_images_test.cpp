#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include <damo/io/dataset.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/formats/idx.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/pictures/png.hpp>
#include <damo/io/raw_images.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;

constexpr std::int64_t n = 20, rows = 4, cols = 3;

// 20 images of 4 x 3 bytes; no two are alike.
std::uint8_t byte_of(std::int64_t image, std::int64_t pixel) {
  return static_cast<std::uint8_t>((image * 12 + pixel) % 256);
}

Array bytes(DType dtype, const Shape& shape) {
  Array a(DType::int64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<std::int64_t>()[i] = byte_of(0, i);
  return a.cast(dtype);
}

Idx idx_of(IdxType type, const Shape& shape) {
  Idx idx{type, shape, {}};
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    const auto v = byte_of(0, i);
    const auto append = [&](auto value) {
      const auto* raw = reinterpret_cast<const std::byte*>(&value);
      idx.data.insert(idx.data.end(), raw, raw + sizeof value);
    };
    type == IdxType::f32 ? append(static_cast<float>(v)) : append(v);
  }
  return idx;
}

std::string csv_of(std::int64_t count, double scale, const std::string& header = "") {
  std::string text = header;
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t p = 0; p < rows * cols; ++p)
      text += (p > 0 ? "," : "") + std::to_string(byte_of(i, p) * scale);
    text += "\n";
  }
  return text;
}

// All images of all parts, as sorted rows: what was split can be compared.
std::vector<std::vector<float>> all_images(const Dataset& data) {
  std::vector<std::vector<float>> found;
  for (const Array* part : {&data.train, &data.valid, &data.test}) {
    for (std::int64_t i = 0; i < part->shape()[0]; ++i) {
      const float* image = part->data<float>() + i * data.pixels();
      found.emplace_back(image, image + data.pixels());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string error_of(const fs::path& path, const DatasetOptions& o = {}) {
  return test::io_error([&] { load_dataset(path.string(), o); });
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("the same images are the same data in every format under any name") {
  const TemporaryFolder folder;
  const Shape flat{n, rows * cols}, images{n, rows, cols};
  const auto path = [&](const std::string& name) { return folder / name; };
  write_npy(path("bytes64.npy"), bytes(int64, images));
  write_npy(path("floats.npy"), bytes(float32, images));
  write_npy(path("doubles"), bytes(float64, images));
  write_npz(path("arrays.zip"), {{"arr_0", bytes(int64, images)}});
  write_idx(path("pixels.bin"), idx_of(IdxType::u8, images));
  write_idx(path("pixels.gz"), idx_of(IdxType::u8, images));
  write_idx(path("float-idx"), idx_of(IdxType::f32, images));
  write_file(path("one.npy.gz"), gzip(read_file(path("bytes64.npy"))));
  std::vector<std::string> names = {"bytes64.npy", "floats.npy", "doubles",   "arrays.zip",
                                    "pixels.bin",  "pixels.gz",  "float-idx", "one.npy.gz"};
  create_folder(path("pngs"));
  for (std::int64_t i = 0; i < n; ++i) {
    Picture picture(cols, rows, 1);
    for (std::int64_t p = 0; p < rows * cols; ++p)
      picture.pixels[static_cast<std::size_t>(p)] = byte_of(i, p);
    write_png(path("pngs/" + std::to_string(100 + i) + ".PNG"), picture);
  }
  names.emplace_back("pngs");
  if (test::has_numpy()) {
    REQUIRE(test::python(folder.path(), R"(
a = (np.arange(20 * 12) % 256).reshape(20, 4, 3)
np.save('u1.npy', a.astype('u1'))
np.save('big16.npy', a.astype('>i2'))
np.save('half.npy', a.astype('>f2'))
np.savez_compressed('rgb.npz', images=np.repeat(a[..., None], 3, 3).astype('u1'))
np.savez('first.npz', np.repeat(a.reshape(20, 1, 2, 6), 3, 1).astype('f4'))
np.savez('gray.npz', a[..., None])
)"));
    for (const char* name : {"u1.npy", "big16.npy", "half.npy", "rgb.npz", "gray.npz"})
      names.emplace_back(name);
  }
  if (fs::exists(path("first.npz"))) {
    const Dataset first = load_dataset(path("first.npz").string());
    CHECK(first.rows == 2);
    CHECK(first.cols == 6);
    CHECK(all_images(first)[1][5] == doctest::Approx(17.0 / 256));
  }
  std::vector<std::vector<float>> expected;
  for (std::int64_t i = 0; i < n; ++i) {
    expected.emplace_back();
    for (std::int64_t p = 0; p < rows * cols; ++p)
      expected.back().push_back(static_cast<float>(byte_of(i, p)) / 256);
  }
  std::sort(expected.begin(), expected.end());
  for (const std::string& name : names) {
    CAPTURE(name);
    const Dataset data = load_dataset(path(name).string());
    CHECK(data.rows == rows);
    CHECK(data.cols == cols);
    CHECK(data.train.shape() == Shape{16, 12});
    CHECK(data.valid.shape() == Shape{2, 12});
    CHECK(data.test.shape() == Shape{2, 12});
    const auto found = all_images(data);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      for (std::size_t p = 0; p < found[i].size(); ++p)
        CHECK(found[i][p] == doctest::Approx(expected[i][p]).epsilon(1e-6));
    }
  }
  for (const auto& [text, name] :
       {std::pair{csv_of(n, 1), "a.csv"},
        {csv_of(n, 1.0 / 256), "b.csv"},
        {csv_of(n, 1, "p1,p2,p3,p4,p5,p6,p7,p8,p9,p10,p11,p12\n"), "c.txt"}}) {
    write_file(path(name), text);
    write_file(path(std::string(name) + ".gz"), gzip(as_bytes(text)));
    for (const std::string& file : {std::string(name), std::string(name) + ".gz"}) {
      const auto found = all_images(load_dataset(path(file).string()));
      REQUIRE(found.size() == expected.size());
      CHECK(found[3][5] == doctest::Approx(expected[3][5]).epsilon(1e-4));
    }
  }
}

TEST_CASE("a split is drawn by the seed and said and uses every image once") {
  const TemporaryFolder folder;
  write_npy(folder / "a.npy", bytes(int64, Shape{n, rows * cols}));
  const std::string path = (folder / "a.npy").string();
  const Dataset a = load_dataset(path, {.seed = 1}), b = load_dataset(path, {.seed = 1}),
                c = load_dataset(path, {.seed = 2});
  CHECK(std::memcmp(a.test.raw(), b.test.raw(), a.test.bytes()) == 0);
  CHECK(all_images(a) == all_images(c));
  CHECK(std::memcmp(a.train.raw(), c.train.raw(), a.train.bytes()) != 0);
  CHECK(a.fingerprint == c.fingerprint);
  REQUIRE(!a.notes.empty());
  CHECK(
      contains(a.notes.back(), "split by seed 1: 16 images to train on, 2 to validate, 2 to test"));
  for (const std::int64_t few : {1, 2, 3, 5}) {
    CAPTURE(few);
    write_npy(folder / "few.npy", bytes(int64, Shape{few, rows * cols}));
    const Dataset data = load_dataset((folder / "few.npy").string());
    CHECK(data.train.shape()[0] > 0);
    CHECK(data.valid.shape()[0] > 0);
    CHECK(data.test.shape()[0] > 0);
    if (few >= 3) CHECK(all_images(data).size() == static_cast<std::size_t>(few));
  }
}

TEST_CASE("names say which part and which classes files hold") {
  const TemporaryFolder folder;
  const auto labels = [](std::int64_t count) {
    std::vector<std::int64_t> values;
    for (std::int64_t i = 0; i < count; ++i) values.push_back(i % 7);
    return Array::from(values);
  };
  write_npz(folder / "all.npz", {{"x_train", bytes(int64, Shape{12, rows, cols})},
                                 {"y_train", labels(12)},
                                 {"x_test", bytes(int64, Shape{5, rows, cols})},
                                 {"y_test", labels(5)}});
  const Dataset npz = load_dataset((folder / "all.npz").string());
  CHECK(npz.train.shape() == Shape{10, 12});
  CHECK(npz.valid.shape() == Shape{2, 12});
  CHECK(npz.test.shape() == Shape{5, 12});
  CHECK(npz.train_labels.shape() == Shape{10});
  CHECK(npz.test_labels.data<std::int64_t>()[4] == 4);
  // Image i begins with the byte 12 i, and has the class i % 7.
  for (std::int64_t i = 0; i < 10; ++i) {
    const auto image = std::lround(npz.train.data<float>()[i * 12] * 256 / 12);
    CHECK(npz.train_labels.data<std::int64_t>()[i] == image % 7);
  }
  for (const char* part : {"train", "valid", "test"})
    write_file(folder / (std::string("set.") + part + ".csv"), csv_of(part[0] == 't' ? 9 : 4, 1));
  const Dataset csv = load_dataset((folder / "set.train.csv").string());
  CHECK(csv.train.shape()[0] == 9);
  CHECK(csv.valid.shape()[0] == 4);
  CHECK(csv.test.shape()[0] == 9);
  const std::string several =
      (folder / "set.valid.csv").string() + "," + (folder / "set.train.csv").string();
  CHECK(load_dataset(several).valid.shape()[0] == 4);

  create_folder(folder / "idx");
  write_idx(folder / "idx/my-train-images-idx3-ubyte", idx_of(IdxType::u8, Shape{8, rows, cols}));
  write_idx(folder / "idx/my-test-images-idx3-ubyte.gz", idx_of(IdxType::u8, Shape{6, rows, cols}));
  const Dataset idx = load_dataset((folder / "idx").string());
  CHECK(idx.train.shape()[0] == 7);
  CHECK(idx.test.shape()[0] == 6);
  CHECK(idx.train_labels.elements() == 0);
  write_idx(folder / "idx/my-train-labels-idx1-ubyte", idx_of(IdxType::u8, Shape{8}));
  write_idx(folder / "idx/my-test-labels-idx1-ubyte", idx_of(IdxType::u8, Shape{6}));
  CHECK(load_dataset((folder / "idx").string()).train_labels.elements() == 7);

  write_file(folder / "labelled.csv",
             "label,a,b,c,d\n3,0,1,0,1\n0,1,1,0,0\n1,0,0,0,1\n2,1,0,0,0\n");
  const Dataset labelled = load_dataset((folder / "labelled.csv").string());
  CHECK(labelled.pixels() == 4);
  CHECK(labelled.train_labels.elements() == labelled.train.shape()[0]);
}

TEST_CASE("folders of pictures are parts and classes, and sizes are equal or made so") {
  const TemporaryFolder folder;
  const auto draw = [&](const std::string& name, int w, int h, int channels, std::uint8_t gray) {
    create_folder((folder / name).parent_path());
    write_png(folder / name, Picture(w, h, channels, gray));
  };
  for (int i = 0; i < 4; ++i) {
    for (const char* part : {"train", "test"}) {
      draw("p/" + std::string(part) + "/cats/" + std::to_string(i) + ".png", 6, 4, 1, 64);
      draw("p/" + std::string(part) + "/dogs/" + std::to_string(i) + ".png", 6, 4, 3, 128);
    }
  }
  draw("p/train/.hidden.png", 9, 9, 1, 0);
  draw("p/.thumbnails/x.png", 9, 9, 1, 0);
  write_file(folder / "p/README.txt", "about\n");
  const Dataset data = load_dataset((folder / "p").string());
  CHECK(data.rows == 4);
  CHECK(data.cols == 6);
  CHECK(data.test.shape() == Shape{8, 24});
  CHECK(data.train.shape()[0] + data.valid.shape()[0] == 8);
  for (std::int64_t i = 0; i < 8; ++i) {
    const bool dog = data.test_labels.data<std::int64_t>()[i] == 1;
    CHECK(data.test.data<float>()[i * 24] == (dog ? 0.5F : 0.25F));
  }
  CHECK(contains(data.notes.at(1), "cats, dogs"));

  draw("p/train/cats/large.png", 12, 8, 1, 64);
  CHECK(contains(error_of(folder / "p"), "--resize 6x4"));
  const Dataset resized = load_dataset((folder / "p").string(), {.width = 3, .height = 2});
  CHECK(resized.pixels() == 6);
  CHECK(resized.train.data<float>()[0] == doctest::Approx(resized.train.data<float>()[5]));
}

TEST_CASE("resizing takes the mean of what each new pixel covers") {
  RawImages raw{.where = "x", .rows = 2, .cols = 4};
  raw.pixels = Array::from(std::vector<float>{0, 4, 8, 12, 2, 6, 10, 14}, Shape{1, 8});
  RawImages half = raw;
  resize(half, 1, 2);
  CHECK(half.pixels.data<float>()[0] == doctest::Approx(3));
  CHECK(half.pixels.data<float>()[1] == doctest::Approx(11));
  RawImages other = raw;
  resize(other, 2, 3);  // a new pixel covers 4/3 old ones
  CHECK(other.pixels.data<float>()[0] == doctest::Approx((0 + 4.0 / 3) / (4.0 / 3)));
  double before = 0, after = 0;
  for (const float v : raw.pixels.values<float>()) before += v / 8;
  for (const float v : other.pixels.values<float>()) after += v / 6;
  CHECK(before == doctest::Approx(after));
  RawImages large = raw;
  resize(large, 4, 8);
  CHECK(large.pixels.data<float>()[0] == 0);
  CHECK(large.pixels.data<float>()[31] == 14);
}

TEST_CASE("images are not made larger than memory") {
  const TemporaryFolder folder;
  write_npy(folder / "a.npy", bytes(uint8, Shape{n, rows, cols}));
  create_folder(folder / "pngs");
  for (int i = 0; i < 20; ++i)
    write_png(folder / ("pngs/" + std::to_string(i) + ".png"), Picture(cols, rows, 1, 9));
  for (const char* what : {"a.npy", "pngs"}) {
    CHECK(contains(error_of(folder / what, {.width = 9999, .height = 9999}),
                   "20 images of 9999 x 9999 pixels are too large; at most 1073741824 pixels"));
    CHECK(error_of(folder / what, {.width = 90, .height = 99}).empty());
  }
}

TEST_CASE("binary images stay zero and one whatever holds them") {
  const TemporaryFolder folder;
  const Array bits = Array::from(std::vector<bool>(24, true), Shape{6, 4});
  write_npy(folder / "bool.npy", bits);
  write_npy(folder / "int.npy", bits.cast(int64));
  write_file(folder / "text.csv", "1 0 1 1\n0 0 1 1\n1 1 1 1\n0 0 0 0\n");
  for (const char* name : {"bool.npy", "int.npy", "text.csv"}) {
    const Dataset data = load_dataset((folder / name).string());
    float high = 0;
    for (const float v : data.train.values<float>()) high = std::max(high, v);
    CHECK(high == 1);
  }
}

TEST_CASE("numbers that are no gray levels are refused with the place and what is accepted") {
  const TemporaryFolder folder;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, inf, -inf, -0.5F, 256.0F, 1000.0F, 1.5F}) {
    CAPTURE(bad);
    Array a(float32, Shape{6, 4});
    a.data<float>()[9] = bad;
    write_npy(folder / "a.npy", a);
    const std::string error = error_of(folder / "a.npy");
    CHECK(contains(error, "numbers from 0 to 1, or whole ones from 0 to 255, are accepted"));
    if (!(bad > 0) || bad == inf) CHECK(contains(error, "image 3 of the part 'train'"));
  }
  Array levels(float32, Shape{6, 4});
  levels.data<float>()[9] = 16;
  write_npy(folder / "digits.npy", levels);
  const Dataset scaled = load_dataset((folder / "digits.npy").string(), {.white = 16});
  CHECK(all_images(scaled).back()[1] == 1);
  CHECK(contains(load_dataset((folder / "digits.npy").string()).notes.at(0), "--white 16"));
  CHECK(contains(error_of(folder / "digits.npy", {.white = 8}), "the largest number is 16"));
}

TEST_CASE("files that are no images are refused with what would be accepted") {
  const TemporaryFolder folder;
  write_npy(folder / "cube.npy", Array(float32, Shape{2, 3, 4, 5, 6}));
  CHECK(contains(error_of(folder / "cube.npy"), "(n, rows, cols, 3)"));
  write_npy(folder / "empty.npy", Array(float32, Shape{0, 6}));
  CHECK(contains(error_of(folder / "empty.npy"), "no images"));
  write_npz(folder / "labels.npz", {{"y", Array(int64, Shape{5})}});
  CHECK(contains(error_of(folder / "labels.npz"), "no images to train on"));
  write_npz(folder / "odd.npz", {{"x", bytes(int64, Shape{5, 6})}, {"y", Array(int64, Shape{4})}});
  CHECK(contains(error_of(folder / "odd.npz"), "4 classes for the 5 images"));
  write_file(folder / "song.mid", std::string("MThd\0\0\0\6", 8));
  CHECK(contains(error_of(folder / "song.mid"), "PNG, npz, npy, idx"));
  create_folder(folder / "photos");
  write_file(folder / "photos/a.JPG", "\xff\xd8");
  CHECK(contains(error_of(folder / "photos"), "mogrify"));
  create_folder(folder / "sets");
  write_file(folder / "sets/a.csv", csv_of(4, 1));
  write_file(folder / "sets/b.csv", csv_of(4, 1));
  CHECK(contains(error_of(folder / "sets"), "several data sets"));
  CHECK(contains(error_of("./nowhere.csv"), "PNG, npz, npy, idx"));
  write_file(folder / "broken.png", "\x89PNG\r\n");
  CHECK(contains(error_of(folder / "broken.png"), "broken.png"));
}

}  // namespace
