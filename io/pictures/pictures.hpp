#pragma once
#include <string>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/io/formats/midi.hpp>
#include <damo/io/pictures/png.hpp>

namespace damo::io {

/// How `tile_raster_images` lays out its tiles.
struct Tiling {
  int image_rows = 28;  ///< size of one tile in pixels
  int image_cols = 28;
  int tile_rows = 10;  ///< number of tiles
  int tile_cols = 10;
  int spacing = 1;  ///< black pixels between tiles
  /// Each tile from its own smallest value (black) to its largest (white), as the Deep Learning
  /// Tutorials draw filters; otherwise values are taken as being in [0, 1], as for samples.
  bool scale_each_tile = true;
  int zoom = 1;  ///< each pixel becomes a square of this size
};

/// A grid of gray images: row i of `rows` (float32 or float64, (n, image_rows * image_cols)) is
/// tile i, from the top left, row by row. Tiles without a row stay black; NaN is drawn black.
/// Throws ShapeError when the width of `rows` is not that of a tile.
Picture tile_raster_images(const Array& rows, const Tiling& tiling);

/// The rows of `weights`^T as `tile_raster_images` wants them: hidden unit j's filter is column j
/// of W (n_visible, n_hidden).
Array transposed(const Array& weights);

/// Two pictures in one, their tops level, with `gap` white pixels between them.
Picture side_by_side(const Picture& left, const Picture& right, int gap = 0);

/// One curve of a plot. Points with a NaN or infinite coordinate leave a gap.
struct Series {
  std::string label;
  std::vector<double> x;
  std::vector<double> y;
};

struct PlotOptions {
  std::string title;
  std::string x_label = "epoch";
  std::string y_label;
  int width = 900;
  int height = 560;
  std::string caption{};  ///< what a page says above the curves
  bool integer_x = true;  ///< ticks of the x axis only at whole numbers
};

/// Curves over axes with ticks and numbers, and a legend when there are several.
Picture plot(const std::vector<Series>& series, const PlotOptions& options);

/// A piano-roll, float32 (frames, pitches), with pitch names, octave lines and a time axis in
/// seconds; values between 0 and 1 (probabilities) are drawn paler. At most 1600 frames are drawn,
/// and only the octaves in use.
Picture draw_piano_roll(const Array& roll, const RollOptions& options, const std::string& title);

}  // namespace damo::io
