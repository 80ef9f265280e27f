#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/augment.hpp>
#include <damo/ops/arranging/pad.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/indexing/along_axis.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo::models {

Var dropout(const Var& units, double share, RandomStream& draws) {
  if (!(share >= 0 && share < 1))
    throw NumericError(fmt::format("dropout: a share of {}; it is in [0, 1)", share));
  if (share == 0) return units;
  return units * draws.bernoulli(1 - share, Sizes(units.shape()), units.dtype()) / (1 - share);
}

Var moved_images(const Var& images, std::int64_t rows, std::int64_t cols, std::int64_t by,
                 RandomStream& draws) {
  if (by < 0) throw NumericError(fmt::format("moved_images: by up to {} pixels", by));
  if (images.ndim() != 2) {
    throw ShapeError(
        fmt::format("moved_images: images in rows are a matrix, got {}", describe(images)));
  }
  if (by == 0) return images;
  const Var n = images.shape(0);
  const std::int64_t wide = cols + 2 * by, high = rows + 2 * by;
  const Var framed = reshape(pad(reshape(images, {n, rows, cols}), {{0, 0}, {by, by}, {by, by}}),
                             {n, high * wide});
  const Var down = draws.randint({n, 1}, 0, 2 * by + 1);
  const Var right = draws.randint({n, 1}, 0, 2 * by + 1);
  // Where an image's pixel is read when its first row and column are those of the frame.
  const Var pixel = arange(rows * cols);
  const Var place = floor_div(pixel, cols) * wide + pixel % cols;
  return take_along_axis(framed, place + (down * wide + right), 1);
}

}  // namespace damo::models
