#include "support/chains.hpp"

#include <algorithm>

#include "support/filters.hpp"

namespace damo::examples {

io::Picture chain_picture(const std::function<Array()>& next, std::int64_t rows,
                          const io::Dataset& data) {
  std::vector<float> pixels;
  for (std::int64_t row = 0; row < rows; ++row) {
    const Array state = next();
    const auto values = state.values<float>();
    pixels.insert(pixels.end(), values.begin(), values.end());
  }
  const auto tiles = static_cast<std::int64_t>(pixels.size()) / data.pixels();
  return io::tile_raster_images(Array::from<float>(pixels, {tiles, data.pixels()}),
                                {.image_rows = static_cast<int>(data.rows),
                                 .image_cols = static_cast<int>(data.cols),
                                 .tile_rows = static_cast<int>(rows),
                                 .tile_cols = static_cast<int>(tiles / rows),
                                 .scale_each_tile = false,
                                 .zoom = zoom_of(data)});
}

Array first_images(const io::Dataset& data, std::int64_t n) {
  const std::int64_t count = std::min(n, data.test.shape()[0]);
  const auto pixels =
      data.test.values<float>().first(static_cast<std::size_t>(count * data.pixels()));
  return Array::from(pixels, {count, data.pixels()});
}

}  // namespace damo::examples
