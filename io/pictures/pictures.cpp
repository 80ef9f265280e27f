#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/io/pictures/pictures.hpp>

namespace damo::io {
namespace {

constexpr double tiny = 1e-8;  // keeps a constant tile from dividing by zero, as in the tutorials

std::uint8_t gray(double value) {
  return std::isfinite(value) ? static_cast<std::uint8_t>(std::clamp(value, 0.0, 1.0) * 255) : 0;
}

template <class T>
void draw_tile(Picture& picture, const T* values, int left, int top, const Tiling& t) {
  const int n = t.image_rows * t.image_cols;
  T low = 0;
  T span = 1;
  if (t.scale_each_tile) {
    const auto [min, max] = std::minmax_element(values, values + n);
    low = *min;
    span = *max - *min + static_cast<T>(tiny);
  }
  for (int i = 0; i < n; ++i) {
    *picture.at(left + i % t.image_cols, top + i / t.image_cols) =
        gray(static_cast<double>((values[i] - low) / span));
  }
}

Picture enlarged(const Picture& small, int zoom) {
  Picture large(small.width * zoom, small.height * zoom, small.channels);
  for (int y = 0; y < large.height; ++y) {
    for (int x = 0; x < large.width; ++x) {
      std::copy_n(small.at(x / zoom, y / zoom), small.channels, large.at(x, y));
    }
  }
  return large;
}

}  // namespace

Picture tile_raster_images(const Array& rows, const Tiling& t) {
  const std::int64_t pixels = std::int64_t{t.image_rows} * t.image_cols;
  if (rows.rank() != 2 || rows.shape()[1] != pixels || !is_float(rows.dtype())) {
    throw ShapeError(fmt::format(
        "tile_raster_images: {} {} given, float rows of {} x {} = {} pixels expected",
        name(rows.dtype()), to_string(rows.shape()), t.image_rows, t.image_cols, pixels));
  }
  Picture picture((t.image_cols + t.spacing) * t.tile_cols - t.spacing,
                  (t.image_rows + t.spacing) * t.tile_rows - t.spacing, 1);
  const std::int64_t count = std::min(rows.shape()[0], std::int64_t{t.tile_rows} * t.tile_cols);
  for (int i = 0; i < count; ++i) {
    const int left = i % t.tile_cols * (t.image_cols + t.spacing);
    const int top = i / t.tile_cols * (t.image_rows + t.spacing);
    if (rows.dtype() == DType::float32) {
      draw_tile(picture, rows.data<float>() + i * pixels, left, top, t);
    } else {
      draw_tile(picture, rows.data<double>() + i * pixels, left, top, t);
    }
  }
  return t.zoom > 1 ? enlarged(picture, t.zoom) : picture;
}

Picture side_by_side(const Picture& left, const Picture& right, int gap) {
  const int channels = std::max(left.channels, right.channels);
  Picture both(left.width + gap + right.width, std::max(left.height, right.height), channels, 255);
  const auto paste = [&](const Picture& from, int offset) {
    for (int y = 0; y < from.height; ++y) {
      for (int x = 0; x < from.width; ++x) {
        for (int c = 0; c < channels; ++c) {
          both.at(offset + x, y)[c] = from.at(x, y)[std::min(c, from.channels - 1)];
        }
      }
    }
  };
  paste(left, 0);
  paste(right, left.width + gap);
  return both;
}

Array transposed(const Array& weights) {
  if (weights.rank() != 2) {
    throw ShapeError(
        fmt::format("transposed: a matrix expected, {} given", to_string(weights.shape())));
  }
  const std::int64_t n = weights.shape()[0];
  const std::int64_t m = weights.shape()[1];
  Array out(weights.dtype(), Shape{m, n});
  dispatch(weights.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < m; ++j) {
        out.data<T>()[j * n + i] = weights.data<T>()[i * m + j];
      }
    }
  });
  return out;
}

}  // namespace damo::io
