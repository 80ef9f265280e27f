#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/io/files/file.hpp>
#include <damo/io/files/gzip.hpp>
#include <damo/io/formats/csv.hpp>
#include <damo/io/formats/idx.hpp>
#include <damo/io/formats/npy.hpp>
#include <damo/io/formats/npz.hpp>
#include <damo/io/image_names.hpp>
#include <damo/io/pictures/png.hpp>
#include <damo/io/raw_images.hpp>

namespace damo::io {
namespace {

constexpr float red = 0.299F, green = 0.587F, blue = 0.114F;  // how bright each is (ITU-R BT.601)

float gray_of(float r, float g, float b) { return red * r + green * g + blue * b; }

[[noreturn]] void refuse(const std::string& where, const Array& array) {
  throw IoError(fmt::format(
      "{}: {} {} are no images: rows of numbers (n, pixels), (n, rows, cols), (n, rows, cols, 3), "
      "(n, 3, rows, cols), with 1 in place of 3 too, or classes (n,), whole numbers, are expected",
      where, name(array.dtype()), to_string(array.shape())));
}

// Where the channels of rank-4 images are: the dimension, 1 or 3.
std::size_t channel_dimension(const Array& array, const std::string& where) {
  for (const std::size_t d : {3, 1}) {
    if (array.shape()[d] == 1 || array.shape()[d] == 3) return d;
  }
  refuse(where, array);
}

// The gray of images with channels: (n, rows, cols).
Array without_channels(const Array& array, std::size_t dimension, const Shape& shape) {
  const std::int64_t channels = array.shape()[dimension];
  if (channels == 1) return array.reshaped(shape);
  const std::int64_t pixels = shape[1] * shape[2];
  const std::int64_t step = dimension == 3 ? 1 : pixels;      // from channel to channel
  const std::int64_t stride = dimension == 3 ? channels : 1;  // from pixel to pixel
  Array gray(DType::float32, shape);
  for (std::int64_t i = 0; i < shape[0]; ++i) {
    const float* image = array.data<float>() + i * pixels * channels;
    for (std::int64_t p = 0; p < pixels; ++p) {
      const float* v = image + p * stride;
      gray.data<float>()[i * pixels + p] = gray_of(v[0], v[step], v[2 * step]);
    }
  }
  return gray;
}

bool has_whole_numbers(const Array& array) {
  const Array values = array.cast(DType::float64);
  const auto all = values.values<double>();
  return std::all_of(all.begin(), all.end(), [](double v) {
    constexpr double largest = 1e9;
    return v == std::floor(v) && std::abs(v) < largest;
  });
}

// The classes of rows that have a 1 for theirs and else 0; without an element where a row has not.
Array classes_of_rows(const Array& array) {
  const Array values = array.cast(DType::float32);
  const std::int64_t n = array.shape()[0], width = array.shape()[1];
  Array classes(DType::int64, Shape{n});
  for (std::int64_t i = 0; i < n; ++i) {
    const float* row = values.data<float>() + i * width;
    if (std::count(row, row + width, 1.0F) != 1 || std::count(row, row + width, 0.0F) != width - 1)
      return Array(DType::int64, Shape{0});
    classes.data<std::int64_t>()[i] = std::find(row, row + width, 1.0F) - row;
  }
  return classes;
}

RawImages from_array(const Array& array, const std::string& where, const std::string& name) {
  RawImages raw{.where = where, .part = part_of_name(name)};
  const std::size_t rank = array.rank();
  const bool whole = computing(array.dtype()) == DType::int64;
  const bool column = rank == 2 && array.shape()[1] == 1 && whole && names_labels(name);
  if ((rank == 1 && (whole || (names_labels(name) && has_whole_numbers(array)))) || column) {
    raw.labels = array.cast(DType::int64).reshaped(Shape{array.elements()});
    return raw;
  }
  if (rank == 2 && names_labels(name) && array.shape()[1] > 1) {
    raw.labels = classes_of_rows(array);
    if (raw.labels.elements() > 0) return raw;
  }
  if (rank < 2 || rank > 4) refuse(where, array);
  Array values = array.cast(DType::float32);
  if (rank == 4) {
    const std::size_t d = channel_dimension(array, where);
    const Shape shape{array.shape()[0], array.shape()[d == 3 ? 1 : 2],
                      array.shape()[d == 3 ? 2 : 3]};
    values = without_channels(values, d, shape);
  }
  if (values.rank() == 3) {
    raw.rows = values.shape()[1];
    raw.cols = values.shape()[2];
  }
  const std::int64_t n = values.shape()[0];
  if (values.elements() == 0) throw IoError(fmt::format("{}: there are no images in it", where));
  raw.pixels = values.reshaped(Shape{n, values.elements() / n});
  return raw;
}

Array int_array(const Idx& idx) { return to_array(idx, DType::int64); }

RawImages from_idx(const std::filesystem::path& path) {
  const Idx idx = read_idx(path);
  const bool whole = idx.type != IdxType::f32 && idx.type != IdxType::f64;
  const Array array =
      whole && idx.shape.rank() == 1 ? int_array(idx) : to_array(idx, DType::float32);
  return from_array(array, path.string(), path.filename().string());
}

RawImages from_numbers(const std::filesystem::path& path) {
  NumberTable table = read_numbers(path);
  RawImages raw{.where = path.string(), .part = part_of_name(path.filename().string())};
  std::int64_t label = -1;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (names_labels(table.columns[i])) label = static_cast<std::int64_t>(i);
  }
  const std::int64_t width = table.width - (label >= 0 ? 1 : 0);
  if (width == 0) throw_io(path, "there are classes in it, but no pixels");
  raw.pixels = Array(DType::float32, Shape{table.rows, width});
  if (label >= 0) raw.labels = Array(DType::int64, Shape{table.rows});
  float* out = raw.pixels.data<float>();
  for (std::int64_t i = 0; i < table.rows; ++i) {
    for (std::int64_t j = 0; j < table.width; ++j) {
      const float value = table.values[static_cast<std::size_t>(i * table.width + j)];
      if (j != label) {
        *out++ = value;
      } else if (value != std::floor(value) || std::abs(value) > 1e6F) {
        throw_io(path, fmt::format("row {}: the class {} is no whole number", i + 1, value));
      } else {
        raw.labels.data<std::int64_t>()[i] = static_cast<std::int64_t>(value);
      }
    }
  }
  return raw;
}

}  // namespace

