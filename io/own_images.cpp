#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <system_error>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/image_folder.hpp>
#include <damo/io/own_images.hpp>

namespace damo::io {
namespace {

namespace fs = std::filesystem;

constexpr float gray_levels = 256, largest_byte = 255;
constexpr std::int64_t each_tenth = 10;     // of one without a test set
constexpr std::int64_t least_to_split = 3;  // fewer images are all of the parts

/// Images and classes of one part.
struct Part {
  Array pixels = Array(DType::float32, Shape{0, 0});
  Array labels = Array(DType::int64, Shape{0});
  std::int64_t size() const { return pixels.shape()[0]; }
};

Array joined(const Array& a, const Array& b) {
  if (a.elements() == 0) return b;
  if (b.elements() == 0) return a;
  Shape shape = a.shape();
  shape[0] += b.shape()[0];
  Array both(a.dtype(), shape);
  std::memcpy(both.raw(), a.raw(), a.bytes());
  std::memcpy(both.raw() + a.bytes(), b.raw(), b.bytes());
  return both;
}

/// Puts the images of several files together and makes a data set of them.
class Assembly {
 public:
  Assembly(const DatasetOptions& options, Dataset& data) : options_(options), data_(data) {}

  void add(RawImages& raw) {
    Part& part = parts_[raw.part == "valid" || raw.part == "test" ? raw.part : "train"];
    if (raw.pixels.elements() > 0) {
      find_size(raw);
      if (part.labels.elements() > 0 && part.size() > 0 && raw.labels.elements() == 0)
        labels_later_ = true;
      part.pixels = joined(part.pixels, raw.pixels);
    }
    part.labels = joined(part.labels, raw.labels);
  }

  void finish() {
    // Images of which all are for testing, by their name, are all that there is.
    if (parts_["train"].size() == 0 && parts_["valid"].size() == 0)
      std::swap(parts_["train"], parts_["test"]);
    if (parts_["train"].size() == 0)
      throw IoError(fmt::format("{}: there are no images to train on; {}", data_.source, accepted));
    for (auto& [name, part] : parts_) check_labels(name, part);
    leave_out_unlabelled();
    scale();
    data_.fingerprint = fmt::format("crc32:{:08x}", checksum());
    split();
    for (const auto& [name, images, labels] :
         {std::tuple{"train", &data_.train, &data_.train_labels},
          std::tuple{"valid", &data_.valid, &data_.valid_labels},
          std::tuple{"test", &data_.test, &data_.test_labels}}) {
      *images = std::move(parts_[name].pixels);
      *labels = std::move(parts_[name].labels);
    }
  }

 private:
  static constexpr std::string_view accepted =
      "numbers from 0 to 1, or whole ones from 0 to 255, are accepted";

  // Where the file does not say how large an image is: a square, or as nearly one as can be.
  void find_size(RawImages& raw) {
    const std::int64_t pixels = raw.pixels.shape()[1];
    const bool known = raw.rows > 0;
    if (!known) {
      for (std::int64_t rows = 1; rows * rows <= pixels; ++rows) {
        if (pixels % rows == 0) raw.rows = rows;
      }
      raw.cols = pixels / raw.rows;
    }
    const bool other = raw.rows != options_.height || raw.cols != options_.width;
    if (options_.height > 0 && other) {
      if (!known && raw.rows != raw.cols) {
        throw IoError(
            fmt::format("{}: --resize needs images of known size; {} numbers in a row "
                        "are no square",
                        raw.where, pixels));
      }
      resize(raw, options_.height, options_.width);
    }
    if (data_.rows == 0) {
      data_.rows = raw.rows;
      data_.cols = raw.cols;
      first_ = raw.where;
    } else if (data_.rows * data_.cols != raw.rows * raw.cols ||
               (known && data_.rows != raw.rows)) {
      throw IoError(fmt::format("{}: its images are {} x {} pixels large, those of {} {} x {}",
                                raw.where, raw.cols, raw.rows, first_, data_.cols, data_.rows));
    }
  }

  void check_labels(const std::string& name, const Part& part) const {
    const std::int64_t n = part.labels.elements();
    if (n != 0 && (n != part.size() || labels_later_)) {
      throw IoError(fmt::format("{}: {} classes for the {} images of the part '{}'", data_.source,
                                n, part.size(), name));
    }
    for (const std::int64_t label : part.labels.values<std::int64_t>()) {
      if (label < 0 || label > 9999) {
        throw IoError(
            fmt::format("{}: a class {}; classes are numbers from 0 to 9999", data_.source, label));
      }
    }
  }

  // As in competitions: what is to be classified lies beside what has classes.
  void leave_out_unlabelled() {
    if (parts_["train"].labels.elements() == 0) return;
    for (const char* name : {"valid", "test"}) {
      Part& part = parts_[name];
      if (part.size() == 0 || part.labels.elements() > 0) continue;
      data_.notes.push_back(
          fmt::format("the {} images of the part '{}' are left out: they have no classes, as those "
                      "of 'train' do",
                      part.size(), name));
      part = Part();
    }
  }

