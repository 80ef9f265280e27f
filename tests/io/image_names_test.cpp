#include <doctest/doctest.h>

#include <damo/io/dataset.hpp>
#include <damo/io/files/atomic_file.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/formats/idx.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/image_names.hpp>
#include "tests/support/files.hpp"

using namespace damo;
using namespace damo::io;

namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;

constexpr std::int64_t n = 12, pixels = 4;

// Image i begins with the byte 20 i, and has the class i % 5.
Array images() {
  Array a(DType::int64, Shape{n, pixels});
  for (std::int64_t i = 0; i < n; ++i) a.data<std::int64_t>()[i * pixels] = 20 * i;
  return a;
}

Array labels() {
  Array a(DType::int64, Shape{n});
  for (std::int64_t i = 0; i < n; ++i) a.data<std::int64_t>()[i] = i % 5;
  return a;
}

Idx idx_of(const Array& array) {
  Idx idx{IdxType::u8, array.shape(), {}};
  for (const std::int64_t v : array.values<std::int64_t>())
    idx.data.push_back(static_cast<std::byte>(v));
  return idx;
}

// Whether there are n images in the training part and in those that were drawn from it, each with
// the class that it has.
void check_classes(const std::string& what) {
  CAPTURE(what);
  const Dataset data = load_dataset(what);
  std::int64_t seen = 0;
  for (const auto& [x, y] :
       {std::pair{&data.train, &data.train_labels}, std::pair{&data.valid, &data.valid_labels},
        std::pair{&data.test, &data.test_labels}}) {
    REQUIRE(y->elements() == x->shape()[0]);
    for (std::int64_t i = 0; i < y->elements(); ++i) {
      const float first = x->data<float>()[i * data.pixels()];
      CHECK(y->data<std::int64_t>()[i] == static_cast<std::int64_t>(first * 256 / 20) % 5);
      ++seen;
    }
  }
  CHECK(seen == n);
}

TEST_CASE("names tell parts, classes and data sets apart by their words") {
  for (const char* name : {"x_train", "X-Train.npy", "ytrain", "train-labels-idx1-ubyte"})
    CHECK(part_of_name(name) == "train");
  for (const char* name : {"val", "my.valid.csv", "xval", "validation_1"})
    CHECK(part_of_name(name) == "valid");
  for (const char* name : {"t10k-images", "y_test", "testing"}) CHECK(part_of_name(name) == "test");
  for (const char* name : {"faces.npy", "constrained", "latest", "x", ""})
    CHECK(part_of_name(name).empty());
  for (const char* name : {"y", "y_train.npy", "ytest", "Labels", "faces-labels.npy", "target"})
    CHECK(names_labels(name));
  for (const char* name : {"classic.npy", "x_train", "labelled.csv", "yes", "day", ""})
    CHECK(!names_labels(name));
  CHECK(set_name("X_train.npy") == set_name("y_test.npy.gz"));
  CHECK(set_name("my-train-images-idx3-ubyte") == set_name("my-t10k-labels-idx1-ubyte.gz"));
  CHECK(set_name("dna.train.csv") == set_name("dna.valid.csv"));
  CHECK(set_name("dna.train.csv") != set_name("nips.train.csv"));
  CHECK(set_name("a.npy") != set_name("a.csv"));
}

TEST_CASE("classes in a file of their own are found beside their images") {
  const TemporaryFolder folder;
  const auto at = [&](const std::string& name) { return (folder / name).string(); };
  for (const char* name : {"xy", "named", "idx", "any", "onehot", "floats"})
    create_folder(folder / name);
  write_npy(at("xy/X_train.npy"), images());
  write_npy(at("xy/y_train.npy"), labels());
  write_npy(at("named/faces_images.npy"), images());
  write_npy(at("named/faces_labels.npy"), labels());
  write_npy(at("named/others_labels.npy"), labels());
  write_idx(at("idx/faces-images-idx3-ubyte"), idx_of(images().reshaped(Shape{n, 2, 2})));
  write_idx(at("idx/faces-labels-idx1-ubyte"), idx_of(labels()));
  write_idx(at("any/pictures"), idx_of(images()));
  write_idx(at("any/labels"), idx_of(labels()));
  Array rows(DType::float32, Shape{n, 5});
  for (std::int64_t i = 0; i < n; ++i) rows.data<float>()[i * 5 + i % 5] = 1;
  write_npz(at("onehot/a.npz"), {{"x", images()}, {"y", rows}});
  write_npz(at("floats/a.npz"), {{"x", images()}, {"y", labels().cast(DType::float64)}});
  for (const char* what : {"xy", "xy/X_train.npy", "named/faces_images.npy", "idx",
                           "idx/faces-images-idx3-ubyte", "any", "onehot/a.npz", "floats/a.npz"})
    check_classes(at(what));
  check_classes(at("xy/X_train.npy") + "," + at("xy/y_train.npy"));
  check_classes(at("any/pictures") + "," + at("any/labels"));
  // A file's compressed copy is not more data.
  write_idx(at("idx/faces-images-idx3-ubyte.gz"), idx_of(images().reshaped(Shape{n, 2, 2})));
  write_idx(at("idx/faces-labels-idx1-ubyte.gz"), idx_of(labels()));
  check_classes(at("idx"));
  check_classes(at("idx/faces-images-idx3-ubyte"));
}

TEST_CASE("a test part without classes is left out with a word where others have them") {
  const TemporaryFolder folder;
  std::string train = "label,a,b\n", test = "a,b\n";
  for (int i = 0; i < 20; ++i) {
    train += std::to_string(i % 2) + ",0,1\n";
    test += "1,1\n";
  }
  write_file(folder / "train.csv", train);
  write_file(folder / "test.csv", test);
  const Dataset data = load_dataset((folder / "train.csv").string());
  CHECK(data.test.shape() == Shape{2, 2});
  CHECK(data.test_labels.elements() == 2);
  CHECK(data.test.data<float>()[0] == 0);
  CHECK(data.notes[1] ==
        "the 20 images of the part 'test' are left out: they have no classes, as "
        "those of 'train' do");
}

}  // namespace