std::string_view image_kinds() {
  return "PNG, npz, npy, idx and texts of numbers (csv), the last three also with .gz";
}

RawImages read_gray_png(const std::filesystem::path& path) {
  const Picture picture = read_png(path);
  RawImages raw{.where = path.string(), .rows = picture.height, .cols = picture.width};
  raw.pixels = Array(DType::float32, Shape{1, raw.rows * raw.cols});
  for (std::int64_t i = 0; i < raw.rows * raw.cols; ++i) {
    const std::uint8_t* p = picture.pixels.data() + i * picture.channels;
    raw.pixels.data<float>()[i] =
        picture.channels == 1 ? p[0] : std::round(gray_of(p[0], p[1], p[2]));
  }
  return raw;
}

std::vector<RawImages> read_raw_images(const std::filesystem::path& path) {
  std::byte start[8]{};
  const std::size_t n = InputFile(path).read(start);
  const std::string_view head = as_text(std::span(start).first(n));
  const std::string file = path.filename().string();
  if (head.starts_with("\x89PNG")) return {read_gray_png(path)};
  if (head.starts_with("\x93NUMPY")) {
    const Bytes bytes = InputFile(path).read_all();
    return {from_array(parse_npy(bytes, path), path.string(), file)};
  }
  if (head.starts_with("PK")) {
    std::vector<RawImages> all;
    for (const auto& [key, array] : read_npz(path))
      all.push_back(from_array(array, fmt::format("{}:{}", path.string(), key), key));
    if (all.empty()) throw_io(path, "there are no arrays in it");
    return all;
  }
  if (head.starts_with(std::string_view("\0\0", 2))) return {from_idx(path)};
  const bool is_text = std::all_of(head.begin(), head.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 32 || c == '\n' || c == '\r' || c == '\t';
  });
  if (!is_text || n == 0)
    throw_io(path, fmt::format("is none of what can be read: {}", image_kinds()));
  return {from_numbers(path)};
}

void require_fitting(const std::string& where, std::int64_t n, std::int64_t rows,
                     std::int64_t cols) {
  constexpr std::int64_t most = std::int64_t{1} << 30U;
  if (rows * cols <= most / std::max<std::int64_t>(n, 1)) return;
  throw IoError(fmt::format("{}: {} {} of {} x {} pixels are too large; at most {} pixels together",
                            where, n, n == 1 ? "image" : "images", cols, rows, most));
}

void resize(RawImages& images, std::int64_t rows, std::int64_t cols) {
  const std::int64_t n = images.pixels.shape()[0];
  require_fitting(images.where, n, rows, cols);
  Array resized(DType::float32, Shape{n, rows * cols});
  const double height = static_cast<double>(images.rows) / static_cast<double>(rows);
  const double width = static_cast<double>(images.cols) / static_cast<double>(cols);
  // The mean over the rectangle that a new pixel covers, parts of old pixels counting as parts.
  const auto mean = [&](const float* image, double top, double left) {
    double sum = 0;
    for (double y = std::floor(top); y < top + height && y < static_cast<double>(images.rows);
         ++y) {
      const double high = std::min(y + 1, top + height) - std::max(y, top);
      for (double x = std::floor(left); x < left + width && x < static_cast<double>(images.cols);
           ++x) {
        const double wide = std::min(x + 1, left + width) - std::max(x, left);
        sum += high * wide *
               image[static_cast<std::int64_t>(y) * images.cols + static_cast<std::int64_t>(x)];
      }
    }
    return static_cast<float>(sum / (height * width));
  };
  for (std::int64_t i = 0; i < n; ++i) {
    const float* image = images.pixels.data<float>() + i * images.rows * images.cols;
    for (std::int64_t p = 0; p < rows * cols; ++p) {
      resized.data<float>()[i * rows * cols + p] = mean(
          image, static_cast<double>(p / cols) * height, static_cast<double>(p % cols) * width);
    }
  }
  images.pixels = std::move(resized);
  images.rows = rows;
  images.cols = cols;
}

}  // namespace damo::io