  // What the parts hold together decides how numbers become gray levels.
  void scale() {
    float high = 0;
    bool whole = true;
    for (const auto& [name, part] : parts_) {
      const auto values = part.pixels.values<float>();
      for (std::size_t i = 0; i < values.size(); ++i) {
        const float v = values[i];
        if (!(v >= 0) || !std::isfinite(v)) refuse(name, i, v);
        high = std::max(high, v);
        whole = whole && v == std::floor(v);
      }
    }
    const auto white = static_cast<float>(options_.white);
    const float unit = white > 0 ? white : high <= 1 ? 1 : gray_levels;
    if (white > 0 ? high > white : high > largest_byte || (high > 1 && !whole && high <= 127)) {
      throw IoError(fmt::format(
          "{}: the largest number is {}{}; {}, or --white {} where that is white", data_.source,
          high, whole ? "" : ", and some are no whole ones", accepted, high));
    }
    if (unit == gray_levels && high < 64) {
      data_.notes.push_back(fmt::format(
          "the brightest pixel is {} of 255; where that is white, say --white {}", high, high));
    }
    for (auto& [name, part] : parts_) {
      for (std::int64_t i = 0; i < part.pixels.elements(); ++i)
        part.pixels.data<float>()[i] /= unit;
    }
  }

  [[noreturn]] void refuse(const std::string& name, std::size_t at, float value) const {
    const auto width = static_cast<std::size_t>(data_.pixels());
    throw IoError(fmt::format("{}: image {} of the part '{}' has {} as its pixel {}; {}",
                              data_.source, at / width + 1, name, value, at % width + 1, accepted));
  }

  std::uint32_t checksum() {
    std::uint32_t crc = 0;
    for (const auto& [name, part] : parts_) {
      for (const Array* a : {&part.pixels, &part.labels})
        crc = io::checksum(crc, {a->raw(), a->bytes()});
    }
    return crc;
  }

  // Takes `n` of the training images, drawn by the seed, for another part.
  void draw(const std::string& name, std::int64_t n, std::uint64_t stream) {
    Part& train = parts_["train"];
    const std::vector<std::int64_t> order = shuffled(train.size(), options_.seed + stream);
    std::vector<std::int64_t> there(order.begin(), order.begin() + n);
    std::vector<std::int64_t> here(order.begin() + n, order.end());
    std::sort(there.begin(), there.end());
    std::sort(here.begin(), here.end());
    Part& part = parts_[name];
    part.pixels = rows_of(train.pixels, there);
    train.pixels = rows_of(train.pixels, here);
    if (train.labels.elements() == 0) return;
    part.labels = rows_of(train.labels, there);
    train.labels = rows_of(train.labels, here);
  }

  void split() {
    const std::int64_t n = parts_["train"].size();
    const bool has_valid = parts_["valid"].size() > 0, has_test = parts_["test"].size() > 0;
    if (has_valid && has_test) return;
    if (n < least_to_split) {
      for (const char* name : {"valid", "test"}) {
        if (parts_[name].size() == 0) parts_[name] = parts_["train"];
      }
      data_.notes.push_back(fmt::format("{} {} too few to split: all parts have the same", n,
                                        n == 1 ? "image is" : "images are"));
      return;
    }
    const std::int64_t tenth = std::max<std::int64_t>(n / each_tenth, 1);
    if (!has_test) draw("test", tenth, 0);
    if (!has_valid) draw("valid", has_test ? std::max<std::int64_t>(n / valid_share, 1) : tenth, 1);
    data_.notes.push_back(fmt::format(
        "split by seed {}: {} images to train on, {} to validate{}, {} to test{}", options_.seed,
        parts_["train"].size(), parts_["valid"].size(), has_valid ? " (given)" : "",
        parts_["test"].size(), has_test ? " (given)" : ""));
  }

  const DatasetOptions& options_;
  Dataset& data_;
  std::map<std::string, Part> parts_;
  std::string first_;
  bool labels_later_ = false;
};

// One path, or several with commas between.
std::vector<fs::path> paths_of(const std::string& name_or_path) {
  std::error_code unreadable;
  if (fs::exists(name_or_path, unreadable)) return {name_or_path};
  std::vector<fs::path> paths;
  for (std::size_t from = 0; from <= name_or_path.size();) {
    const std::size_t end = std::min(name_or_path.find(',', from), name_or_path.size());
    paths.emplace_back(name_or_path.substr(from, end - from));
    from = end + 1;
  }
  return paths;
}

}  // namespace

bool names_files(const std::string& name_or_path) {
  const std::vector<fs::path> paths = paths_of(name_or_path);
  return std::all_of(paths.begin(), paths.end(), [](const fs::path& path) {
    std::error_code unreadable;
    return !path.empty() && fs::exists(path, unreadable);
  });
}

Dataset load_own_images(const std::string& name_or_path, const DatasetOptions& options) {
  Dataset data;
  data.name = fs::path(name_or_path).filename().string();
  data.source = name_or_path;
  Assembly assembly(options, data);
  for (RawImages& raw : collect_images(paths_of(name_or_path), options, data.notes))
    assembly.add(raw);
  assembly.finish();
  return data;
}

// A Fisher-Yates shuffle of our own: std::shuffle may differ between libraries.
std::vector<std::int64_t> shuffled(std::int64_t n, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
  std::mt19937_64 random(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

Array rows_of(const Array& all, const std::vector<std::int64_t>& which) {
  Shape shape = all.shape();
  const auto row_bytes =
      all.bytes() / static_cast<std::size_t>(std::max<std::int64_t>(shape[0], 1));
  shape[0] = static_cast<std::int64_t>(which.size());
  Array part(all.dtype(), shape);
  for (std::size_t i = 0; i < which.size(); ++i)
    std::memcpy(part.raw() + i * row_bytes,
                all.raw() + static_cast<std::size_t>(which[i]) * row_bytes, row_bytes);
  return part;
}

}  // namespace damo::io
