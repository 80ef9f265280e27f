#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>

namespace damo::io {

/// How gray pixels become what a model of binary units sees.
enum class Binarize {
  none,       ///< gray levels, taken as probabilities, as the tutorials do
  threshold,  ///< 1 where the pixel is at least one half
  sampled     ///< each pixel drawn once: 1 with the gray level as probability
};

/// "none", "threshold" or "sampled"; the inverse throws IoError and names the three.
std::string_view name(Binarize binarize);
Binarize parse_binarize(std::string_view name);

/// Images in rows, with their classes.
struct Dataset {
  std::string name;
  std::string source;              ///< the folder it was read from, or "built in"
  std::string fingerprint;         ///< "crc32:..." of the pixels and labels as loaded, for run.json
  std::vector<std::string> notes;  ///< what a user should know: how it was split, what was left out
  std::int64_t rows = 0;           ///< pixels of one image
  std::int64_t cols = 0;
  Array train, valid, test;                       ///< float32 (n, rows * cols), in [0, 1]
  Array train_labels, valid_labels, test_labels;  ///< int64 (n,), or without an element

  std::int64_t pixels() const { return rows * cols; }
};

struct DatasetOptions {
  Binarize binarize = Binarize::none;
  std::uint64_t seed = 1234;  ///< of Binarize::sampled, of splits and of the order of `bars`
  std::int64_t limit = 0;     ///< keep only that many training images (the others are cut alike)
  std::int64_t width = 0;     ///< of one's own images: what they are resized to; 0 leaves them
  std::int64_t height = 0;
  double white = 0;  ///< of one's own images: the number that is white; 0: 1 or 255, as it fits
};

/// Loads images by name or from a folder.
///
/// - "mnist": in $DAMO_DATA/mnist, $DAMO_DATA or data/mnist; scripts/fetch-mnist gets it.
/// - "fashion": in $DAMO_DATA/fashion-mnist, data/fashion-mnist or
/// /usr/share/datasets/fashion-mnist
///   (Debian's package dataset-fashion-mnist).
/// - "bars": 4 x 4 bars and stripes, built in; "bars8" is 8 x 8, from 2 to 10.
/// - a folder with the four idx files (train-images-idx3-ubyte and so on), plain or gzipped.
/// - images of one's own: a folder of PNG files, an npz, npy, idx or csv file of any name, a folder
///   with such files of one data set, or several paths with commas between. See collect_images and
///   read_raw_images.
///
/// Gray levels are byte / 256, as the Theano tutorials' pickle has them (so white is 0.996). Of
/// one's own images, numbers that are all from 0 to 1 are left as they are. The last sixth of the
/// four files' training images (10,000 of 60,000) is the validation set; of one's own images, what
/// no name says is drawn by the seed: a tenth each to validate and to test, or a sixth to validate
/// where a test set is there. Throws IoError that says where it looked and what to do, and for
/// pixels that are NaN, negative or above 255.
Dataset load_dataset(const std::string& name_or_path, const DatasetOptions& options = {});

/// All bars-and-stripes patterns of n x n pixels, float32 (2^(n+1), n * n): each subset of rows
/// filled, then each subset of columns; empty and full come twice.
Array bars_and_stripes(int n);

/// The width and height of "28x20"; of an empty text 0 and 0, which leaves images as they are.
/// Throws IoError for another text.
std::pair<std::int64_t, std::int64_t> parse_image_size(const std::string& text);

/// The names `load_dataset` knows, for help texts and did-you-mean.
std::vector<std::string> dataset_names();

}  // namespace damo::io
