#include "support/filters.hpp"

#include <algorithm>

namespace damo::examples {
namespace {

constexpr std::int64_t tiles = 10;
constexpr int usual_rows = 28;

}  // namespace

int zoom_of(const io::Dataset& data) {
  return std::max(1, usual_rows / static_cast<int>(data.rows));
}

io::Picture filter_picture(const Array& weights, const io::Dataset& data) {
  const std::int64_t count = std::min(weights.shape()[1], tiles * tiles);
  const std::int64_t across = std::min(count, tiles);
  return io::tile_raster_images(io::transposed(weights),
                                {.image_rows = static_cast<int>(data.rows),
                                 .image_cols = static_cast<int>(data.cols),
                                 .tile_rows = static_cast<int>((count + across - 1) / across),
                                 .tile_cols = static_cast<int>(across),
                                 .zoom = zoom_of(data)});
}

}  // namespace damo::examples
