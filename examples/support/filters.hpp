#pragma once
#include <damo/io/dataset.hpp>
#include <damo/io/pictures/pictures.hpp>

namespace damo::examples {

/// What the first 100 hidden units look for: 10 x 10 tiles, one for each column of the weights
/// (visible, hidden), of the size of the images. Small images are drawn enlarged.
io::Picture filter_picture(const Array& weights, const io::Dataset& data);

/// What such a picture shows.
inline constexpr const char* filters_caption =
    "What the first 100 hidden units look for: a tile each, the weights from each pixel, each tile "
    "scaled by itself from its smallest weight (black) to its largest (white).";

/// A square for each pixel of this many pixels, so that small images can be seen.
int zoom_of(const io::Dataset& data);

}  // namespace damo::examples
